"""The machine that makes the load: the engine's processes, loadctl itself, and what they leave for others."""
