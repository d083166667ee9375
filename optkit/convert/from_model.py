"""The user's own model as a float .tflite file, whichever kind it is: what all post-training variants start from."""

from __future__ import annotations

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

from optkit.convert.converter import convert_keras, reason
from optkit.errors import ArtifactError, BuildError
from optkit.files.regular import read_bytes
from optkit.keras.keras3 import load_keras3
from optkit.keras.own import import_custom, model_kind, open_model
from optkit.keras.saved_model import check_saved_model
from optkit.keras.tensorflow import load_tensorflow, silenced
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import parse_flatbuffer

_SIGNATURE = "serving_default"


def float_tflite(path: Path, custom_objects: str | None = None, *, allow_lambda: bool = False) -> bytes:
    """Return the model at `path` (.keras of Keras 2 or 3, .h5, a SavedModel folder, .tflite) as a float .tflite file.

    A .tflite comes back as it is, and no TensorFlow is loaded for it; `convert_tflite` verifies it. The others are as
    the TensorFlow Lite converter makes them. `custom_objects` and `allow_lambda` are those of `keras.own.open_model`.
    Raises ArtifactError when the file is damaged or would run code, BuildError when it cannot be converted.
    """
    kind = model_kind(path)
    if kind == "tflite":
        try:
            return read_bytes(path)
        except OSError as error:
            raise ArtifactError(f"{path} cannot be read: {error}") from error
    if kind == "saved_model":
        return _from_saved_model(path, import_custom(custom_objects))
    if kind == "keras3":
        model = load_keras3(path, import_custom(custom_objects), allow_lambda=allow_lambda)
    else:
        model = open_model(path, custom_objects, allow_lambda=allow_lambda)
    with silenced(), contextlib.redirect_stdout(io.StringIO()):  # Keras 3 prints what it exports
        data = convert_keras(model, Conversion(), lambda: iter(()))
    return _with_output_names(data, model) if kind == "keras3" else data


def _with_output_names(data: bytes, model: Any) -> bytes:
    """Call several outputs of a Keras 3 model by their layers, as tf-keras does; Keras 3 numbers them."""
    from ai_edge_litert.tools import flatbuffer_utils

    names = [str(tensor._keras_history.operation.name) for tensor in model.outputs]
    if len(names) < 2 or len(set(names)) < len(names):
        return data
    tree = parse_flatbuffer(data)
    numbered = {f"output_{i}": name for i, name in enumerate(names)}
    for signature in tree.signatureDefs or ():
        for entry in signature.outputs:
            entry.name = numbered.get(entry.name.decode(), entry.name.decode()).encode()
    return bytes(flatbuffer_utils.convert_object_to_bytearray(tree))


def _from_saved_model(path: Path, custom: dict[str, Any]) -> bytes:
    check_saved_model(path, custom)
    tf = load_tensorflow()
    try:
        with silenced(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converter: Any = tf.lite.TFLiteConverter.from_saved_model(str(path), signature_keys=[_SIGNATURE])
            return bytes(converter.convert())
    except Exception as error:  # the converter raises many kinds, from several layers
        raise BuildError(f"{path} cannot be converted by its signature {_SIGNATURE!r}: {reason(error)}") from error
