"""Every request, folded into one frame a second."""
