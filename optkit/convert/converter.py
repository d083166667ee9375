"""Call TensorFlow Lite's converter on a Keras model."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.tensorflow import load_tensorflow, release_memory
from optkit.spec import Conversion

Samples = Callable[[], Iterator["npt.NDArray[Any] | Mapping[str, npt.NDArray[Any]]"]]
"""What yields single samples, of several inputs by name; the same ones each time it is called."""
_MISSING = re.compile(r"(?:TF Select ops|Custom ops): (.*)")
"""How the converter tells which operations it has no built-in operator for."""


def convert_keras(model: Any, conversion: Conversion, samples: Samples) -> bytes:
    """Return the Keras `model` as .tflite bytes: mode, types, granularity and sparse of `conversion`.

    Raises BuildError with the converter's reason when the model has an operation the mode cannot express.
    """
    tf = load_tensorflow()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    optimizations = []
    if conversion.mode != "float32":
        optimizations.append(tf.lite.Optimize.DEFAULT)
    if conversion.sparse:
        optimizations.append(tf.lite.Optimize.EXPERIMENTAL_SPARSITY)
    converter.optimizations = optimizations
    # Not a public name of the converter, but the only way to this; a test reads the number of scales in the file.
    converter._experimental_disable_per_channel = conversion.granularity == "per_tensor"
    if conversion.mode == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if conversion.integer_activations:
        # Fake quantization brings its own ranges; the converter then takes neither samples nor an op set.
        if not carries_fake_quantization(model):
            kinds = tf.lite.OpsSet
            integer_ops = {
                "int8": kinds.TFLITE_BUILTINS_INT8,
                "int16x8": kinds.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8,
            }
            converter.target_spec.supported_ops = [integer_ops[conversion.mode]]
            converter.representative_dataset = lambda: _calibrating(converter, samples)
        converter.inference_input_type = getattr(tf, conversion.input_type)
        converter.inference_output_type = getattr(tf, conversion.output_type)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bytes(converter.convert())
    except Exception as error:  # the converter raises many kinds, from several layers
        raise BuildError(f"conversion to {conversion.mode} failed: {reason(error)}") from error


def _calibrating(converter: Any, samples: Samples) -> Iterator[Any]:
    """Yield the samples as the converter takes them: those of one input in a list, of several by name.

    What the converter is done with by then is freed first. It keeps the SavedModel that it has converted, and the
    allocator what was freed: with ResNet v2 101 some 700 MB.
    """
    converter._trackable_obj = None
    release_memory()
    for sample in samples():
        yield dict(sample) if isinstance(sample, Mapping) else [sample]


def carries_fake_quantization(model: Any) -> bool:
    """Tell whether quantization-aware training wrapped any layer of `model`."""
    return any(type(layer).__name__ in ("QuantizeWrapperV2", "QuantizeLayer") for layer in model.layers)


def weight_layer_names(model: Any) -> list[str]:
    """Return the names of the layers of `model` that have weights in a kernel, those of nested models too."""
    names = []
    for layer in model.layers:
        if hasattr(layer, "layers"):
            names += weight_layer_names(layer)
        elif any(weight.shape.rank > 1 for weight in layer.weights):
            names.append(layer.name)
    return names


def reason(error: Exception) -> str:
    """Return why the converter failed, in one line: the operations that have no kernel by name, or its first line."""
    text = str(error).strip()
    missing = dict.fromkeys(
        name.strip() for found in _MISSING.findall(text) for name in found.split(",") if name.strip()
    )
    if missing:
        return (
            f"TensorFlow Lite has no operator for {', '.join(missing)}; replace the layers that use "
            f"{'it' if len(missing) == 1 else 'them'}"
        )
    if "TensorList" in text:
        return (
            "a recurrent layer whose batch is free has no built-in operator; give the model's Input batch_size=1, or "
            "the layer unroll=True"
        )
    return text.split("\n")[0][:300] or type(error).__name__
