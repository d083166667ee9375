"""Render records: the only place that formats. Text for terminals is in `text`."""
