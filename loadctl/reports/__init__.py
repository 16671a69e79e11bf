"""How a result is told: each module turns a record into text and computes nothing."""
