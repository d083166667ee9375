"""Faults that can be put into a network or its quantization, each with what a diagnosis must say of it.

A fault changes the float file (both files then have it), or how it is quantized. It is drawn by a seed: the layer, the
channels and how bad it is. What changes the float file leaves its outputs as they were, or nearly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.studies.doctor_faults.edits import Impossible, packed, scaled_channels, with_normalization
from optkit.convert import statistics
from optkit.convert.activations import activation_ranges
from optkit.convert.from_tflite import convert_tflite
from optkit.doctor.naming import names_of
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import WEIGHT_INPUT, parse_flatbuffer, tensor_name
from optkit.tflite.view import Node, View, write_floats

Arrays = Any


@dataclass(frozen=True)
class Case:
    """A faulty pair of files: the layers one of which is guilty (the empty name: the whole file), and its causes."""

    fault: str
    seed: int
    plain: bytes
    quantized: bytes
    layers: tuple[str, ...]
    causes: tuple[str, ...]


Fault = Callable[[bytes, Arrays, np.random.Generator, float], tuple[bytes, bytes, tuple[str, ...]]]


def int8(content: bytes, x: Arrays, **fields: Any) -> bytes:
    """Return the float file as int8, as `convert_tflite` makes it."""
    return convert_tflite(content, Conversion(mode="int8", **fields), x, tried=True)


def _with_ranges(content: bytes, x: Arrays, change: Callable[[dict[str, Any]], dict[str, Any]]) -> bytes:
    def tampered(*given: Any) -> dict[str, Any]:
        return change(activation_ranges(*given))

    with mock.patch.object(statistics, "activation_ranges", tampered):
        return int8(content, x)


def _inner(content: bytes, rng: np.random.Generator) -> tuple[View, Node]:
    """Return a node with weights, not the last one, drawn by chance."""
    view = View(parse_flatbuffer(content))
    nodes = [node for node in view.nodes if WEIGHT_INPUT.get(node.kind) in node.constants]
    if len(nodes) < 2:
        raise Impossible("it has one layer with weights")
    return view, nodes[int(rng.integers(0, len(nodes) - 1))]


def _range_of(content: bytes, x: Arrays, rng: np.random.Generator, scale: Callable[[float, float], Any]) -> Any:
    view, node = _inner(content, rng)
    tensor = tensor_name(view.tensors[node.outputs[0]])

    def change(ranges: dict[str, Any]) -> dict[str, Any]:
        return {**ranges, tensor: scale(*ranges[tensor])}

    return content, _with_ranges(content, x, change), (names_of(view)[node.number].name,)


def clipped(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """One layer's range is a part of what its values need."""
    part = rng.uniform(0.1, 0.3) / worse
    return _range_of(content, x, rng, lambda low, high: (low * part, high * part))


def one_sided(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """One layer's range holds one sign, and nearly nothing of the other; of a ReLU a small part."""
    part = 0.02 / worse

    def scale(low: float, high: float) -> tuple[float, float]:
        return (low * part, high) if -low > 0.2 * high else (low, high * 0.1 / worse)

    return _range_of(content, x, rng, scale)


def widened(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """One layer's range is many times what its values need, as after a broken calibration sample."""
    times = rng.uniform(20, 60) * worse
    return _range_of(content, x, rng, lambda low, high: (low * times, high * times))


def few_samples(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """The ranges come from one sample, or two."""
    count = 1 if worse > 1 else int(rng.integers(1, 3))
    return content, int8(content, x, calibration_samples=count, calibration_seed=int(rng.integers(0, 1000))), ("",)


def scaled_channel(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """Some channels of a layer are a hundred times as large, and the weights behind them as much smaller."""
    plain, layers = scaled_channels(content, rng, worse)
    return plain, int8(plain, x), layers


def scaled_per_tensor(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """The same, and the weights have one scale a tensor."""
    plain, layers = scaled_channels(content, rng, worse)
    return plain, int8(plain, x, granularity="per_tensor"), layers


def _with_bias(
    content: bytes, x: Arrays, rng: np.random.Generator, change: Callable[[Any], Any]
) -> tuple[bytes, bytes, tuple[str, ...]]:
    """Return the network as int8, with the integers of one layer's bias changed."""
    data = int8(content, x)
    model = parse_flatbuffer(data)
    first, second = View(parse_flatbuffer(content)), View(model)
    if [node.kind for node in first.nodes] != [node.kind for node in second.nodes]:
        raise Impossible("its operators are others when it is quantized")
    pairs = [
        (a, b)
        for a, b in zip(first.nodes, second.nodes, strict=True)
        if a.bias is not None and b.bias is not None and first.values(a.constants[a.bias]).any()
    ]
    if not pairs:
        raise Impossible("no layer has a bias")
    a, b = pairs[int(rng.integers(0, len(pairs)))]
    assert b.bias is not None
    buffer = model.buffers[second.tensors[b.constants[b.bias]].buffer]
    stored = np.frombuffer(np.asarray(buffer.data, np.uint8).tobytes(), np.int32)
    buffer.data = np.frombuffer(change(stored.astype(np.int64)).astype(np.int32).tobytes(), np.uint8)
    return content, packed(model), (names_of(first)[a.number].name,)


def small_bias(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """The biases of a layer are cut off at a small part of the largest, as integers of too few bits are."""

    def cut(stored: Any) -> Any:
        limit = max(1, int(np.abs(stored).max() * 0.03 / worse))
        return np.clip(stored, -limit, limit)

    return _with_bias(content, x, rng, cut)


def wrapped_bias(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """The biases of a layer overflow: what is beyond a power of two comes back from the other end."""

    def wrapped(stored: Any) -> Any:
        limit = 2 ** max(1, int(np.log2(max(4, np.abs(stored).max()) / worse)))
        return (stored + limit) % (2 * limit) - limit

    return _with_bias(content, x, rng, wrapped)


def shifted_logits(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """All logits are larger by one large number, which no softmax and no argmax sees, but their range does."""
    model = parse_flatbuffer(content)
    view = View(model)
    nodes = [node for node in view.nodes if node.bias is not None]
    last = nodes[-1] if nodes else None
    if last is None or last.bias is None or last.activation:
        raise Impossible("its last layer has no bias")
    index = last.constants[last.bias]
    write_floats(model, view.tensors[index], view.values(index) + rng.uniform(500, 1500) * worse)
    plain = packed(model)
    return plain, int8(plain, x), (names_of(view)[last.number].name,)


def four_bits(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """One layer's weights have four bits, and one scale a tensor."""
    view = View(parse_flatbuffer(content))
    names = names_of(view)
    nodes = [n for n in view.nodes if n.kind in ("CONV_2D", "FULLY_CONNECTED") and names[n.number].pattern]
    nodes = [node for node in nodes if WEIGHT_INPUT[node.kind] in node.constants]
    if not nodes:
        raise Impossible("no layer can have four bits")
    node = nodes[int(rng.integers(0, len(nodes)))]
    layers = {names[node.number].pattern: "int4"}
    return content, int8(content, x, layers=layers), (names[node.number].name,)


def unfolded(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """A product and a sum with a constant a channel, of scales over some powers of ten, stand between two layers."""
    plain, layers = with_normalization(content, rng, worse)
    return plain, int8(plain, x), layers


def _any_window(*given: Any) -> Callable[[Any], bool]:
    return lambda window: True


def old_kl(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """KL calibration as it was before its clipping was bounded, of products of batch normalization alone.

    The guilty layer is the product whose range it cut most.
    """
    view = View(parse_flatbuffer(content))
    names = names_of(view)
    nodes = [node for node in view.nodes if node.kind == "MUL" and node.constants]
    if not nodes:
        raise Impossible("it has no batch normalization that stands by itself")
    with mock.patch("optkit.convert.calibration._clipping_limit", _any_window):
        data = int8(content, x, calibration="kl", calibration_samples=1000, calibration_seed=int(rng.integers(0, 1000)))
    return content, data, tuple(names[node.number].name for node in nodes)


def kl_clipped(content: bytes, x: Arrays, rng: np.random.Generator, worse: float) -> Any:
    """What the old KL calibration did to a slimmed residual network, whichever network it is put into.

    A product of batch normalization that stands by itself is clipped to the sign whose values reach further: KL
    divergence counts how many values are clipped, and not how far. When it is worse, the other end is drawn in too.
    """
    view = View(parse_flatbuffer(content))
    nodes = [node for node in view.nodes if node.kind == "MUL" and node.constants]
    if not nodes:
        raise Impossible("it has no batch normalization that stands by itself")
    node = nodes[int(rng.integers(0, len(nodes)))]
    tensor = tensor_name(view.tensors[node.outputs[0]])

    def change(ranges: dict[str, Any]) -> dict[str, Any]:
        low, high = ranges[tensor]
        kept = (0.0, high / worse) if high > -low else (low / worse, 0.0)
        return {**ranges, tensor: kept}

    return content, _with_ranges(content, x, change), (names_of(view)[node.number].name,)


FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {
    "clipped": (clipped, ("clipped_range",)),
    "one_sided": (one_sided, ("clipped_range",)),
    "widened": (widened, ("stretched_range",)),
    "few_samples": (few_samples, ("few_samples",)),
    "scaled_channel": (scaled_channel, ("channel_scales",)),
    "scaled_per_tensor": (scaled_per_tensor, ("channel_scales",)),
    "small_bias": (small_bias, ("bias_saturates",)),
    "wrapped_bias": (wrapped_bias, ("bias_saturates",)),
    "shifted_logits": (shifted_logits, ("logit_scale",)),
    "four_bits": (four_bits, ("width",)),
    "unfolded": (unfolded, ("unfolded_batch_normalization",)),
    "old_kl": (old_kl, ("clipped_range",)),
    "kl_clipped": (kl_clipped, ("clipped_range",)),
}
"""Each fault, and the causes that are right."""
