"""Reports of a result: each module turns a record into text and computes nothing."""
