"""Take out of a .tflite file what a converter left for nothing: constants that are computed, shapes, pairs.

A Keras `Reshape` or `Flatten` with a free batch becomes SHAPE, STRIDED_SLICE, PACK and RESHAPE: the batch is read from
the input, packed with the other sizes, and the result is the shape to take. These run on built-in kernels, split what a
delegate takes in two, and cost some hundred bytes. One RESHAPE to a constant shape with -1 for the batch does the same.
The pairs, which undo each other, are those of `optkit.tflite.pairs`; the constants those of `optkit.tflite.fold`.

Law: the outputs stay the same to the bit, at every batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.tflite.flatbuffer import is_constant, operator_name, parse_flatbuffer, tensor_type
from optkit.tflite.fold import fold_constants
from optkit.tflite.pairs import undo_pairs
from optkit.tflite.strip import share_buffers

_OPTIONAL = -1
"""The number of an optional input that is not given."""
_PURE = ("SHAPE", "STRIDED_SLICE", "PACK")
"""What may go once nothing uses its result: these compute a shape and do nothing else."""


def simplify(data: bytes) -> bytes:
    """Return the .tflite file `data`, verified and tried before, with constants for what is computed of constants.

    Computed shapes become constant too, and pairs that undo each other go. The same bytes when there is none of it.
    """
    return _without_shapes_and_pairs(fold(data))


def fold(data: bytes, *, quantized_next: bool = False) -> bytes:
    """Return the .tflite file `data`, verified and tried before, with the results of operators on constants in it.

    `quantized_next` as `tflite.fold.foldable` has it. The same bytes when there are none, and when the file would grow.
    """
    model = parse_flatbuffer(data)
    if not any([fold_constants(model, graph, quantized_next=quantized_next) for graph in model.subgraphs]):
        return data
    folded = _written(model, [[] for _ in model.subgraphs])
    as_it_was = len(_packed(parse_flatbuffer(data)))  # by the same writer
    return folded if len(folded) <= as_it_was else data


def _without_shapes_and_pairs(data: bytes) -> bytes:
    model = parse_flatbuffer(data)
    changed = [_constant_shapes(model, graph) for graph in model.subgraphs]
    undone = [undo_pairs(model, graph) for graph in model.subgraphs]
    return _written(model, undone) if any(changed) or any(undone) else data


def _written(model: Any, undone: Sequence[Sequence[Any]]) -> bytes:
    """Return the bytes of a model without what nothing uses any more; `undone` are operators of each subgraph."""
    for number, graph in enumerate(model.subgraphs):
        signatures = [one for one in model.signatureDefs or [] if one.subgraphIndex == number]
        drop_unused(model, graph, signatures, undone[number])
    drop_unused_codes(model)
    model.metadataBuffer = None  # numbers of buffers, which are others now; nothing reads them
    share_buffers(model)
    return _packed(model)


def _packed(model: Any) -> bytes:
    from ai_edge_litert.tools import flatbuffer_utils

    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _constant_shapes(model: Any, graph: Any) -> bool:
    """Give each RESHAPE whose shape is packed of constants and one computed size a constant shape; tell if any has.

    A reshape keeps the number of elements. So where all sizes but one are known and not 0, that one follows from them,
    whatever computed it, and -1 stands for it.
    """
    made = {int(index): operator for operator in _list(graph, "operators") for index in _list(operator, "outputs")}
    changed = False
    for operator in _list(graph, "operators"):
        if operator_name(model, operator) != "RESHAPE" or len(_list(operator, "inputs")) != 2:
            continue
        source = made.get(int(operator.inputs[1]))
        if source is None or operator_name(model, source) != "PACK":
            continue
        sizes = [_size(model, graph.tensors[int(index)]) for index in _list(source, "inputs")]
        if sizes.count(None) == 1 and all(size is None or size > 0 for size in sizes):
            shape = np.array([-1 if size is None else size for size in sizes], np.int32)
            operator.inputs = [int(operator.inputs[0]), _add_constant(model, graph, shape)]
            changed = True
    return changed


def _size(model: Any, tensor: Any) -> int | None:
    """Return the value of a constant int32 scalar; None of any other tensor."""
    if tensor_type(tensor) != "int32" or not is_constant(model, tensor):
        return None
    values = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), np.int32)
    return int(values[0]) if len(values) == 1 else None


def _add_constant(model: Any, graph: Any, values: npt.NDArray[np.int32]) -> int:
    """Add a constant int32 tensor (n,) to `graph` and return its number."""
    from ai_edge_litert import schema_py_generated as schema

    buffer, tensor = schema.BufferT(), schema.TensorT()
    buffer.data = np.frombuffer(values.tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.shape, tensor.type, tensor.buffer = [len(values)], schema.TensorType.INT32, len(model.buffers) - 1
    tensor.hasRank = True
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def drop_unused(model: Any, graph: Any, signatures: Sequence[Any], undone: Sequence[Any]) -> None:
    """Drop operators of `_PURE`, and those `undone`, whose result nothing uses; then tensors that nothing refers to."""
    graph.operators = list(_list(graph, "operators"))
    while True:
        used = {int(index) for one in graph.operators for index in _list(one, "inputs")}
        used |= set(map(int, _list(graph, "outputs")))
        left = [
            operator
            for operator in graph.operators
            if not (operator_name(model, operator) in _PURE or any(operator is one for one in undone))
            or used & set(map(int, _list(operator, "outputs")))
        ]
        if len(left) == len(graph.operators):
            break
        graph.operators = left
    lists = [(one, name) for one in graph.operators for name in ("inputs", "outputs", "intermediates")]
    lists += [(graph, "inputs"), (graph, "outputs")]
    kept = {int(index) for owner, name in lists for index in _list(owner, name)}
    details = [one.quantization.details for one in graph.tensors if one.quantization]
    blocks = [one for one in details if hasattr(one, "scales")]
    kept |= {int(one.scales) for one in blocks}  # of weights with a scale for each block, a tensor of its own
    numbers = {old: new for new, old in enumerate(sorted(kept - {_OPTIONAL}))} | {_OPTIONAL: _OPTIONAL}
    for owner, name in lists:
        if getattr(owner, name) is not None:
            setattr(owner, name, [numbers[int(index)] for index in _list(owner, name)])
    for entry in (
        entry for signature in signatures for entry in (*_list(signature, "inputs"), *_list(signature, "outputs"))
    ):
        entry.tensorIndex = numbers[int(entry.tensorIndex)]
    for one in blocks:
        one.scales = numbers[int(one.scales)]
    graph.tensors = [graph.tensors[index] for index in sorted(kept - {_OPTIONAL})]


def _list(owner: Any, name: str) -> Sequence[Any]:
    """Return a vector of the file; an empty one where the file leaves it out."""
    found = getattr(owner, name)
    return () if found is None else found


def drop_unused_codes(model: Any) -> None:
    """Drop the operator codes that no operator has."""
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    kept = sorted({int(operator.opcodeIndex) for operator in operators})
    for operator in operators:
        operator.opcodeIndex = kept.index(int(operator.opcodeIndex))
    model.operatorCodes = [model.operatorCodes[index] for index in kept]
