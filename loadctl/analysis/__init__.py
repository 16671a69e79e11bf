"""What it means: one file a question, each a pure function from what was measured to findings."""
