"""The system as pods, asked through the user's own kubectl."""
