"""What a run means: one file per question, each a pure function from the measurements to findings."""
