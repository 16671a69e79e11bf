"""How the system is watched."""
