"""The user's own model as a float .tflite file, whichever kind it is: what all post-training variants start from."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Set
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
from optkit.tflite.flatbuffer import parse_flatbuffer, tensor_name

_SIGNATURE = "serving_default"
_NUMBER = re.compile(r"_\d+$")


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
    return _with_keras_names(data, model) if kind == "keras3" else data


def _with_keras_names(data: bytes, model: Any) -> bytes:
    """Give the file of a Keras 3 model the names that tf-keras gives: those of its layers, and of several outputs."""
    from ai_edge_litert.tools import flatbuffer_utils

    tree = parse_flatbuffer(data)
    _name_layers(tree, {model.name, *(layer.name for layer in model._flatten_layers())})
    _name_outputs(tree, [str(tensor._keras_history.operation.name) for tensor in model.outputs])
    return bytes(flatbuffer_utils.convert_object_to_bytearray(tree))


def _name_layers(tree: Any, layers: Set[str]) -> None:
    """Take the number off that tracing a model for the second time puts behind the name of each layer.

    A tensor's name is model/layer/operation, or several of these. When a layer has no such number, the model was not
    traced twice, and all names stay.
    """
    tensors = [tensor for graph in tree.subgraphs for tensor in graph.tensors]
    paths = [path.split("/") for tensor in tensors for path in tensor_name(tensor).split(";")]
    own = {path[1] for path in paths if len(path) > 2} & layers
    if any(_NUMBER.sub("", name) not in layers - {name} for name in own):
        return
    found: dict[str, str] = {}
    for part in sorted({part for path in paths for part in path[:-1]}):
        plain = _NUMBER.sub("", part)
        if plain != part and plain in layers and plain not in found.values():  # of a shared layer, its first call
            found[part] = plain

    def renamed(path: str) -> str:
        *scopes, operation = path.split("/")
        return "/".join([*(found.get(scope, scope) for scope in scopes), operation])

    for tensor in tensors:
        tensor.name = ";".join(map(renamed, tensor_name(tensor).split(";"))).encode()


def _name_outputs(tree: Any, names: list[str]) -> None:
    """Call several outputs by their layers; Keras 3 numbers them."""
    if len(names) < 2 or len(set(names)) < len(names):
        return
    numbered = {f"output_{i}": name for i, name in enumerate(names)}
    for signature in tree.signatureDefs or ():
        for entry in signature.outputs:
            entry.name = numbered.get(entry.name.decode(), entry.name.decode()).encode()


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
