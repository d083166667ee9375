"""Judge what was measured: gates, paired comparison of two models, of two runs, and of many over time."""
