"""Explanations from measurement: where accuracy is lost, and what mends it."""
