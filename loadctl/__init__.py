"""Load tests with one verdict that can be trusted."""
