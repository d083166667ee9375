"""Statistics: estimates with their intervals, tests, and points of change. Arrays in, figures out."""
