"""Templates: `{{ expression }}` inside the texts of a scenario, and the values that they make."""
