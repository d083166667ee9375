"""Techniques: one file each, one line each in `TECHNIQUES`. Importing them imports no TensorFlow."""

from __future__ import annotations

from typing import Any

from optkit.techniques import prune, quantize_aware
from optkit.techniques.base import Technique, TrainingContext, fit

__all__ = ["TECHNIQUES", "Technique", "TrainingContext", "fit"]

TECHNIQUES: dict[str, Technique[Any]] = {
    "prune": Technique(prune.Prune, prune.apply),
    "quantize_aware": Technique(quantize_aware.QuantizeAware, quantize_aware.apply),
}
