"""Made-up samples for a file that nobody gave data for: real values from 0 to 1, and 0 where an input takes places."""

from __future__ import annotations

import numpy as np

from optkit.tflite.interface import Array, Inputs, Interface, TensorSpec


def random_inputs(interface: Interface, batch: int, *, zeros: bool = False, seed: int = 0) -> Inputs:
    """Return `batch` samples as `prepare` takes them: one array, or one for each of several inputs by name.

    Sizes that the file leaves free are 1. Real and quantized inputs get values from 0 to 1; integers stand for places
    of something and booleans for yes or no, so they get 0 and 1. With `zeros` all are 0.
    """
    rng = np.random.default_rng(seed)
    found = {spec.name: _values(spec, batch, rng, zeros) for spec in interface.inputs}
    return next(iter(found.values())) if len(found) == 1 else found


def _values(spec: TensorSpec, batch: int, rng: np.random.Generator, zeros: bool) -> Array:
    shape = (batch, *(1 if size is None else size for size in spec.shape[1:]))
    if zeros:
        return np.zeros(shape, np.float32)
    if spec.quantized or spec.dtype.startswith("float"):
        return rng.random(shape, np.float32)
    return rng.integers(0, 2, shape).astype(np.float32)
