"""How many zeros each layer takes untrained: found on a float .tflite file, layer by layer, in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data import Dataset
from optkit.data.dataset import count, take
from optkit.measure.metrics import Scorer
from optkit.process.temporary import temporary_folder
from optkit.runtime.samples import run_samples
from optkit.tflite.flatbuffer import is_constant, parse_flatbuffer, tensor_name, tensor_type, weight_operators

SAMPLES = 500
"""Of the samples that choose, so many are looked at."""
_SHARES = (0.5, 0.7, 0.8, 0.9, 0.95)


def zeros_endured(
    path: Path, layers: Mapping[str, Sequence[str]], dataset: Dataset, scorer: Scorer, drop: float
) -> dict[str, float]:
    """Return for each layer the largest share of zeros that costs at most `drop` of the metric, by itself, untrained.

    `path` is a float .tflite file, `layers` the names of its weight tensors by layer. The smallest weights become
    zero. 0 for a layer that takes none of the shares that are tried.
    """
    few = slice(SAMPLES)
    x, y = take(dataset.x_test, few), dataset.y_test[few] if len(dataset.y_test) else dataset.y_test
    content = path.read_bytes()
    if not count(x):
        return {}

    def score(data: bytes) -> float:
        file.write_bytes(data)
        outputs = run_samples(file, x)
        groups = None if dataset.group_test is None else dataset.group_test[few]
        value = scorer.from_outputs(y, next(iter(outputs.values())) if len(outputs) == 1 else outputs, x, groups).value
        return value if scorer.better == "higher" else -value

    found = {}
    with temporary_folder("sensitivity") as folder:
        file = folder / "model.tflite"
        whole = score(content)
        for layer, tensors in layers.items():
            endured = [share for share in _SHARES if whole - score(pruned(content, tensors, share)) <= drop]
            found[layer] = max(endured, default=0.0)
    return found


def pruned(data: bytes, tensors: Sequence[str], share: float) -> bytes:
    """Return the float .tflite file `data` with this `share` of the weights of each of `tensors`, by name, zero."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(data)
    for graph in model.subgraphs:
        for _, tensor in weight_operators(model, graph):
            if tensor_name(tensor) in tensors and tensor_type(tensor) == "float32" and is_constant(model, tensor):
                model.buffers[tensor.buffer].data = _without(model.buffers[tensor.buffer].data, share)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _without(raw: Any, share: float) -> npt.NDArray[np.uint8]:
    values = np.frombuffer(np.asarray(raw, np.uint8).tobytes(), np.float32).copy()
    values[np.argsort(np.abs(values), kind="stable")[: round(share * len(values))]] = 0
    return np.frombuffer(values.tobytes(), np.uint8)
