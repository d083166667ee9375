"""Whether a rebuilt model gives the outputs of the one it was made from, and if not, which layer differs first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError, BuildError
from optkit.names import shown

TOLERANCE = 1e-5
"""Of the largest output."""
_SAMPLES = 3
_FREE = 8
"""The size that a free dimension is tried with."""


def check_outputs(source: Any, made: Any, path: Path) -> None:
    """Compare the outputs on random inputs, integers 0 and 1. Raises BuildError, which names the first that differs."""
    check_finite(source, path)
    given = _inputs(source)
    expected, got = _run(source, given), _run(made, given)
    if all(_equal(a, b) for a, b in zip(expected, got, strict=True)):
        return
    name = _first_difference(source, made)
    what = f"the layer {shown(name)!r} gives" if name else "its layers give"
    raise BuildError(
        f"{path}: rebuilt in tf-keras, {what} other outputs than in Keras 3; replace it and save the model "
        "again, or use post-training variants alone"
    )


def check_finite(model: Any, path: Path) -> None:
    """Raise ArtifactError, naming the first, when weights of `model` are NaN or infinite: nothing can be made of it."""
    for layer in model.layers:
        for weight in layer.weights:
            bad = int((~np.isfinite(np.asarray(weight, np.float64))).sum())
            if bad:
                raise ArtifactError(
                    f"{path}: weights of the layer {shown(layer.name)!r} are NaN or infinite ({bad:,} of "
                    f"{weight.name}); its training went wrong: give a model that was saved before that"
                )


def _inputs(source: Any) -> list[npt.NDArray[Any]]:
    rng = np.random.default_rng(0)
    found: list[npt.NDArray[Any]] = []
    for tensor in source.inputs:
        shape = [tensor.shape[0] or _SAMPLES, *(size or _FREE for size in tensor.shape[1:])]
        kind = np.dtype(tensor.dtype)
        values = rng.normal(size=shape) if kind.kind == "f" else rng.integers(0, 2, shape)
        found.append(values.astype(kind))
    return found


def _run(model: Any, given: list[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
    values = dict(zip([tensor.name.split(":")[0] for tensor in model.inputs], given, strict=True))
    found = model(values if _takes_dict(model) else given if len(given) > 1 else given[0], training=False)
    return [np.asarray(one, np.float64) for one in flat(found)]


def _takes_dict(model: Any) -> bool:
    return isinstance(getattr(model, "input", None), dict)


def flat(value: Any) -> list[Any]:
    """Return the tensors of nested lists and dicts in order; of a dict, by its sorted keys."""
    if isinstance(value, dict):
        return [item for key in sorted(value) for item in flat(value[key])]
    return [item for part in value for item in flat(part)] if isinstance(value, (list, tuple)) else [value]


def _equal(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max(initial=0) <= TOLERANCE * np.abs(a).max(initial=1e-30))


def _first_difference(source: Any, made: Any) -> str:
    """Return the name of the first layer whose outputs differ on its own random inputs; empty when none does so."""
    for layer in source.layers:
        try:
            twin = made.get_layer(layer.name)
            shape = [size or _SAMPLES for size in layer.input.shape]
            x = np.random.default_rng(1).normal(size=shape).astype(layer.input.dtype)
            if not _equal(np.asarray(layer(x), np.float64), np.asarray(twin(x), np.float64)):
                return str(layer.name)
        except Exception:  # several inputs, or several uses: another layer may tell
            continue
    return ""
