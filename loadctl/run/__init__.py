"""Carrying a scenario out: the only room with processes, signals and files."""
