"""Networks for `inspect_edits`: small graphs of different forms with random weights, in float and in int8.

They need not compute anything of use; they are graphs that a .tflite file may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

KIND, TYPE = schema.BuiltinOperator, schema.TensorType


class Net:
    """A graph under construction; activations are (1, height, width, channels) or (1, features)."""

    def __init__(self, seed: int, integer: bool) -> None:
        self.rng, self.integer = np.random.default_rng(seed), integer
        self.tensors: list[Any] = []
        self.buffers: list[Any] = [schema.BufferT()]
        self.operators: list[Any] = []
        self.codes: list[int] = []

    def tensor(self, shape: Sequence[int], kind: int, values: Any = None, scales: int = 1) -> int:
        """Add a tensor, quantized when the network is and `scales` is not 0; return its number."""
        buffer = 0
        if values is not None:
            self.buffers.append(schema.BufferT(data=np.frombuffer(np.asarray(values).tobytes(), np.uint8)))
            buffer = len(self.buffers) - 1
        made = schema.TensorT(shape=list(shape), type=kind, buffer=buffer, name=f"t{len(self.tensors)}")
        if self.integer and scales:
            made.quantization = schema.QuantizationParametersT(
                scale=self.rng.uniform(0.01, 0.1, scales).astype(np.float32).tolist(),
                zeroPoint=[0] * scales if values is not None else [int(self.rng.integers(-9, 9))],
                quantizedDimension=0,
            )
        self.tensors.append(made)
        return len(self.tensors) - 1

    def activation(self, shape: Sequence[int]) -> int:
        """Add a tensor that is computed, or an input."""
        return self.tensor(shape, TYPE.INT8 if self.integer else TYPE.FLOAT32)

    def weights(self, shape: Sequence[int]) -> int:
        """Add weights, in int8 with one scale for each output."""
        if self.integer:
            return self.tensor(shape, TYPE.INT8, self.rng.integers(-127, 128, shape, np.int8), shape[0])
        return self.tensor(shape, TYPE.FLOAT32, self.rng.normal(size=shape).astype(np.float32))

    def bias(self, size: int) -> int:
        """Add biases."""
        if self.integer:
            return self.tensor([size], TYPE.INT32, self.rng.integers(-99, 99, size).astype(np.int32), size)
        return self.tensor([size], TYPE.FLOAT32, self.rng.normal(size=size).astype(np.float32))

    def shape(self, index: int) -> list[int]:
        """Return a tensor's shape."""
        return list(self.tensors[index].shape)

    def apply(self, kind: int, inputs: Sequence[int], shape: Sequence[int], options: Any = None) -> int:
        """Add an operator with one output; return that."""
        if kind not in self.codes:
            self.codes.append(kind)
        made = self.activation(shape)
        number = getattr(schema.BuiltinOptions, type(options).__name__[:-1]) if options else 0
        self.operators.append(
            schema.OperatorT(
                opcodeIndex=self.codes.index(kind),
                inputs=list(inputs),
                outputs=[made],
                builtinOptionsType=number,
                builtinOptions=options,
            )
        )
        return made

    def conv(self, x: int, channels: int, size: int = 3, stride: int = 1) -> int:
        """Add a convolution with a bias and relu, padded to the same size."""
        _, height, width, before = self.shape(x)
        options = schema.Conv2DOptionsT(padding=0, strideH=stride, strideW=stride, fusedActivationFunction=1)
        options.dilationHFactor = options.dilationWFactor = 1
        inputs = [x, self.weights([channels, size, size, before]), self.bias(channels)]
        return self.apply(KIND.CONV_2D, inputs, [1, -(-height // stride), -(-width // stride), channels], options)

    def dense(self, x: int, outputs: int) -> int:
        """Add a dense layer with a bias."""
        inputs = [x, self.weights([outputs, self.shape(x)[-1]]), self.bias(outputs)]
        return self.apply(KIND.FULLY_CONNECTED, inputs, [1, outputs], schema.FullyConnectedOptionsT())

    def flat(self, x: int) -> int:
        """Add a reshape to (1, features)."""
        size = int(np.prod(self.shape(x)))
        shape = self.tensor([2], TYPE.INT32, np.array([-1, size], np.int32), 0)
        return self.apply(KIND.RESHAPE, [x, shape], [1, size], schema.ReshapeOptionsT(newShape=[-1, size]))

    def one(self, kind: int, x: int) -> int:
        """Add an operator with one input, which keeps the shape."""
        return self.apply(kind, [x], self.shape(x))

    def two(self, kind: int, x: int, y: int) -> int:
        """Add an operator with two inputs of one shape."""
        options = {KIND.ADD: schema.AddOptionsT, KIND.MUL: schema.MulOptionsT, KIND.SUB: schema.SubOptionsT}
        return self.apply(kind, [x, y], self.shape(x), options[kind]())

    def model(self, inputs: Sequence[int], outputs: Sequence[int]) -> Any:
        """Return the ModelT."""
        graph = schema.SubGraphT(
            tensors=self.tensors, inputs=list(inputs), outputs=list(outputs), operators=self.operators, name="main"
        )
        codes = [schema.OperatorCodeT(deprecatedBuiltinCode=min(k, 127), builtinCode=k, version=1) for k in self.codes]
        return schema.ModelT(version=3, operatorCodes=codes, subgraphs=[graph], buffers=self.buffers)


def plain(net: Net) -> Any:
    """A convolution, a relu, and dense layers."""
    x = net.activation([1, 8, 8, 1])
    hidden = net.one(KIND.RELU, net.dense(net.flat(net.one(KIND.ABS, net.conv(x, 4))), 16))
    return net.model([x], [net.dense(hidden, 5)])


def residual(net: Net) -> Any:
    """Three blocks of two convolutions, each around an addition."""
    x = net.activation([1, 8, 8, 3])
    y = net.conv(x, 8)
    for _ in range(3):
        y = net.one(KIND.RELU, net.two(KIND.ADD, y, net.conv(net.conv(y, 6), 8)))
    return net.model([x], [net.dense(net.flat(y), 10)])


def branches(net: Net) -> Any:
    """Two inputs, branches that are alike, and two outputs."""
    x, z = net.activation([1, 12]), net.activation([1, 12])
    left = [net.one(KIND.TANH, net.dense(x, 9)) for _ in range(3)]
    right = [net.one(KIND.LOGISTIC, net.dense(z, 9)) for _ in range(2)]
    both = net.two(KIND.ADD, net.two(KIND.MUL, left[0], right[0]), net.two(KIND.SUB, left[1], right[1]))
    return net.model([x, z], [net.dense(both, 4), net.one(KIND.ABS, left[2])])


def deep(net: Net) -> Any:
    """Forty operators in a row, many of them alike."""
    x = net.activation([1, 10])
    y = x
    for number in range(20):
        y = net.one((KIND.RELU, KIND.ABS, KIND.TANH)[number % 3], net.dense(y, 10))
    return net.model([x], [y])


NETWORKS: dict[str, Callable[[Net], Any]] = {
    "plain": plain,
    "residual": residual,
    "branches": branches,
    "deep": deep,
}


def network(name: str, seed: int, integer: bool) -> Any:
    """Return the ModelT of one of `NETWORKS`, with random weights."""
    return NETWORKS[name](Net(seed, integer))
