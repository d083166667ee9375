"""Read a verified .tflite file into values (`operators`). Nothing runs.

Law: names and texts of the file are shown without control characters; what the schema does not know is said so.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from optkit.inspect.arithmetic import multiply_adds
from optkit.inspect.operators import GraphInfo, Operator, Quantization, SignatureInfo, TensorInfo
from optkit.names import shown
from optkit.tflite.flatbuffer import WEIGHT_INPUT, enum_name, operator_name, tensor_name, tensor_type
from optkit.tflite.tensors import held, listed, numbers

_RECURRENT = (
    "LSTM",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "RNN",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "SVDF",
)
_TABLES = {"GATHER": 0, "EMBEDDING_LOOKUP": 1, "BATCH_MATMUL": 1}
"""Operators that may have a constant table or matrix, and which of their inputs it is."""


def read_graphs(model: Any) -> tuple[GraphInfo, ...]:
    """Return the subgraphs of a verified ModelT."""
    return tuple(_graph(model, index) for index in range(len(model.subgraphs)))


def read_signatures(model: Any) -> tuple[SignatureInfo, ...]:
    """Return the signatures of a verified ModelT, in the order of the file."""
    return tuple(
        SignatureInfo(
            name=_text(entry.signatureKey),
            subgraph=int(entry.subgraphIndex),
            inputs=tuple(_text(one.name) for one in listed(entry.inputs)),
            outputs=tuple(_text(one.name) for one in listed(entry.outputs)),
        )
        for entry in listed(model.signatureDefs)
    )


def _graph(model: Any, index: int) -> GraphInfo:
    graph = model.subgraphs[index]
    operators = listed(graph.operators)
    kinds = [operator_name(model, operator) for operator in operators]
    roles = _roles(model, graph, operators, kinds)
    tensors = tuple(_tensor(model, one, i, roles.get(i, "constant")) for i, one in enumerate(listed(graph.tensors)))
    return GraphInfo(
        index=index,
        name=_text(graph.name),
        inputs=tuple(map(int, numbers(graph.inputs))),
        outputs=tuple(map(int, numbers(graph.outputs))),
        tensors=tensors,
        operators=tuple(_operator(model, one, i, kinds[i], tensors) for i, one in enumerate(operators)),
    )


def _roles(model: Any, graph: Any, operators: list[Any], kinds: list[str]) -> dict[int, str]:
    """Return what the constants of a subgraph are, by tensor: weights (also through DEQUANTIZE and DENSIFY), biases."""
    made = {int(index): number for number, one in enumerate(operators) for index in numbers(one.outputs)}
    roles: dict[int, str] = {}
    for operator, kind in zip(operators, kinds, strict=True):
        inputs = [int(index) for index in numbers(operator.inputs)]
        for position, role in _places(kind, len(inputs)):
            index = inputs[position]
            while index in made and kinds[made[index]] in ("DEQUANTIZE", "DENSIFY"):
                index = int(numbers(operators[made[index]].inputs)[0])
            if index >= 0 and index not in made and len(held(model, graph.tensors[index])):
                roles[index] = role
    return roles


def _places(kind: str, inputs: int) -> list[tuple[int, str]]:
    found = []
    if kind in WEIGHT_INPUT:
        found = [(WEIGHT_INPUT[kind], "weights"), (3 if kind == "TRANSPOSE_CONV" else 2, "bias")]
    elif kind in _RECURRENT:
        found = [(position, "weights") for position in range(1, inputs)]
    elif kind in _TABLES:
        found = [(_TABLES[kind], "weights")]
    return [(position, role) for position, role in found if position < inputs]


def _tensor(model: Any, tensor: Any, index: int, role: str) -> TensorInfo:
    size = len(held(model, tensor))
    shape = [int(one) for one in numbers(tensor.shape)]
    signature = [int(one) for one in numbers(tensor.shapeSignature)]
    if len(signature) == len(shape) and not size:
        shape = [-1 if free < 0 else one for one, free in zip(shape, signature, strict=True)]
    return TensorInfo(
        index=index,
        name=shown(tensor_name(tensor)),
        shape=tuple(shape),
        dtype=tensor_type(tensor),
        bytes=size,
        buffer=int(tensor.buffer),
        constant=size > 0,
        sparse=tensor.sparsity is not None,
        role=role if size else "",
        quantization=_quantization(tensor),
    )


def _quantization(tensor: Any) -> Quantization | None:
    found = tensor.quantization
    scales = np.asarray(listed(found.scale) if found else [], np.float32)
    if not len(scales):
        return None
    points = numbers(found.zeroPoint)
    points = points if len(points) else np.zeros(1, np.int64)
    return Quantization(
        axis=int(found.quantizedDimension) if len(scales) > 1 else None,
        scales=len(scales),
        scale=(float(scales.min()), float(scales.max())),
        zero_point=(int(points.min()), int(points.max())),
        digest=hashlib.sha256(scales.tobytes() + np.broadcast_to(points, scales.shape).tobytes()).hexdigest()[:16]
        if len(points) in (1, len(scales))
        else "",
    )


def _operator(model: Any, operator: Any, index: int, kind: str, tensors: tuple[TensorInfo, ...]) -> Operator:
    inputs = tuple(map(int, numbers(operator.inputs)))
    outputs = tuple(map(int, numbers(operator.outputs)))
    code = model.operatorCodes[operator.opcodeIndex]
    read = [tensors[i] for i in inputs if i >= 0]
    made = [tensors[i] for i in outputs if i >= 0]
    options = _options(operator)
    constants = [tensor for tensor in read if tensor.constant]
    return Operator(
        index=index,
        kind=shown(kind),
        layer=_layer(read, made),
        known=not kind.startswith("UNKNOWN_"),
        custom=bool(code.customCode),
        inputs=inputs,
        outputs=outputs,
        options=options,
        dtype=next((tensor.dtype for tensor in made), ""),
        weights=next((tensor.dtype for tensor in constants if tensor.role == "weights"), ""),
        macs=None
        if code.customCode or kind.startswith("UNKNOWN_")
        else multiply_adds(
            kind, [tensors[i].shape if i >= 0 else None for i in inputs], [one.shape for one in made], options
        ),
        parameters=sum(tensor.elements for tensor in constants if tensor.role in ("weights", "bias")),
        bytes=sum(tensor.bytes for tensor in constants),
    )


def _options(operator: Any) -> dict[str, Any]:
    """Return an operator's options as plain values; those of a custom one as their length and their sha256."""
    found: dict[str, Any] = {}
    for options in (operator.builtinOptions, operator.builtinOptions2):
        for name, value in vars(options).items() if options is not None else ():
            found[shown(name)] = _named(name, _plain(value))
    custom = operator.customOptions
    if custom is not None and len(custom):
        data = np.asarray(custom, np.uint8).tobytes()
        found["custom"] = f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()[:12]}"
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, (list, np.ndarray)):
        return [_plain(item.item() if isinstance(item, np.generic) else item) for item in value]
    return shown(value) if isinstance(value, str) else type(value).__name__


def _named(name: str, value: Any) -> Any:
    """Return the name of an activation or a padding for its number."""
    from ai_edge_litert import schema_py_generated as schema

    enums = {"fusedActivationFunction": schema.ActivationFunctionType, "padding": schema.Padding}
    return enum_name(enums[name], value) if name in enums and isinstance(value, int) else value


def _layer(read: list[TensorInfo], made: list[TensorInfo]) -> str:
    """Return what the file calls an operator: by its weights, else by its first output."""
    named = [tensor for tensor in read if tensor.role == "weights" and tensor.name]
    named += [tensor for tensor in made if tensor.name]
    return layer_name(named[0].name) if named else ""


def layer_name(name: str) -> str:
    """Return the layer in a tensor's name: of `model/conv/Relu;model/conv/BiasAdd` it is `conv`."""
    parts = [part for part in name.split(";")[0].split("/") if part]
    return (parts[-2] if len(parts) > 2 else parts[0] if parts else "")[:40]


def _text(value: Any) -> str:
    return shown(value.decode("utf-8", "replace") if isinstance(value, bytes) else value or "")
