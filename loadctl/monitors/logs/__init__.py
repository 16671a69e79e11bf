"""The system's logs, followed while it is loaded."""
