"""Screens and lines for people at a terminal. Record → str."""
