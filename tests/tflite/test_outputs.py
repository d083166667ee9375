"""The last operators of a .tflite file say whether its outputs are probabilities already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest

from optkit import ArtifactError, Conversion
from optkit.convert import convert
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.tflite.flatbuffer import read_flatbuffer
from optkit.tflite.outputs import output_kind, output_kinds
from tests.tflite.networks import two_ends, written


def write(path: Path, end: Callable[[Any, Any], Any], **conversion: Any) -> Path:
    """Convert three logits from an image, and what `end(layers, logits)` makes of them."""
    layers = load_keras().layers
    image = layers.Input((4,), name="image")
    model = load_keras().Model(image, end(layers, layers.Dense(3, name="logits")(image)))
    x = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    path.write_bytes(convert(model, Conversion(**conversion), x))
    return path


def written_out(layers: Any, x: Any) -> Any:
    tf = load_tensorflow()
    exponents = tf.exp(x - tf.reduce_max(x, axis=-1, keepdims=True))
    return exponents / tf.reduce_sum(exponents, axis=-1, keepdims=True)


def normalized(layers: Any, x: Any) -> Any:
    """Not a softmax: squares instead of exponents."""
    squares = x * x
    return squares / load_tensorflow().reduce_sum(squares, axis=-1, keepdims=True)


def softmax_then_dense(layers: Any, x: Any) -> Any:
    return layers.Dense(3, name="after")(layers.Softmax(name="softmax")(x))


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (lambda layers, x: x, "other"),
        (lambda layers, x: layers.Softmax(name="softmax")(x), "softmax"),
        (lambda layers, x: layers.Reshape((1, 3))(layers.Softmax(name="softmax")(x)), "softmax"),
        (lambda layers, x: layers.Activation("sigmoid")(x), "sigmoid"),
        (lambda layers, x: load_tensorflow().nn.log_softmax(x), "log_softmax"),
        (written_out, "softmax"),
        (normalized, "other"),
        (softmax_then_dense, "other"),
    ],
)
def test_float_files(tmp_path: Path, end: Any, kind: str) -> None:
    assert output_kind(write(tmp_path / "model.tflite", end)) == kind


@pytest.mark.parametrize("output_type", ["float32", "int8", "uint8"])
def test_integer_files_are_looked_through(tmp_path: Path, output_type: str) -> None:
    softmax = lambda layers, x: layers.Softmax(name="softmax")(x)  # noqa: E731
    options = {"mode": "int8", "input_type": "float32", "output_type": output_type}
    assert output_kind(write(tmp_path / "softmax.tflite", softmax, **options)) == "softmax"
    assert output_kind(write(tmp_path / "logits.tflite", lambda layers, x: x, **options)) == "other"


def test_what_is_no_such_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "no.tflite").write_bytes(b"....TFL3" + b"\xff" * 64)
    with pytest.raises(ArtifactError, match="damaged"):
        output_kind(tmp_path / "no.tflite")


def test_operators_in_a_circle_are_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "model.tflite", lambda layers, x: layers.Reshape((1, 3))(x))
    model = read_flatbuffer(path)
    [graph] = model.subgraphs
    last = next(operator for operator in graph.operators if operator.outputs[0] == graph.outputs[0])
    last.inputs = [last.outputs[0], *last.inputs[1:]]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    with pytest.raises(ArtifactError, match=r"in a circle|which nothing before it makes"):
        output_kind(path)


def test_every_output_is_told_by_its_name(tmp_path: Path) -> None:
    path = written(tmp_path / "two.tflite", two_ends())
    assert output_kinds(path) == {"class": "softmax", "flag": "sigmoid"}
    assert output_kind(path) == "softmax"
