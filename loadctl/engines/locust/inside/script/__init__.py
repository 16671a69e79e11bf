"""A script of the user's own, under our load and recorder."""
