"""What was measured over a window: stages, levels, stalls, resources, and what targets ask for."""
