"""The system's own metrics: its metrics page, or a Prometheus server."""
