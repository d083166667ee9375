"""Convert a Keras model to the bytes of a .tflite file.

Law: calibration sees training samples only; the same model and Conversion give the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.convert.converter import carries_fake_quantization, convert_keras, weight_layer_names
from optkit.convert.on_grid import Bits, check_conversion
from optkit.convert.quantizer import quantize
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.interface import interface_of
from optkit.tflite.simplify import simplify
from optkit.tflite.smallest import reduced
from optkit.tflite.sparse import check_sparse

__all__ = ["QUANTIZER_LIBRARIES", "carries_fake_quantization", "convert"]

QUANTIZER_LIBRARIES = ("litert-quantizer", "ai-edge-litert")
"""The libraries, besides those of every build, that a conversion with `uses_quantizer` depends on."""
_CHECKED_SAMPLES = 32


def convert(model: Any, conversion: Conversion, x_train: Any, *, bits: Bits | None = None) -> bytes:
    """Return `model` as .tflite bytes. `x_train`: numbers, (samples, *sample shape), to calibrate on.

    Of several inputs it is a dict of such arrays by input name. Whole numbers, such as the pixels of images, are taken
    as the type that the model's input has. `bits` names the layers that were trained in few bits: in every mode with
    integer weights, their integers in the file are the trained ones.

    Raises BuildError, with the reason, when the model or one of its layers cannot be converted as `conversion` says.
    """
    arrays = _by_input(model, x_train)
    count = len(next(iter(arrays.values())))

    def samples() -> Iterator[dict[str, npt.NDArray[Any]]]:
        rng = np.random.default_rng(conversion.calibration_seed)
        for i in rng.permutation(count)[: conversion.calibration_samples]:
            yield {name: array[i : i + 1] for name, array in arrays.items()}

    def for_converter() -> Iterator[Any]:
        return (sample if len(sample) > 1 else next(iter(sample.values())) for sample in samples())

    _check_fake_quantization(model, conversion)
    check_conversion(conversion, bits or {})
    if conversion.uses_quantizer or (bits and conversion.integer_weights):
        plain = convert_keras(model, Conversion(), for_converter)
        places = _places(plain, list(arrays))
        data = quantize(
            plain,
            conversion,
            weight_layer_names(model),
            lambda: ({places[name]: array for name, array in sample.items()} for sample in samples()),
            bits,
        )
    else:
        data = convert_keras(model, conversion, for_converter)
    if conversion.sparse:
        dense = convert_keras(model, dataclasses.replace(conversion, sparse=False), for_converter)
        check_sparse(data, dense, {name: array[:_CHECKED_SAMPLES] for name, array in arrays.items()})
    return reduced(simplify(data), conversion.strip)


def _by_input(model: Any, x: Any) -> dict[str, npt.NDArray[Any]]:
    """Return samples by the model's names of inputs, each in its input's type. Raises BuildError for other names."""
    types = {name: tensor.dtype.as_numpy_dtype for name, tensor in zip(model.input_names, model.inputs, strict=True)}
    names = list(types)
    given = x if isinstance(x, Mapping) else {names[0]: x}
    if len(names) == len(given) == 1:
        given = {names[0]: next(iter(given.values()))}
    if set(given) != set(names):
        raise BuildError(
            f"samples are for the inputs {', '.join(map(repr, given))}, and the model takes "
            f"{', '.join(map(repr, names))}; give an array for each"
        )
    return {name: np.asarray(given[name]).astype(kind, copy=False) for name, kind in types.items()}


def _places(plain: bytes, names: list[str]) -> dict[str, int]:
    """Return the number of the tensor that each input of the Keras model became."""
    inputs = interface_of(parse_flatbuffer(plain), "the float file").inputs
    if len(inputs) == 1:
        return {names[0]: inputs[0].index}
    return {spec.name: spec.index for spec in inputs}


def _check_fake_quantization(model: Any, conversion: Conversion) -> None:
    """Refuse what would undo, or ignore, the ranges and scales that quantization-aware training learned."""
    if not carries_fake_quantization(model):
        return
    plain_fields = {
        "layers": {},
        "calibration": "min_max",
        "granularity": "per_channel",
        "algorithm": "min_max",
        "bias_correction": False,
        "equalize": False,
    }
    for name, plain in plain_fields.items():
        if (got := getattr(conversion, name)) != plain:
            raise BuildError(
                f"{name} is {got!r}, but the model went through quantization-aware training and brings its own "
                f"ranges and scales; drop {name}, or leave out the quantize_aware step"
            )
    if conversion.mode == "int4_weights":
        raise BuildError("the model was trained for int8 by quantization-aware training; convert with mode int8")
