"""Locust as an engine: the plan out here, the recorder and the users in inside/, which runs in the engine's own Python."""
