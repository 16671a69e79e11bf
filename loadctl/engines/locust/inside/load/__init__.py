"""Who is active when."""
