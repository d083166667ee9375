"""The files: what each holds, what numpy computes for the same samples, and how far a runtime may be from that."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from benchmarks.studies.conformance.graphs import Graph, Kind
from optkit.convert.from_tflite import convert_tflite
from optkit.spec import Conversion

Floats = npt.NDArray[np.float32]
BATCH = 4
"""Samples in a call of every case."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A file, samples for it and what they give, by name. `tolerance` is a share of an output's range."""

    name: str
    content: bytes
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    tolerance: float


def cases() -> list[Case]:
    """Return all cases, in the order of the table."""
    return [*_network_cases(), *_shape_cases()]


_FORMS: dict[str, tuple[Conversion, float]] = {
    "float32": (Conversion(), 1e-5),
    "float16": (Conversion(mode="float16"), 5e-3),
    "dynamic range": (Conversion(mode="dynamic_range"), 0.05),
    "int8": (Conversion(mode="int8"), 0.05),
    "int8, int8 at both ends": (Conversion(mode="int8", input_type="int8", output_type="int8"), 0.05),
    "int16x8": (Conversion(mode="int16x8"), 0.02),
    "int4 weights": (Conversion(mode="int4_weights"), 0.05),
    "int8, int4 weights": (Conversion(mode="int8", layers={"*": "int4"}), 0.05),
    "int8, int4 convolution": (Conversion(mode="int8", layers={"kernel": "int4"}), 0.05),
    "int8, int4 per tensor": (Conversion(mode="int8", granularity="per_tensor", layers={"*": "int4"}), 0.05),
}


def _network_cases() -> list[Case]:
    """A convolution and a dense layer, in each precision. Weights of 4 bits lie on that grid, so that none is lost."""
    rng = np.random.default_rng(0)
    kernel, bias = _floats(rng, 8, 3, 3, 1), _floats(rng, 8)
    weights, end = _floats(rng, 5, 288, scale=0.1), _floats(rng, 5)
    fine = [_in_form(name, kernel, bias, weights, end) for name in _FORMS if "int4" not in name]
    on_grid = (_on_grid(rng, 0.1, 8, 3, 3, 1), bias, _on_grid(rng, 0.02, 5, 288), end)
    return [*fine, *(_in_form(name, *on_grid) for name in _FORMS if "int4" in name)]


def _on_grid(rng: np.random.Generator, step: float, *shape: int) -> Floats:
    """Return multiples of `step` from -7 to 7, with 7 in each row: one scale fits each of them, and all."""
    whole = rng.integers(-7, 8, shape)
    whole.reshape(len(whole), -1)[:, 0] = 7
    return (step * whole).astype(np.float32)


def _in_form(name: str, kernel: Floats, bias: Floats, weights: Floats, end: Floats) -> Case:
    """Return the network with these weights in one of `_FORMS`."""
    rng = np.random.default_rng(2)
    x = rng.random((BATCH, 8, 8, 1), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x[..., 0], (3, 3), axis=(1, 2))
    hidden = np.maximum(np.einsum("nijab,cab->nijc", windows, kernel[..., 0]) + bias, 0)
    expected = hidden.reshape(BATCH, -1) @ weights.T + end
    plain = _network(kernel, bias, weights, end)
    samples = np.random.default_rng(1).random((64, 8, 8, 1), np.float32)

    conversion, tolerance = _FORMS[name]
    content = convert_tflite(plain, conversion, samples, name=name, tried=True)
    return Case(name=name, content=content, inputs={"x": x}, outputs={"y": expected}, tolerance=tolerance)


def _network(kernel: Floats, bias: Floats, weights: Floats, end: Floats) -> bytes:
    graph = Graph()
    x = graph.tensor([1, 8, 8, 1], "x")
    inputs = [x, graph.constant(kernel, "kernel"), graph.constant(bias, "bias")]
    options = schema.Conv2DOptionsT(padding=1, strideW=1, strideH=1, fusedActivationFunction=1)
    hidden = graph.apply(Kind.CONV_2D, inputs, graph.tensor([1, 6, 6, 8], "hidden"), options)
    shape = graph.constant(np.array([-1, 288], np.int32), "shape")
    flat = graph.tensor([1, 288], "flat")
    graph.apply(Kind.RESHAPE, [hidden, shape], flat, schema.ReshapeOptionsT(newShape=[-1, 288]))
    return graph.content({"x": x}, {"y": _dense(graph, flat, weights, end, "y")})


def _dense(graph: Graph, x: int, weights: Floats, bias: Floats, name: str, *, free: tuple[int, ...] = (0,)) -> int:
    inputs = [x, graph.constant(weights, f"{name}/weights"), graph.constant(bias, f"{name}/bias")]
    y = graph.tensor([1 if free else BATCH, len(bias)], name, free=free)
    return graph.apply(Kind.FULLY_CONNECTED, inputs, y, schema.FullyConnectedOptionsT())


def _shape_cases() -> list[Case]:
    made: tuple[Callable[[], Case], ...] = (
        *(_two_inputs, _two_outputs, _scalar, _ids, _fixed_batch, _free_length, _computed_shape, _bool, _places),
    )
    return [make() for make in made]


def _case(name: str, graph: Graph, inputs: dict[str, int], outputs: dict[str, int], x: Any, y: Any) -> Case:
    return Case(name=name, content=graph.content(inputs, outputs), inputs=x, outputs=y, tolerance=1e-5)


def _two_inputs() -> Case:
    rng, graph = np.random.default_rng(2), Graph()
    a, b, weights, bias = _floats(rng, BATCH, 6), _floats(rng, BATCH, 3), _floats(rng, 3, 6), _floats(rng, 3)
    first, second = graph.tensor([1, 6], "a"), graph.tensor([1, 3], "b")
    dense = _dense(graph, first, weights, bias, "dense")
    y = graph.apply(Kind.ADD, [dense, second], graph.tensor([1, 3], "y"), schema.AddOptionsT())
    expected = {"y": a @ weights.T + bias + b}
    return _case("two inputs", graph, {"a": first, "b": second}, {"y": y}, {"a": a, "b": b}, expected)


def _two_outputs() -> Case:
    rng, graph = np.random.default_rng(3), Graph()
    x, weights, bias = _floats(rng, BATCH, 6), _floats(rng, 3, 6), _floats(rng, 3)
    given = graph.tensor([1, 6], "x")
    dense = _dense(graph, given, weights, bias, "real")
    share = graph.apply(Kind.LOGISTIC, [dense], graph.tensor([1, 3], "share"))
    real = x @ weights.T + bias
    expected = {"real": real, "share": 1 / (1 + np.exp(-real))}
    return _case("two outputs", graph, {"x": given}, {"real": dense, "share": share}, {"x": x}, expected)


def _scalar() -> Case:
    rng, graph = np.random.default_rng(4), Graph()
    x = _floats(rng, BATCH, 6)
    given, axes = graph.tensor([1, 6], "x"), graph.constant(np.array([0, 1], np.int32), "axes")
    y = graph.tensor([], "y", free=())
    graph.apply(Kind.MEAN, [given, axes], y, schema.ReducerOptionsT(keepDims=False))
    return _case("scalar output", graph, {"x": given}, {"y": y}, {"x": x}, {"y": x.mean()})


def _ids() -> Case:
    rng, graph = np.random.default_rng(5), Graph()
    table, x = _floats(rng, 10, 4), rng.integers(0, 10, (BATCH, 3)).astype(np.int32)
    given = graph.tensor([1, 3], "ids", "int32")
    y = graph.tensor([1, 3, 4], "y")
    graph.apply(Kind.GATHER, [graph.constant(table, "table"), given], y, schema.GatherOptionsT(axis=0))
    return _case("integer ids", graph, {"ids": given}, {"y": y}, {"ids": x}, {"y": table[x]})


def _fixed_batch() -> Case:
    rng, graph = np.random.default_rng(6), Graph()
    x, weights, bias = _floats(rng, BATCH, 6), _floats(rng, 3, 6), _floats(rng, 3)
    given = graph.tensor([BATCH, 6], "x", free=())
    y = _dense(graph, given, weights, bias, "y", free=())
    return _case("fixed batch", graph, {"x": given}, {"y": y}, {"x": x}, {"y": x @ weights.T + bias})


def _free_length() -> Case:
    rng, graph = np.random.default_rng(7), Graph()
    x = _floats(rng, BATCH, 9)
    given, y = graph.tensor([1, 1], "x", free=(0, 1)), graph.tensor([1, 1], "y", free=(0, 1))
    graph.apply(Kind.LOGISTIC, [given], y)
    return _case("free length", graph, {"x": given}, {"y": y}, {"x": x}, {"y": 1 / (1 + np.exp(-x))})


def _computed_shape() -> Case:
    """A reshape to (batch, 16), where the batch is read from the input: what TensorFlow writes for a free batch."""
    rng, graph = np.random.default_rng(10), Graph()
    x, weights, bias = _floats(rng, BATCH, 4, 4), _floats(rng, 3, 16), _floats(rng, 3)
    given = graph.tensor([1, 4, 4], "x")
    shape = graph.tensor([3], "shape", "int32", free=())
    graph.apply(Kind.SHAPE, [given], shape, schema.ShapeOptionsT(outType=schema.TensorType.INT32))
    ends = [
        graph.constant(np.array([value], np.int32), name) for value, name in ((0, "begin"), (1, "end"), (1, "stride"))
    ]
    first = graph.tensor([], "first", "int32", free=())
    graph.apply(Kind.STRIDED_SLICE, [shape, *ends], first, schema.StridedSliceOptionsT(shrinkAxisMask=1))
    target, size = graph.tensor([2], "target", "int32", free=()), graph.constant(np.int32(16), "size")
    graph.apply(Kind.PACK, [first, size], target, schema.PackOptionsT(valuesCount=2, axis=0))
    flat = graph.apply(Kind.RESHAPE, [given, target], graph.tensor([1, 16], "flat"))
    y = _dense(graph, flat, weights, bias, "y")
    return _case(
        "computed shape", graph, {"x": given}, {"y": y}, {"x": x}, {"y": x.reshape(BATCH, 16) @ weights.T + bias}
    )


def _bool() -> Case:
    rng, graph = np.random.default_rng(8), Graph()
    x = _floats(rng, BATCH, 6)
    given, half = graph.tensor([1, 6], "x"), graph.constant(np.array([0.5], np.float32), "half")
    y = graph.apply(Kind.GREATER, [given, half], graph.tensor([1, 6], "y", "bool"), schema.GreaterOptionsT())
    return _case("bool output", graph, {"x": given}, {"y": y}, {"x": x}, {"y": x > 0.5})


def _places() -> Case:
    rng, graph = np.random.default_rng(9), Graph()
    x = _floats(rng, BATCH, 6)
    given, axis = graph.tensor([1, 6], "x"), graph.constant(np.int32(1), "axis")
    options = schema.ArgMaxOptionsT(outputType=schema.TensorType.INT32)
    y = graph.apply(Kind.ARG_MAX, [given, axis], graph.tensor([1], "y", "int32"), options)
    return _case("integer output", graph, {"x": given}, {"y": y}, {"x": x}, {"y": x.argmax(axis=1)})


def _floats(rng: np.random.Generator, *shape: int, scale: float = 0.5) -> Floats:
    return rng.normal(0, scale, shape).astype(np.float32)
