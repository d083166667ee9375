"""Operators of a .tflite file that read constants alone: LiteRT computes them once, and the file holds the result.

Law: the outputs stay the same to the bit, by every kernel and at every batch. So only operators are folded whose result
IEEE 754 or the arithmetic of integers fixes: those that move values, count sizes, or do one exact or correctly rounded
step. What reads a result must be of that kind too: a sum over weights is taken in another order by the kernels that
LiteRT has for constant weights. Where the weights are quantized next, that does not count. Values that are stored small
on purpose (float16, integers with a scale, sparse) are never unpacked, and nothing is folded that makes a file larger.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from optkit.tflite.flatbuffer import is_constant, operator_name, tensor_type
from optkit.tflite.tensors import held, listed, numbers

_MOVING = (
    "RESHAPE SQUEEZE EXPAND_DIMS TRANSPOSE SLICE STRIDED_SLICE GATHER CONCATENATION PACK UNPACK SPLIT PAD SHAPE RANK "
    "REVERSE_V2"
)
_EXACT = "ADD SUB MUL NEG ABS SQUARE"
FOLDED = frozenset(f"{_MOVING} {_EXACT}".split())
"""Operators that are folded."""
_READERS = FOLDED | frozenset(
    "MAXIMUM MINIMUM RELU RELU6 GATHER_ND TILE FILL BROADCAST_TO SELECT SELECT_V2 DEPTH_TO_SPACE SPACE_TO_DEPTH PADV2 "
    "MIRROR_PAD RESIZE_NEAREST_NEIGHBOR EQUAL NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL LOGICAL_AND LOGICAL_OR "
    "LOGICAL_NOT".split()
)
"""Operators that give the same bits by every kernel, whatever of their inputs is constant."""
_TYPES = ("float32", "int32", "int64", "bool")
_SMALL = 64
"""Elements that a result may always have: a shape, an axis."""


def foldable(model: Any, graph: Any, *, quantized_next: bool = False) -> list[int]:
    """Return the numbers of the operators of `graph`, a subgraph of the verified ModelT, that are folded, in order.

    `quantized_next`: the model is to be quantized, so that weights may come to other kernels.
    """
    taken = set() if quantized_next else _summed(model, graph)
    outputs = set(numbers(graph.outputs).tolist())
    tensors, known = listed(graph.tensors), set[int]()
    found = []

    def fixed(index: int) -> bool:
        return index in known or (_plain(tensors[index]) and is_constant(model, tensors[index]))

    for number, operator in enumerate(listed(graph.operators)):
        read = [index for index in numbers(operator.inputs).tolist() if index >= 0]
        made = numbers(operator.outputs).tolist()
        if operator_name(model, operator) not in FOLDED or not read or not all(map(fixed, read)):
            continue
        given, results = ([tensors[index] for index in ends] for ends in (read, made))
        if set(made) & (outputs | taken) or not all(map(_plain, results)) or listed(operator.intermediates):
            continue  # an output must be made by an operator, and what is summed by the kernel that did it
        if sum(map(_elements, results)) <= max(_SMALL, sum(map(_elements, given))):
            known.update(made)
            found.append(number)
    return found


def _summed(model: Any, graph: Any) -> set[int]:
    """Return the tensors that an operator reads whose bits may depend on the kernel."""
    others = [one for one in listed(graph.operators) if operator_name(model, one) not in _READERS]
    return {index for operator in others for index in numbers(operator.inputs).tolist()}


def _plain(tensor: Any) -> bool:
    """Tell whether a tensor holds real numbers, integers or truth values as they are, of a size that is known."""
    scaled = tensor.quantization is not None and len(listed(tensor.quantization.scale)) > 0
    free = any(int(size) < 0 for size in (*listed(tensor.shape), *listed(tensor.shapeSignature)))
    kept = tensor.sparsity is not None or tensor.isVariable or scaled or free
    return not kept and tensor_type(tensor) in _TYPES


def _elements(tensor: Any) -> int:
    return math.prod(int(size) for size in listed(tensor.shape))


def fold_constants(model: Any, graph: Any, *, quantized_next: bool = False) -> bool:
    """Put the results of the foldable operators of `graph` into the file, and take those out; tell if there were any.

    When a result is beyond what float32 holds, where kernels differ, or has another shape than the file says, all stay.
    """
    places = foldable(model, graph, quantized_next=quantized_next)
    operators = listed(graph.operators)
    chosen = [operators[place] for place in places]
    made = {index for operator in chosen for index in numbers(operator.outputs).tolist()}
    rest = [operator for place, operator in enumerate(operators) if place not in set(places)]
    wanted = sorted({index for operator in rest for index in numbers(operator.inputs).tolist()} & made)
    if not wanted:
        return False
    values = dict(zip(wanted, _evaluated(model, graph, chosen, wanted), strict=True))
    if not all(_as_said(graph.tensors[index], value) for index, value in values.items()):
        return False
    for index, value in values.items():
        _hold(model, graph.tensors[index], value)
    graph.operators = rest
    return True


def _as_said(tensor: Any, value: Any) -> bool:
    said = [int(size) for size in listed(tensor.shape)]
    held_well = value.dtype != np.float32 or bool((np.abs(value) < np.finfo(np.float32).max).all())
    return list(value.shape) == said and held_well


def _evaluated(model: Any, graph: Any, operators: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
    """Return what LiteRT's built-in kernels make of the tensors `wanted`, of a model of these operators alone."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
    from ai_edge_litert.tools import flatbuffer_utils

    ends = [index for one in operators for name in ("inputs", "outputs") for index in numbers(getattr(one, name))]
    kept = sorted({int(index) for index in ends if index >= 0})
    places = {old: new for new, old in enumerate(kept)} | {-1: -1}
    part = schema.SubGraphT()
    part.tensors, buffers = [], [schema.BufferT()]
    for index in kept:
        tensor = copy.copy(graph.tensors[index])
        data = held(model, tensor)
        tensor.buffer = len(buffers) if len(data) else 0
        if len(data):
            buffers.append(schema.BufferT())
            buffers[-1].data = data
        part.tensors.append(tensor)
    part.operators = [_moved(operator, places) for operator in operators]
    part.inputs, part.outputs = [], [places[index] for index in wanted]
    whole = schema.ModelT()
    whole.version, whole.operatorCodes = model.version, model.operatorCodes
    whole.subgraphs, whole.buffers = [part], buffers
    content = bytes(flatbuffer_utils.convert_object_to_bytearray(whole))
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return [np.array(interpreter.get_tensor(places[index])) for index in wanted]


def _moved(operator: Any, places: dict[int, int]) -> Any:
    found = copy.copy(operator)
    for name in ("inputs", "outputs"):
        setattr(found, name, [places[int(index)] for index in numbers(getattr(operator, name))])
    return found


def _hold(model: Any, tensor: Any, value: Any) -> None:
    """Give a tensor its values, in a buffer of its own."""
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
