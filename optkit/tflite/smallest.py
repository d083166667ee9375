"""The smallest valid file: all that is no weight taken out, or said in fewer bytes.

Beyond what `strip` removes: a RESHAPE that only flattens for a FULLY_CONNECTED, which flattens by itself; a constant
shape as an option of its RESHAPE, not as a tensor; free sizes of what is neither an input nor an output, which LiteRT
works out anew for each batch; the deprecated field of operator codes; then equal parts are shared (`tflite.compact`).

A file with one input and one output needs no signature: there is nothing to tell apart. With several, the signature
stays, and the names in it.

Law: the outputs stay the same to the bit, at every batch.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.tflite.compact import compact
from optkit.tflite.flatbuffer import is_constant, operator_name, parse_flatbuffer, tensor_type
from optkit.tflite.simplify import drop_unused, drop_unused_codes
from optkit.tflite.strip import share_buffers, strip, strip_tree
from optkit.tflite.tensors import listed, numbers

_MOST_SIZES = 8
"""As many sizes as LiteRT takes from the options of a RESHAPE."""


def reduced(data: bytes, how: Literal["nothing", "keep_names", "all", "smallest"]) -> bytes:
    """Return the .tflite file `data` without what `how` does not keep: the field `strip` of a conversion."""
    if how == "nothing":
        return data
    return smallest(data) if how == "smallest" else strip(data, how)


def smallest(data: bytes) -> bytes:
    """Return the .tflite file `data`, which optkit made or verified, as the smallest that computes the same."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(data)
    strip_tree(model, "all", signatures=_are_needed(model))
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        code.deprecatedBuiltinCode = 0
    for number, graph in enumerate(model.subgraphs):
        gone = _flatten_once(model, graph)
        _give_shapes_as_options(model, graph)
        signatures = [one for one in listed(model.signatureDefs) if one.subgraphIndex == number]
        drop_unused(model, graph, signatures, gone)
        ends = {*numbers(graph.inputs).tolist(), *numbers(graph.outputs).tolist()}
        for index, tensor in enumerate(graph.tensors):
            tensor.hasRank = False
            if index not in ends:
                tensor.shapeSignature = None
    drop_unused_codes(model)
    share_buffers(model)
    return compact(bytes(flatbuffer_utils.convert_object_to_bytearray(model)))


def _are_needed(model: Any) -> bool:
    """Tell whether the signatures say what cannot be known without: which of several things is which."""
    graph = model.subgraphs[0]
    many = len(listed(graph.inputs)) > 1 or len(listed(graph.outputs)) > 1
    return many or len(listed(model.signatureDefs)) > 1


def _flatten_once(model: Any, graph: Any) -> list[Any]:
    """Let each FULLY_CONNECTED read what a RESHAPE flattens for it; return those RESHAPEs, which may be unused now.

    FULLY_CONNECTED takes its input as rows of as many values as its weights have columns.
    """
    made = {int(index): operator for operator in graph.operators for index in numbers(operator.outputs).tolist()}
    found = []
    for operator in graph.operators:
        if operator_name(model, operator) != "FULLY_CONNECTED" or getattr(operator.builtinOptions, "keepNumDims", True):
            continue
        flattening = made.get(int(operator.inputs[0]))
        if flattening is None or operator_name(model, flattening) != "RESHAPE":
            continue
        before, after = (graph.tensors[int(one.inputs[0])] for one in (flattening, operator))
        weights = graph.tensors[int(operator.inputs[1])]
        if _flattens(model, before, after, weights):
            operator.inputs = [int(flattening.inputs[0]), *numbers(operator.inputs).tolist()[1:]]
            found.append(flattening)
    return found


def _flattens(model: Any, before: Any, after: Any, weights: Any) -> bool:
    """Tell whether a tensor with samples becomes one with as many rows, each of as many values as `weights` take."""
    size = (numbers(weights.shape).tolist() or [0])[-1]
    shape = numbers(before.shape).tolist()
    rows = int(np.prod(shape[1:], dtype=np.int64))
    same = (rows == size, numbers(after.shape).tolist() == [*shape[:1], size], _kind(before) == _kind(after))
    return size > 0 and all(same) and not is_constant(model, before)


def _kind(tensor: Any) -> tuple[Any, ...]:
    found = tensor.quantization
    if found is None:
        return (tensor.type,)
    return (tensor.type, *(np.asarray(listed(one)).tolist() for one in (found.scale, found.zeroPoint)))


def _give_shapes_as_options(model: Any, graph: Any) -> None:
    """Give each RESHAPE to a constant shape that shape as an option."""
    from ai_edge_litert import schema_py_generated as schema

    for operator in graph.operators:
        if operator_name(model, operator) != "RESHAPE" or len(listed(operator.inputs)) != 2:
            continue
        shape = _constant(model, graph.tensors[int(operator.inputs[1])])
        if shape is not None and 0 < len(shape) <= _MOST_SIZES and (shape != 0).all():
            operator.inputs = [int(operator.inputs[0])]
            operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
            operator.builtinOptions = schema.ReshapeOptionsT()
            operator.builtinOptions.newShape = shape.tolist()


def _constant(model: Any, tensor: Any) -> npt.NDArray[np.int32] | None:
    if tensor_type(tensor) != "int32" or len(listed(tensor.shape)) != 1 or not is_constant(model, tensor):
        return None
    return np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), np.int32)
