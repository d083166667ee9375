"""Measure artifacts: accuracy as deployed, latency, and pairs of files against each other."""
