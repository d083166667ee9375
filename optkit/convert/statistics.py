"""What LiteRT's quantizer is told of a model's activations: their ranges, and what its algorithms ask for besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from optkit.convert.activations import Feeds, activation_ranges, hessians
from optkit.convert.quantizer_recipe import ACTIVATION_BITS
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name

_OWN = ("hessian", "mu2")
"""What describes one tensor's values, and so never another's."""


class Statistics(dict[str, dict[str, Any]]):
    """Statistics by tensor name, of which each tensor keeps its own.

    After an operator whose output has its input's scale (a pooling, a reshape), the quantizer puts the input's entry in
    place of the output's. The range is meant; but a Hessian goes with it, which then fits nothing that follows: GPTQ
    left the weights of a dense layer after an average pooling in float, in a tensor that says int8.
    """

    def __init__(self, given: Mapping[str, Mapping[str, Any]]) -> None:
        """Copy `given`, arrays too: GPTQ writes into the Hessian that it gets."""
        super().__init__({name: {key: np.copy(one) for key, one in entry.items()} for name, entry in given.items()})

    def __setitem__(self, name: str, entry: dict[str, Any]) -> None:
        """Give the tensor the range of `entry`, and leave it what is its own."""
        own = {key: value for key, value in self.get(name, {}).items() if key in _OWN}
        super().__setitem__(name, {**{key: value for key, value in entry.items() if key not in _OWN}, **own})


def statistics_of(model: bytes, conversion: Conversion, samples: Feeds) -> dict[str, dict[str, Any]]:
    """Return what the recipe asks for of the activations, by tensor name, as the quantizer takes it.

    Ranges are arrays of one element in the tensor's rank.
    """
    static, algorithm = conversion.mode in ACTIVATION_BITS, conversion.algorithm
    ranges = activation_ranges(model, conversion, samples) if static else {}
    found = _ranges(model, ranges)
    for name, hessian in (hessians(model, samples) if algorithm in ("gptq", "oscar") else {}).items():
        seen = found.setdefault(name, {})
        if algorithm == "gptq":
            seen["hessian"] = hessian
        else:
            seen["mu2"] = np.diag(hessian) / 2  # the mean square of each input
    return found


def _ranges(model: bytes, ranges: dict[str, tuple[float, float]]) -> dict[str, dict[str, Any]]:
    graph = parse_flatbuffer(model).subgraphs[0]
    ranks = {tensor_name(tensor): 0 if tensor.shape is None else len(tensor.shape) for tensor in graph.tensors}
    return {
        name: {
            "min": np.full((1,) * ranks[name], low, np.float32),
            "max": np.full((1,) * ranks[name], high, np.float32),
        }
        for name, (low, high) in ranges.items()
    }
