"""What to run. Pure: takes text, not paths; all validation happens here, before the first request."""
