"""Write a small float .tflite file, operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Kind = schema.BuiltinOperator
Type = schema.TensorType
_TYPES = {"float32": Type.FLOAT32, "int32": Type.INT32, "bool": Type.BOOL}


class Graph:
    """Tensors and operators of one file. The first size of a tensor is its batch, 1; it is free unless it is fixed."""

    def __init__(self) -> None:
        self._buffers = [schema.BufferT()]
        self._tensors: list[Any] = []
        self._operators: list[Any] = []
        self._codes: list[tuple[int, int]] = []

    def tensor(self, shape: Sequence[int], name: str, kind: str = "float32", *, free: Sequence[int] = (0,)) -> int:
        """Add a tensor that is computed or given; the sizes at `free` places may change. Returns its number."""
        found = schema.TensorT(shape=list(shape), type=_TYPES[kind], name=name, buffer=0)
        if free and shape:
            found.shapeSignature = [-1 if place in free else size for place, size in enumerate(shape)]
        self._tensors.append(found)
        return len(self._tensors) - 1

    def constant(self, values: Any, name: str) -> int:
        """Add a tensor with values. Returns its number."""
        array = np.asarray(values)
        self._buffers.append(schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8)))
        number = len(self._buffers) - 1
        kind = _TYPES[array.dtype.name]
        self._tensors.append(schema.TensorT(shape=list(array.shape), type=kind, name=name, buffer=number))
        return len(self._tensors) - 1

    def apply(self, kind: int, inputs: Sequence[int], output: int, options: Any = None, version: int = 1) -> int:
        """Add an operator with one output, and return that."""
        if (kind, version) not in self._codes:
            self._codes.append((kind, version))
        number = self._codes.index((kind, version))
        options_kind = getattr(schema.BuiltinOptions, type(options).__name__[:-1]) if options else 0
        self._operators.append(
            schema.OperatorT(
                opcodeIndex=number,
                inputs=list(inputs),
                outputs=[output],
                builtinOptionsType=options_kind,
                builtinOptions=options,
            )
        )
        return output

    def content(self, inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
        """Return the file, with a signature that names its inputs and outputs."""
        graph = schema.SubGraphT(
            tensors=self._tensors,
            inputs=list(inputs.values()),
            outputs=list(outputs.values()),
            operators=self._operators,
            name="main",
        )
        maps = [
            [schema.TensorMapT(name=name, tensorIndex=index) for name, index in end.items()]
            for end in (inputs, outputs)
        ]
        signature = schema.SignatureDefT(inputs=maps[0], outputs=maps[1], signatureKey="serving_default")
        codes = [
            schema.OperatorCodeT(deprecatedBuiltinCode=min(kind, 127), builtinCode=kind, version=version)
            for kind, version in self._codes
        ]
        model = schema.ModelT(
            version=3, operatorCodes=codes, subgraphs=[graph], buffers=self._buffers, signatureDefs=[signature]
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
