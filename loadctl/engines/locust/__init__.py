"""Locust as an engine: the plan out here; the recorder and the users in inside/, in its own Python."""
