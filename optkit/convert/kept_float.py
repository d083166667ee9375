"""Operators without weights that `layers` of a conversion keeps in float, such as batch normalization by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from optkit.convert.quantizer_recipe import ACTIVATION_BITS, Layer
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer, tensor_name, weight_operators


def keeps_operators(conversion: Conversion, pattern: str) -> bool:
    """Tell whether a pattern of `layers` may also name operators without weights."""
    return conversion.mode in ACTIVATION_BITS and conversion.layers[pattern] == "float32"


def without_weights(tree: Any) -> Iterator[tuple[str, str, list[str]]]:
    """Yield of each operator without weights its scope, its kind and the parts of the names of what it gives.

    A part that all operators have, such as the network's name, is none.
    """
    for graph in tree.subgraphs:
        weighted = {id(operator) for operator, _ in weight_operators(tree, graph)}
        names = [[tensor_name(graph.tensors[index]) for index in operator.outputs] for operator in graph.operators]
        parts = [{part for part in re.split("[/;:]", ";".join(made)) if part} for made in names]
        shared = set.intersection(*parts) if len(parts) > 1 else set()
        for operator, made, own in zip(graph.operators, names, parts, strict=True):
            if id(operator) not in weighted:
                yield ";".join(made) + ";", operator_name(tree, operator), sorted(own - shared)


def kept_float(model: bytes, conversion: Conversion, layers: Sequence[Layer]) -> list[tuple[str, str]]:
    """Return scope and kind of the operators without weights that `layers` keeps in float.

    A pattern that names a layer with weights is of that layer alone, so that what such patterns built stays the same.
    """
    from litert_quantizer.qtyping import TFLOperationName

    known = {operation.value for operation in TFLOperationName}  # all others stay in float anyway
    named = {name for layer in layers for name in layer.names}
    patterns = [
        pattern
        for pattern in conversion.layers
        if keeps_operators(conversion, pattern) and not any(fnmatchcase(name, pattern) for name in named)
    ]
    return [
        (scope, kind)
        for scope, kind, parts in without_weights(parse_flatbuffer(model))
        if kind in known and any(fnmatchcase(part, pattern) for part in parts for pattern in patterns)
    ]
