"""The system as processes: a tree found by port, name or pid, and what it uses."""
