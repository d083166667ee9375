"""A float .tflite file as MNN takes it best: plain names, dense layers as convolutions, global means as pooling.

Law: what is computed stays the same, and so do the inputs' and outputs' shapes, types and order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from optkit.tflite.flatbuffer import is_constant, operator_name, tensor_type
from optkit.tflite.tensors import numbers

_NONE = -1


def for_mnn(content: bytes, names: Mapping[int, str]) -> bytes:
    """Return the verified .tflite file `content` with `names` for its tensors, by number, and no other strings.

    A dense layer on samples of one dimension becomes a convolution of one by one pixel. MNN makes one of it, too, but
    with operators that compute its shapes from the batch. A mean over all pixels becomes an average pooling: of a mean
    MNN's KL quantizer crashes.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
    graph = model.subgraphs[0]
    for number, tensor in enumerate(graph.tensors):
        tensor.name = names[number].encode() if number in names else None
    model.signatureDefs = None
    graph.operators = [one for one in graph.operators if not _widened(model, graph, one)]
    graph.operators = [new for one in graph.operators for new in _better(model, graph, one)]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _widened(model: Any, graph: Any, operator: Any) -> bool:
    """Make what DEQUANTIZE gives of constant float16 values a constant; tell whether the operator is no longer needed.

    MNN keeps weights in float32 anyway, and its converter crashes on some of these operators.
    """
    if operator_name(model, operator) != "DEQUANTIZE":
        return False
    source, target = graph.tensors[int(operator.inputs[0])], graph.tensors[int(operator.outputs[0])]
    if tensor_type(source) != "float16" or not is_constant(model, source):
        return False
    values = np.frombuffer(bytes(model.buffers[source.buffer].data), np.float16).astype(np.float32)
    target.buffer = _buffer(model, values)
    return True


def _better(model: Any, graph: Any, operator: Any) -> list[Any]:
    """Return the operator, or those that take its place."""
    kind = operator_name(model, operator)
    if kind == "FULLY_CONNECTED" and _is_plain(model, graph, operator):
        return _convolution(model, graph, operator)
    if kind == "MEAN" and _is_global(model, graph, operator):
        return _pooling(model, graph, operator)
    return [operator]


def _is_global(model: Any, graph: Any, operator: Any) -> bool:
    """Tell whether a mean is taken over all pixels of images whose height and width are known."""
    x, axes = (graph.tensors[int(index)] for index in operator.inputs[:2])
    signature = numbers(x.shapeSignature).tolist() or numbers(x.shape).tolist()
    if len(signature) != 4 or min(signature[1:3]) < 1 or tensor_type(x) != "float32" or not is_constant(model, axes):
        return False
    found = np.frombuffer(bytes(model.buffers[axes.buffer].data), np.int32).tolist()
    return sorted(axis % 4 for axis in found) == [1, 2]


def _pooling(model: Any, graph: Any, operator: Any) -> list[Any]:
    from ai_edge_litert import schema_py_generated as schema

    x, y = int(operator.inputs[0]), int(operator.outputs[0])
    height, width, channels = (int(size) for size in graph.tensors[x].shape[1:])
    flat = len(numbers(graph.tensors[y].shape).tolist()) == 2
    target = _tensor(graph, 0, [_batch(graph.tensors[x]), 1, 1, channels]) if flat else y
    options = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID, strideH=1, strideW=1, filterHeight=height, filterWidth=width
    )
    pool = schema.OperatorT(
        opcodeIndex=_code(model, schema.BuiltinOperator.AVERAGE_POOL_2D),
        inputs=[x],
        outputs=[target],
        builtinOptionsType=schema.BuiltinOptions.Pool2DOptions,
        builtinOptions=options,
    )
    return [pool, _reshape(model, graph, target, y, [-1, channels])] if flat else [pool]


def _convolution(model: Any, graph: Any, operator: Any) -> list[Any]:
    from ai_edge_litert import schema_py_generated as schema

    x, w, b = (*map(int, numbers(operator.inputs).tolist()), _NONE)[:3]
    y = int(operator.outputs[0])
    weights = graph.tensors[w]
    outputs, inputs = map(int, numbers(weights.shape).tolist())
    if b == _NONE:
        b = _constant(model, graph, np.zeros(outputs, np.float32))
    kernel = _tensor(graph, weights.buffer, [outputs, 1, 1, inputs], free=False)
    pixels = _tensor(graph, 0, [_batch(graph.tensors[x]), 1, 1, inputs])
    found = _tensor(graph, 0, [_batch(graph.tensors[x]), 1, 1, outputs])
    activation = operator.builtinOptions.fusedActivationFunction
    convolution = schema.Conv2DOptionsT(
        padding=schema.Padding.VALID,
        strideH=1,
        strideW=1,
        dilationHFactor=1,
        dilationWFactor=1,
        fusedActivationFunction=activation,
    )
    return [
        _reshape(model, graph, x, pixels, [-1, 1, 1, inputs]),
        schema.OperatorT(
            opcodeIndex=_code(model, schema.BuiltinOperator.CONV_2D),
            inputs=[pixels, kernel, b],
            outputs=[found],
            builtinOptionsType=schema.BuiltinOptions.Conv2DOptions,
            builtinOptions=convolution,
        ),
        _reshape(model, graph, found, y, [-1, outputs]),
    ]


def _is_plain(model: Any, graph: Any, operator: Any) -> bool:
    """Tell whether a dense layer multiplies rows by constant float weights, and gives rows."""
    x, weights = (graph.tensors[int(index)] for index in operator.inputs[:2])
    shape = numbers(x.shape).tolist()
    return (
        len(shape) == 2
        and len(operator.outputs) == 1
        and operator.builtinOptions is not None
        and tensor_type(weights) == tensor_type(x) == "float32"
        and is_constant(model, weights)
        and int(shape[1]) == int(weights.shape[1])
    )


def _batch(tensor: Any) -> int:
    signature = numbers(tensor.shapeSignature).tolist()
    return int(signature[0]) if signature else int(tensor.shape[0])


def _tensor(graph: Any, buffer: int, shape: list[int], *, free: bool = True, kind: int = 0) -> int:
    """Add a tensor (float32 is type 0) and return its number. A first size of -1 is a free batch."""
    from ai_edge_litert import schema_py_generated as schema

    made = schema.TensorT(shape=[1 if size < 0 else size for size in shape], buffer=buffer, type=kind)
    if free and shape[:1] == [-1]:
        made.shapeSignature = shape
    graph.tensors.append(made)
    return len(graph.tensors) - 1


def _constant(model: Any, graph: Any, values: Any) -> int:
    from ai_edge_litert import schema_py_generated as schema

    kind = schema.TensorType.INT32 if values.dtype == np.int32 else schema.TensorType.FLOAT32
    return _tensor(graph, _buffer(model, values), list(values.shape), free=False, kind=kind)


def _buffer(model: Any, values: Any) -> int:
    from ai_edge_litert import schema_py_generated as schema

    model.buffers.append(schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8)))
    return len(model.buffers) - 1


def _reshape(model: Any, graph: Any, source: int, target: int, shape: list[int]) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.OperatorT(
        opcodeIndex=_code(model, schema.BuiltinOperator.RESHAPE),
        inputs=[source, _constant(model, graph, np.array(shape, np.int32))],
        outputs=[target],
        builtinOptionsType=schema.BuiltinOptions.ReshapeOptions,
        builtinOptions=schema.ReshapeOptionsT(newShape=shape),
    )


def _code(model: Any, kind: int) -> int:
    """Return the number of the operator code of `kind`, added if there is none."""
    from ai_edge_litert import schema_py_generated as schema

    for number, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == kind:
            return number
    model.operatorCodes.append(schema.OperatorCodeT(deprecatedBuiltinCode=kind, builtinCode=kind, version=1))
    return len(model.operatorCodes) - 1
