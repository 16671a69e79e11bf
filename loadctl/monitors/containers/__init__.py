"""The system as containers, of Docker or podman."""
