"""Processes: children that end with their parent, signals, temporary folders, and output that always works."""
