"""The trial of a file from elsewhere, under the name by which guides call it. It lives in `optkit.tflite.trial`."""

from __future__ import annotations

from optkit.tflite.trial import check_runs, default_seconds

__all__ = ["check_runs", "default_seconds"]
