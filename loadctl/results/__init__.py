"""What was measured. Pure: no clock, no I/O, no process."""
