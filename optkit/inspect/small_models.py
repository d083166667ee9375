"""Small .tflite files that measure the machine and no model: chains that do nothing, and large products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


def chain(length: int) -> bytes:
    """Return a file of `length` LOGICAL_NOT of one element, one after another: no delegate takes them."""
    from ai_edge_litert import schema_py_generated as schema

    tensors = [_tensor([1], f"t{i}", schema.TensorType.BOOL) for i in range(length + 1)]
    operators = [schema.OperatorT(opcodeIndex=0, inputs=[i], outputs=[i + 1]) for i in range(length)]
    return _packed(schema.BuiltinOperator.LOGICAL_NOT, tensors, operators, [0], [length], [schema.BufferT()])


def product(dtype: str, rows: int, inputs: int, outputs: int) -> bytes:
    """Return a file with one FULLY_CONNECTED of `rows` samples: `rows` x `inputs` x `outputs` multiply-adds.

    `dtype` is float32, or int8 with int8 weights, one scale for each output.
    """
    from ai_edge_litert import schema_py_generated as schema

    rng, integer = np.random.default_rng(0), dtype == "int8"
    kind = schema.TensorType.INT8 if integer else schema.TensorType.FLOAT32
    weights = (
        rng.integers(-127, 128, (outputs, inputs), np.int8) if integer else rng.random((outputs, inputs), np.float32)
    )
    x, w, b, y = (
        _tensor([rows, inputs], "x", kind),
        _tensor([outputs, inputs], "w", kind, 1),
        _tensor([outputs], "b", schema.TensorType.INT32 if integer else schema.TensorType.FLOAT32, 2),
        _tensor([rows, outputs], "y", kind),
    )
    if integer:
        x.quantization, y.quantization = _scale([1 / 128]), _scale([1.0])
        w.quantization, b.quantization = _scale([1 / 128] * outputs), _scale([1 / 128**2] * outputs)
    options = schema.FullyConnectedOptionsT()
    operator = schema.OperatorT(
        opcodeIndex=0,
        inputs=[0, 1, 2],
        outputs=[3],
        builtinOptionsType=schema.BuiltinOptions.FullyConnectedOptions,
        builtinOptions=options,
    )
    bias = np.zeros(outputs, np.int32 if integer else np.float32)
    buffers = [schema.BufferT(), _buffer(weights), _buffer(bias)]
    return _packed(schema.BuiltinOperator.FULLY_CONNECTED, [x, w, b, y], [operator], [0], [3], buffers, version=4)


def _tensor(shape: Sequence[int], name: str, kind: int, buffer: int = 0) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.TensorT(shape=list(shape), name=name, type=kind, buffer=buffer)


def _scale(scales: Sequence[float]) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.QuantizationParametersT(scale=list(scales), zeroPoint=[0] * len(scales), quantizedDimension=0)


def _buffer(values: npt.NDArray[Any]) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.BufferT(data=np.frombuffer(values.tobytes(), np.uint8))


def _packed(
    kind: int,
    tensors: list[Any],
    operators: list[Any],
    inputs: list[int],
    outputs: list[int],
    buffers: list[Any],
    version: int = 1,
) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    graph = schema.SubGraphT(tensors=tensors, operators=operators, inputs=inputs, outputs=outputs, name="main")
    code = schema.OperatorCodeT(deprecatedBuiltinCode=min(kind, 127), builtinCode=kind, version=version)
    model = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=buffers)
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
