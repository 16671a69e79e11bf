"""Every word that loadctl knows, explained: made from the tables that the code itself uses."""
