"""From YAML text to a scenario: every mistake with its line and column."""
