"""The HTTP client of user types."""
