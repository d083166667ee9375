"""The edits: each changes a ModelT in one way, and says what must be told of it."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from benchmarks.studies.inspect_edits.networks import KIND, TYPE
from optkit.tflite.flatbuffer import operator_name

UNARY = {KIND.ABS: "ABS", KIND.RELU: "RELU", KIND.TANH: "TANH", KIND.LOGISTIC: "LOGISTIC"}
WEIGHTED = ("CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D")


@dataclass
class Edited:
    """What an edit did: the kind that must be told, the operator of the head (or, when it is gone, of the base)."""

    kind: str
    operator: Any
    gone: bool = False


Edit = Callable[[Any, random.Random], "Edited | None"]


def _graph(model: Any) -> Any:
    return model.subgraphs[0]


def _code(model: Any, kind: int) -> int:
    for number, code in enumerate(model.operatorCodes):
        if code.builtinCode == kind:
            return number
    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=min(kind, 127), builtinCode=kind, version=1))
    return len(model.operatorCodes) - 1


def _users(graph: Any, index: int) -> list[Any]:
    return [operator for operator in graph.operators if index in list(operator.inputs)]


def add_operator(model: Any, rng: random.Random) -> Edited | None:
    """Put an operator that keeps shape and type behind one that is there."""
    graph = _graph(model)
    place = rng.randrange(len(graph.operators))
    source = int(graph.operators[place].outputs[0])
    around = [graph.operators[place], *_users(graph, source)]
    made = copy.deepcopy(graph.tensors[source])
    made.buffer = 0
    graph.tensors.append(made)
    new = len(graph.tensors) - 1
    for user in _users(graph, source):
        user.inputs = [new if index == source else int(index) for index in user.inputs]
    graph.outputs = [new if index == source else int(index) for index in graph.outputs]
    kinds = {operator_name(model, one) for one in around}
    kind = rng.choice([number for number, name in UNARY.items() if name not in kinds])  # two in a row are the same
    operator = schema.OperatorT(opcodeIndex=_code(model, kind), inputs=[source], outputs=[new])
    graph.operators.insert(place + 1, operator)
    return Edited("added", operator)


def remove_operator(model: Any, rng: random.Random) -> Edited | None:
    """Take out an operator with one input and one output of one shape."""
    graph = _graph(model)
    some = [o for o in graph.operators if operator_name(model, o) in UNARY.values()]
    if not some:
        return None
    gone = rng.choice(some)
    source, made = int(gone.inputs[0]), int(gone.outputs[0])
    for user in _users(graph, made):
        user.inputs = [source if index == made else int(index) for index in user.inputs]
    graph.outputs = [source if index == made else int(index) for index in graph.outputs]
    graph.operators.remove(gone)
    return Edited("removed", gone, gone=True)


def change_kind(model: Any, rng: random.Random) -> Edited | None:
    """Make an addition a product, or the other way round."""
    options = {"ADD": schema.AddOptionsT, "MUL": schema.MulOptionsT}
    some = [o for o in _graph(model).operators if operator_name(model, o) in options]
    if not some:
        return None
    operator = rng.choice(some)
    other = "MUL" if operator_name(model, operator) == "ADD" else "ADD"
    operator.opcodeIndex = _code(model, getattr(KIND, other))
    operator.builtinOptions = options[other]()
    operator.builtinOptionsType = getattr(schema.BuiltinOptions, f"{other.capitalize()}Options")
    return Edited("kind", operator)


def change_option(model: Any, rng: random.Random) -> Edited | None:
    """Give a layer another activation."""
    some = [o for o in _graph(model).operators if hasattr(o.builtinOptions, "fusedActivationFunction")]
    if not some:
        return None
    operator = rng.choice(some)
    operator.builtinOptions.fusedActivationFunction = 3 - 2 * (operator.builtinOptions.fusedActivationFunction == 3)
    return Edited("options", operator)


def change_type(model: Any, rng: random.Random) -> Edited | None:
    """Store a layer's biases in another type: int64 for int32, float16 for float32."""
    graph = _graph(model)
    some = [o for o in graph.operators if operator_name(model, o) in WEIGHTED and len(o.inputs) > 2]
    if not some:
        return None
    operator = rng.choice(some)
    tensor = graph.tensors[int(operator.inputs[2])]
    before, after, number = {
        TYPE.INT32: (np.int32, np.int64, TYPE.INT64),
        TYPE.FLOAT32: (np.float32, np.float16, TYPE.FLOAT16),
    }[tensor.type]
    values = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), before)
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.astype(after).tobytes(), np.uint8)))
    tensor.buffer, tensor.type = len(model.buffers) - 1, number
    return Edited("type", operator)


def widen_layer(model: Any, rng: random.Random) -> Edited | None:
    """Give a layer more outputs, and the one behind it as many more inputs."""
    graph = _graph(model)
    some = []
    for operator in graph.operators:
        users = _users(graph, int(operator.outputs[0]))
        kinds = [operator_name(model, one) for one in (operator, *users)]
        if (
            len(users) == 1
            and set(kinds) <= {"CONV_2D", "FULLY_CONNECTED"}
            and int(operator.outputs[0]) not in list(graph.outputs)
        ):
            some.append((operator, users[0]))
    if not some:
        return None
    operator, user = rng.choice(some)
    more = rng.randint(1, 8)
    for index, axis in ((operator.inputs[1], 0), (operator.inputs[2], 0), (user.inputs[1], -1)):
        _grow(model, graph.tensors[int(index)], axis, more)
    made = graph.tensors[int(operator.outputs[0])]
    made.shape = [*list(made.shape)[:-1], int(made.shape[-1]) + more]
    return Edited("shape", operator)


def _grow(model: Any, tensor: Any, axis: int, more: int) -> None:
    dtype = {TYPE.INT8: np.int8, TYPE.INT32: np.int32, TYPE.FLOAT32: np.float32}[tensor.type]
    values = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), dtype)
    values = values.reshape([int(size) for size in tensor.shape])
    values = np.concatenate([values, np.repeat(np.take(values, [0], axis), more, axis)], axis)
    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
    tensor.buffer, tensor.shape = len(model.buffers) - 1, list(values.shape)
    found = tensor.quantization
    if axis == 0 and found is not None and found.scale is not None and len(found.scale) > 1:
        found.scale = [*found.scale, *[found.scale[0]] * more]
        found.zeroPoint = [*found.zeroPoint, *[0] * more]


def change_scale(model: Any, rng: random.Random) -> Edited | None:
    """Change one scale, or one zero point, of a tensor that an operator makes."""
    graph = _graph(model)
    some = [o for o in graph.operators if _is_quantized(graph.tensors[int(o.outputs[0])])]
    if not some:
        return None
    operator = rng.choice(some)
    found = graph.tensors[int(operator.outputs[0])].quantization
    if rng.random() < 0.5:
        found.scale = [float(found.scale[0]) * rng.choice([0.5, 0.99, 1.01, 2.0]), *found.scale[1:]]
    else:
        point = int(found.zeroPoint[0])
        found.zeroPoint = [point + (1 if point <= 0 else -1), *found.zeroPoint[1:]]
    return Edited("quantization", operator)


def change_channel_scale(model: Any, rng: random.Random) -> Edited | None:
    """Change one of many scales of a layer's weights."""
    graph = _graph(model)
    some = [
        o
        for o in graph.operators
        if operator_name(model, o) in WEIGHTED and _is_quantized(graph.tensors[int(o.inputs[1])])
    ]
    if not some:
        return None
    operator = rng.choice(some)
    found = graph.tensors[int(operator.inputs[1])].quantization
    scales = [float(scale) for scale in found.scale]
    scales[rng.randrange(len(scales))] *= 1.001
    found.scale = scales
    return Edited("quantization", operator)


def _is_quantized(tensor: Any) -> bool:
    found = tensor.quantization
    return found is not None and found.scale is not None and len(found.scale) > 0


def change_value(model: Any, rng: random.Random) -> Edited | None:
    """Change one byte of a layer's weights."""
    graph = _graph(model)
    some = [o for o in graph.operators if operator_name(model, o) in WEIGHTED]
    if not some:
        return None
    operator = rng.choice(some)
    tensor = graph.tensors[int(operator.inputs[1])]
    data = np.array(model.buffers[tensor.buffer].data, np.uint8)
    data[rng.randrange(len(data))] ^= 1
    model.buffers.append(schema.BufferT(data=data))
    tensor.buffer = len(model.buffers) - 1
    return Edited("values", operator)


def rewire(model: Any, rng: random.Random) -> Edited | None:
    """Swap the inputs of a subtraction or an addition, whose operands are not the same."""
    some = [
        o
        for o in _graph(model).operators
        if operator_name(model, o) in ("SUB", "ADD") and int(o.inputs[0]) != int(o.inputs[1])
    ]
    if not some:
        return None
    operator = rng.choice(some)
    operator.inputs = [int(operator.inputs[1]), int(operator.inputs[0])]
    return Edited("wiring", operator)


EDITS: dict[str, Edit] = {
    "an operator added": add_operator,
    "an operator removed": remove_operator,
    "another kind of operator": change_kind,
    "another option": change_option,
    "another type": change_type,
    "a layer widened": widen_layer,
    "another scale or zero point": change_scale,
    "one of a layer's scales": change_channel_scale,
    "one weight": change_value,
    "inputs swapped": rewire,
}
