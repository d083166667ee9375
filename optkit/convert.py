"""Convert a Keras model to the bytes of a .tflite file.

Law: calibration sees training samples only; the same model and Conversion give the same bytes.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tensorflow import load_tensorflow


def convert(model: Any, conversion: Conversion, x_train: npt.NDArray[np.float32]) -> bytes:
    """Return `model` as .tflite bytes. `x_train`: float32, (samples, *sample shape), to calibrate on.

    Raises BuildError with the converter's reason when the model has an operation the mode cannot express.
    """
    tf = load_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if conversion.mode != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if conversion.mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if conversion.mode in ("int8", "int16x8"):
        # Fake quantization brings its own ranges; the converter then takes neither samples nor an op set.
        if not carries_fake_quantization(model):
            kinds = tf.lite.OpsSet
            integer_ops = {
                "int8": kinds.TFLITE_BUILTINS_INT8,
                "int16x8": kinds.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            }
            converter.target_spec.supported_ops = [integer_ops[conversion.mode]]
            converter.representative_dataset = lambda: _samples(conversion, x_train)
        converter.inference_input_type = getattr(tf, conversion.input_type)
        converter.inference_output_type = getattr(tf, conversion.output_type)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bytes(converter.convert())
    except Exception as error:  # the converter raises many kinds, from several layers
        raise BuildError(f"conversion to {conversion.mode} failed: {_first_line(error)}") from error


def carries_fake_quantization(model: Any) -> bool:
    """Tell whether quantization-aware training wrapped any layer of `model`."""
    return any(type(layer).__name__ in ("QuantizeWrapperV2", "QuantizeLayer") for layer in model.layers)


def _samples(conversion: Conversion, x_train: npt.NDArray[np.float32]) -> Iterator[list[npt.NDArray[np.float32]]]:
    rng = np.random.default_rng(conversion.calibration_seed)
    chosen = rng.permutation(len(x_train))[: conversion.calibration_samples]
    for i in chosen:
        yield [x_train[i : i + 1]]


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:300] or type(error).__name__
