"""Convert a Keras model to the bytes of a .tflite file.

Law: calibration sees training samples only; the same model and Conversion give the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.convert.converter import carries_fake_quantization, convert_keras, weight_layer_names
from optkit.convert.quantizer import quantize
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.simplify import simplify
from optkit.tflite.sparse import check_sparse
from optkit.tflite.strip import strip

__all__ = ["QUANTIZER_LIBRARIES", "carries_fake_quantization", "convert"]

QUANTIZER_LIBRARIES = ("litert-quantizer", "ai-edge-litert")
"""The libraries, besides those of every build, that a conversion with `uses_quantizer` depends on."""
_CHECKED_SAMPLES = 32


def convert(model: Any, conversion: Conversion, x_train: npt.NDArray[Any]) -> bytes:
    """Return `model` as .tflite bytes. `x_train`: numbers, (samples, *sample shape), to calibrate on.

    Whole numbers, such as the pixels of images, are taken as the type that the model's input has.

    Raises BuildError, with the reason, when the model or one of its layers cannot be converted as `conversion` says.
    """

    def samples() -> Iterator[npt.NDArray[np.float32]]:
        rng = np.random.default_rng(conversion.calibration_seed)
        for i in rng.permutation(len(x_train))[: conversion.calibration_samples]:
            yield x_train[i : i + 1]

    _check_fake_quantization(model, conversion)
    x_train = x_train.astype(model.inputs[0].dtype.as_numpy_dtype, copy=False)
    if conversion.uses_quantizer:
        plain = convert_keras(model, Conversion(), samples)
        data = quantize(plain, conversion, weight_layer_names(model), samples)
    else:
        data = convert_keras(model, conversion, samples)
    if conversion.sparse:
        dense = convert_keras(model, dataclasses.replace(conversion, sparse=False), samples)
        check_sparse(data, dense, [x_train[i : i + 1] for i in range(min(_CHECKED_SAMPLES, len(x_train)))])
    data = simplify(data)
    return data if conversion.strip == "nothing" else strip(data, conversion.strip)


def _check_fake_quantization(model: Any, conversion: Conversion) -> None:
    """Refuse what would undo, or ignore, the ranges and scales that quantization-aware training learned."""
    if not carries_fake_quantization(model):
        return
    plain_fields: dict[str, Any] = {"layers": {}, "calibration": "min_max", "granularity": "per_channel"}
    plain_fields |= {"algorithm": "min_max", "equalize": False, "bias_correction": False}
    for name, plain in plain_fields.items():
        if (got := getattr(conversion, name)) != plain:
            raise BuildError(
                f"{name} is {got!r}, but the model went through quantization-aware training and brings its own "
                f"ranges and scales; drop {name}, or leave out the quantize_aware step"
            )
    if conversion.mode == "int4_weights":
        raise BuildError("the model was trained for int8 by quantization-aware training; convert with mode int8")
