"""Layers whose weights were trained on a grid: their integers are found again, and are in the file, or it is refused.

LiteRT's quantizer finds a scale from the nearest two values of a channel, which fails where a channel misses integers,
such as 0, 3 and 5. So the steps are found here, and given to it as the range of the weights.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from optkit.convert.quantizer_recipe import KERNELS, Layer, stored_weights
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import is_quantized, parse_flatbuffer, tensor_name, tensor_values
from optkit.tflite.grid import Grid, find_grid, largest_of

Bits = Mapping[str, int]
"""The layers that were trained on a grid, by name, each with its bits."""
Ranges = dict[str, dict[str, npt.NDArray[np.float32]]]
_BITS = {"int2": 2, "int4": 4, "int8": 8}


def check_conversion(conversion: Conversion, bits: Bits) -> None:
    """Refuse what would choose other integers than the trained ones. Raises BuildError, which names it."""
    if bits and (conversion.mode == "float16" or "float16" in conversion.layers.values()):
        raise BuildError(
            f"float16 rounds the weights of {', '.join(bits)}, which were trained in few bits, off their grid; take "
            "float32 or integer weights"
        )
    for name, plain in {
        "algorithm": "min_max",
        "granularity": "per_channel",
        "equalize": False,
        "sparse": False,
    }.items():
        if bits and (got := getattr(conversion, name)) != plain:
            raise BuildError(
                f"{name} is {got!r}, but low-bit training chose the integers of {', '.join(bits)}; drop {name}, or "
                "leave out the low_bit step"
            )


def on_grid(model: bytes, conversion: Conversion, layers: Sequence[Layer], bits: Bits) -> tuple[list[Layer], Ranges]:
    """Return `layers`, those that `bits` names with the type that their integers are kept in, and their ranges.

    A type that `conversion.layers` gives stands; otherwise it is the one of int8, int4 and int2 that zips smallest, of
    those that the operator has a kernel for. Raises BuildError, which names the layer, when the weights of one lie on
    no grid of its bits, a type does not hold them, or the file has no operator with the weights of one.
    """
    if not bits:
        return list(layers), {}
    tree = parse_flatbuffer(model)
    found, ranges, seen = [], {}, set()
    for layer, tensor in zip(layers, stored_weights(tree, [layer.scope for layer in layers]), strict=True):
        wanted = next((bits[name] for name in layer.names if name in bits), 0)
        seen |= set(layer.names)
        explicit = any(fnmatchcase(name, pattern) for name in layer.names for pattern in conversion.layers)
        if not wanted or (explicit and layer.precision not in _BITS):
            found.append(layer)
            continue
        channel = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
        grid = find_grid(tensor_values(tree, tensor), channel)
        if grid is None or grid.bits > wanted:
            raise BuildError(
                f"layer {layer.called} was trained in {wanted} bits, but its weights lie on no such grid when they are "
                "converted; what stands between low_bit and the conversion changes them"
            )
        kind = layer.precision if explicit else _smallest(grid, channel, layer.kind)
        if grid.bits > _BITS[kind]:
            raise BuildError(f"layers: {layer.called} was trained in {grid.bits} bits, which {kind} does not hold")
        found.append(dataclasses.replace(layer, precision=kind))
        ranges[tensor_name(tensor)] = _range(grid, kind, channel)
    if missing := set(bits) - seen:
        raise BuildError(
            f"the weights of {', '.join(sorted(missing))}, trained in few bits, are in no operator of the file that "
            "can hold integers; leave the layer out of low_bit with exclude"
        )
    return found, ranges


def check_integers(model: bytes, data: bytes, layers: Sequence[Layer], ranges: Ranges) -> None:
    """Raise BuildError, which names the layer, when the file `data` has other integers than those found in `model`."""
    scopes = [layer.scope for layer in layers]
    before, after = parse_flatbuffer(model), parse_flatbuffer(data)
    pairs = zip(layers, stored_weights(before, scopes), stored_weights(after, scopes), strict=True)
    for layer, trained, stored in pairs:
        if tensor_name(trained) not in ranges:
            continue
        channel = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
        grid = find_grid(tensor_values(before, trained), channel)
        integers = np.moveaxis(tensor_values(after, stored), channel, 0)
        scales = np.asarray(stored.quantization.scale, np.float32) if is_quantized(stored) else np.zeros(0, np.float32)
        same = grid is not None and np.array_equal(integers, grid.integers)
        if grid is None or not same or not np.allclose(scales, grid.steps, rtol=1e-6, atol=0):
            raise BuildError(
                f"layer {layer.called} ({layer.kind}): the converted file has other integers than the trained ones; "
                "this is a defect of optkit or of LiteRT's quantizer: please report it with the suite file"
            )


def _smallest(grid: Grid, channel: int, kind: str) -> str:
    """Return the type whose packed integers zip smallest, by deflate; of equal ones the one that packs smallest."""
    integers = np.moveaxis(grid.integers, 0, channel).reshape(-1)
    fitting = [name for name, bits in _BITS.items() if grid.bits <= bits and kind in KERNELS.get(name, (kind,))]
    packed = {name: _packed(integers, _BITS[name]) for name in fitting}
    return min(fitting, key=lambda name: (len(zlib.compress(packed[name])), len(packed[name])))


def _packed(integers: npt.NDArray[np.int8], bits: int) -> bytes:
    """Return integers as the file holds them: the first in the lowest bits of a byte."""
    many = 8 // bits
    filled = np.concatenate([integers, np.zeros(-len(integers) % many, np.int8)]).astype(np.uint8) & (2**bits - 1)
    parts = filled.reshape(-1, many) << (np.arange(many, dtype=np.uint8) * bits)
    return bytes(np.bitwise_or.reduce(parts, axis=1).astype(np.uint8))


def _range(grid: Grid, kind: str, channel: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return the range from which the quantizer works out the grid's own steps as scales."""
    shape = [1] * grid.integers.ndim
    shape[channel] = len(grid.steps)
    bound = (grid.steps * np.float32(largest_of(_BITS[kind]))).reshape(shape)
    return {"min": -bound, "max": bound}
