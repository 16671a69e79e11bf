"""Figures of a report that an engine wrote by itself, and their scores."""
