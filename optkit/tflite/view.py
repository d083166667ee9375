"""The first subgraph of a .tflite file as layers that compute: a change of type or scale alone is looked through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.tflite.flatbuffer import (
    WEIGHT_INPUT,
    is_constant,
    is_quantized,
    operator_name,
    tensor_name,
    tensor_type,
    tensor_values,
)
from optkit.tflite.tensors import listed, numbers

Array = npt.NDArray[Any]
PASSING = ("QUANTIZE", "DEQUANTIZE")
"""Operators that change how a value is stored, and not what it is."""
_FLOATS = ("float32", "float16")
_WIDE = {"int32": np.int32, "int64": np.int64}
_BIAS_INPUT = {"TRANSPOSE_CONV": 3}


@dataclass(frozen=True)
class Form:
    """How a tensor of integers stands for real values: (integer - zero_point) * scale."""

    dtype: str
    scale: float
    zero_point: int

    @property
    def low(self) -> float:
        """The smallest real value that it can hold."""
        return (_limits(self.dtype)[0] - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """The largest real value that it can hold."""
        return (_limits(self.dtype)[1] - self.zero_point) * self.scale


@dataclass(frozen=True)
class Node:
    """An operator that computes. Tensors are named by the number of where their values are made, the root.

    `inputs` are the roots of what it reads and what is computed or given; `constants` the constant tensors of real
    numbers by the position of the input; `bias` is the position of the bias. `activation` is the number of the fused
    activation function, 0 for none.
    """

    number: int
    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    constants: dict[int, int]
    bias: int | None
    activation: int


class View:
    """A verified ModelT's first subgraph: its nodes in order, and of each tensor its root and its integer forms."""

    def __init__(self, model: Any) -> None:
        self.model, self.graph = model, model.subgraphs[0]
        self.tensors = listed(self.graph.tensors)
        self.root = list(range(len(self.tensors)))
        self.inputs = tuple(numbers(self.graph.inputs).tolist())
        operators = listed(self.graph.operators)
        for operator in operators:
            if operator_name(model, operator) in PASSING:
                self.root[int(operator.outputs[0])] = self.root[int(operator.inputs[0])]
        self._forms: dict[int, list[int]] = {}
        for index, root in enumerate(self.root):
            if is_quantized(self.tensors[index]) and not self.is_constant(root):
                self._forms.setdefault(root, []).append(index)
        self.outputs = tuple(self.root[index] for index in numbers(self.graph.outputs).tolist())
        self.nodes = [self._node(number, operator) for number, operator in enumerate(operators)]
        self.nodes = [node for node in self.nodes if node.kind not in PASSING]

    def is_constant(self, index: int) -> bool:
        """Tell whether a tensor has its values in the file."""
        return is_constant(self.model, self.tensors[index])

    def forms(self, root: int) -> tuple[Form, ...]:
        """Return how the values that are made in `root` are stored as integers, in order; empty when they never are."""
        found = [self._form(index) for index in sorted(self._forms.get(root, []), key=lambda index: index != root)]
        return tuple(dict.fromkeys(found))

    def _form(self, index: int) -> Form:
        tensor = self.tensors[index]
        points = listed(tensor.quantization.zeroPoint)
        return Form(tensor_type(tensor), float(tensor.quantization.scale[0]), int(points[0]) if points else 0)

    def is_real(self, index: int) -> bool:
        """Tell whether a tensor holds real numbers, as floats or as integers with a scale."""
        tensor = self.tensors[index]
        return tensor_type(tensor) in _FLOATS or is_quantized(tensor) or _blocks(tensor) is not None

    def shape(self, index: int) -> tuple[int, ...]:
        """Return the shape of a tensor, as the file has it."""
        return tuple(numbers(self.tensors[index].shape).tolist())

    def _node(self, number: int, operator: Any) -> Node:
        kind = operator_name(self.model, operator)
        reads = [(p, self.root[i]) for p, i in enumerate(numbers(operator.inputs).tolist()) if i >= 0]
        given = [(p, i) for p, i in reads if self.is_constant(i)]
        bias = _BIAS_INPUT.get(kind, 2) if kind in WEIGHT_INPUT else None
        return Node(
            number=number,
            kind=kind,
            inputs=tuple(i for _, i in reads if not self.is_constant(i) and (self.is_real(i) or i in self.inputs)),
            outputs=tuple(numbers(operator.outputs).tolist()),
            constants={p: i for p, i in given if self.is_real(i) or p == bias},
            bias=bias if any(p == bias for p, _ in given) else None,
            activation=int(getattr(operator.builtinOptions, "fusedActivationFunction", 0) or 0),
        )

    def values(self, index: int) -> npt.NDArray[np.float32]:
        """Return the real values of a constant tensor, float32 in its shape. Raises as `tensor_values`."""
        tensor = self.tensors[index]
        kind = tensor_type(tensor)
        if kind in _WIDE:
            raw = np.asarray(self.model.buffers[tensor.buffer].data, np.uint8).tobytes()
            stored: Array = np.frombuffer(raw, _WIDE[kind]).reshape(self.shape(index))
        else:
            stored = tensor_values(self.model, tensor)
        if (blocks := _blocks(tensor)) is not None:
            scales = self.values(int(blocks.scales)).reshape(len(stored), -1)
            return stored.astype(np.float32) * np.repeat(scales, int(blocks.blockSize), axis=1)
        if not is_quantized(tensor):
            return stored.astype(np.float32)
        scale = np.asarray(tensor.quantization.scale, np.float64)
        points = np.asarray(listed(tensor.quantization.zeroPoint) or [0], np.float64)
        if len(scale) > 1:
            shape = [1] * stored.ndim
            shape[int(tensor.quantization.quantizedDimension)] = len(scale)
            scale, points = scale.reshape(shape), (points if len(points) == 1 else points.reshape(shape))
        return ((stored.astype(np.float64) - points) * scale).astype(np.float32)

    def parts(self, node: Node) -> list[str]:
        """Return what the names of a node's tensors are made of, in order: first those of its constants."""
        weights = WEIGHT_INPUT.get(node.kind)
        names = [tensor_name(self.tensors[i]) for p, i in node.constants.items() if p == weights]
        names += [tensor_name(self.tensors[index]) for index in node.outputs]
        return [part for part in re.split("[/;:]", ";".join(names)) if part]


def _blocks(tensor: Any) -> Any:
    """Return what says where the scales of blocks of weights are; None where a tensor has no such scales."""
    found = tensor.quantization
    return None if found is None else found.details


def _limits(dtype: str) -> tuple[int, int]:
    found = np.iinfo(dtype)
    return int(found.min), int(found.max)


def write_floats(model: Any, tensor: Any, values: Array) -> None:
    """Give a constant float32 TensorT other values, in a buffer of its own."""
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(np.ascontiguousarray(values, np.float32).tobytes(), np.uint8)
    model.buffers.append(buffer)
    tensor.buffer = len(model.buffers) - 1
