"""What is inside a model file, read without running or training anything."""

from __future__ import annotations

from optkit.inspect.weights import WeightFacts, weights_of

__all__ = ["WeightFacts", "weights_of"]
