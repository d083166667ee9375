"""`optkit run`: the file's own scores for an image, preprocessed as the suite or the model's input says."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from optkit import ArtifactError, Conversion, DataError, predict
from optkit.convert import convert
from optkit.keras.tensorflow import load_keras
from optkit.runtime.predict import read_labels
from tests.conftest import Command
from tests.isolation import ROOT

SUITE = """
schema = 1
name = "colours"
[workload]
dataset = {{ name = "image_folder", params = {{ path = "unused", size = {size}, mean = [0.5], std = [0.5] }} }}
network = "mobilenet_v2"
task = "{task}"
training = {{ epochs = 1 }}
[variants.baseline]
"""


def network(weights: Any, shape: tuple[int, ...] = (4, 4, 3), activation: str | None = None) -> Any:
    """A network whose outputs are `weights` times the mean of each channel."""
    layers = load_keras().layers
    model = load_keras().Sequential(
        [
            layers.InputLayer(input_shape=shape, name="image"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(len(weights[0]), use_bias=False, activation=activation, name="scores"),
        ]
    )
    model.set_weights([np.array(weights, np.float32)])
    return model


def write(path: Path, model: Any, **conversion: Any) -> Path:
    colours = np.random.default_rng(1).random((200, *[1] * (len(model.input_shape) - 2), model.input_shape[-1]))
    x = np.broadcast_to(colours, (200, *model.input_shape[1:])).astype(np.float32)
    path.write_bytes(convert(model, Conversion(**conversion), x))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of one colour, a model that tells colours, and suites."""
    root = tmp_path_factory.mktemp("colours")
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 51, 204))):
        Image.new("RGB", (20, 10), colour).save(root / f"{name}.png")
    write(root / "model.tflite", network(np.eye(3)))
    write(root / "int8.tflite", network(np.eye(3)), mode="int8", input_type="uint8", output_type="int8")
    write(root / "binary.tflite", network([[4.0], [0.0], [0.0]], activation="sigmoid"))
    (root / "suite.toml").write_text(SUITE.format(size=4, task="multiclass"))
    (root / "binary.toml").write_text(SUITE.format(size=4, task="binary"))
    (root / "large.toml").write_text(SUITE.format(size=5, task="multiclass"))
    (root / "labels.txt").write_text("rouge\nvert\nbleu\n")
    return root


@pytest.mark.parametrize(("model", "tolerance"), [("model.tflite", 1e-5), ("int8.tflite", 0.02)])
def test_without_a_suite_pixels_are_scaled_to_one_and_scores_are_the_models(
    folder: Path, model: str, tolerance: float
) -> None:
    red, blue = predict(folder / model, [folder / "red.png", folder / "blue.png"], top=2)
    assert [guess.index for guess in blue.top] == [2, 1]
    assert blue.top[0].score == pytest.approx(0.8, abs=tolerance)
    assert (red.top[0].index, red.top[0].probability, red.top[0].label) == (0, None, None)


def test_a_suite_says_normalization_and_task(folder: Path) -> None:
    found = predict(folder / "model.tflite", [folder / "blue.png"], suite=str(folder / "suite.toml"))[0]
    assert [guess.score for guess in found.top] == pytest.approx([0.6, -0.6, -1.0], abs=1e-5)
    assert sum(guess.probability or 0.0 for guess in found.top) == pytest.approx(1)
    assert found.top[0].probability == pytest.approx(np.exp(0.6) / np.exp([0.6, -0.6, -1.0]).sum(), abs=1e-5)


def test_a_binary_model_has_two_classes(folder: Path) -> None:
    model, suite = folder / "binary.tflite", str(folder / "binary.toml")
    red, blue = predict(model, [folder / "red.png", folder / "blue.png"], suite=suite)
    assert [guess.index for guess in red.top] == [1, 0]
    assert [guess.index for guess in blue.top] == [0, 1]
    assert red.top[0].score == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-4)


@pytest.mark.parametrize("suite", ["suite.toml", None])
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("softmax", np.exp([4.0, 2, 1]) / np.exp([4.0, 2, 1]).sum()),
        ("sigmoid", 1 / (1 + np.exp([-4.0, -2, -1]))),
        ("log_softmax", np.exp([4.0, 2, 1]) / np.exp([4.0, 2, 1]).sum()),
    ],
)
def test_a_model_that_ends_in_probabilities_shows_them_as_they_are(
    folder: Path, tmp_path: Path, name: str, expected: Any, suite: str | None
) -> None:
    """Red is (1, -1, -1) as the suite normalizes it, and (1, 0, 0) without; the rows give the same logits for both."""
    rows = [[4.0, 2.0, 1.0], [0.0] * 3, [0.0] * 3]
    model = write(tmp_path / "model.tflite", network(rows, activation=name))
    found = predict(model, [folder / "red.png"], suite=str(folder / suite) if suite else None)[0]
    scores = np.log(expected) if name == "log_softmax" else expected
    assert [guess.index for guess in found.top] == [0, 1, 2]
    assert [guess.probability for guess in found.top] == pytest.approx(list(expected), abs=1e-5)
    assert [guess.score for guess in found.top] == pytest.approx(list(scores), abs=1e-5)


def test_an_integer_softmax_shows_its_probabilities(folder: Path, tmp_path: Path) -> None:
    rows = [[4.0, 2.0, 1.0], [0.0] * 3, [0.0] * 3]
    model = write(
        tmp_path / "model.tflite",
        network(rows, activation="softmax"),
        mode="int8",
        input_type="uint8",
        output_type="int8",
    )
    found = predict(model, [folder / "red.png"], suite=str(folder / "suite.toml"))[0]
    expected = np.exp([4.0, 2, 1]) / np.exp([4.0, 2, 1]).sum()
    assert [guess.probability for guess in found.top] == pytest.approx(list(expected), abs=0.03)


def test_one_output_is_a_probability_after_a_sigmoid_and_a_logit_without(folder: Path, tmp_path: Path) -> None:
    expected = 1 / (1 + np.exp(-4))
    logit = write(tmp_path / "logit.tflite", network([[4.0], [0.0], [0.0]]))
    for model, score in ((folder / "binary.tflite", expected), (logit, 4.0)):
        found = predict(model, [folder / "red.png"], suite=str(folder / "binary.toml"))[0]
        assert [guess.index for guess in found.top] == [1, 0]
        assert found.top[0].score == pytest.approx(score, abs=1e-4)
        assert [guess.probability for guess in found.top] == pytest.approx([expected, 1 - expected], abs=1e-4)
    [zero] = predict(logit, [folder / "red.png"])[0].top
    assert (zero.index, zero.score, zero.probability) == (0, pytest.approx(4), None)
    assert [guess.index for guess in predict(folder / "binary.tflite", [folder / "red.png"])[0].top] == [1, 0]


def test_labels_are_read_from_a_regular_file_only(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "labels.txt")
    with pytest.raises(DataError, match=r"labels\.txt cannot be read as labels .*a pipe or a device"):
        read_labels(tmp_path / "labels.txt")


def test_a_built_in_suite_takes_grey_images(tmp_path: Path) -> None:
    from optkit.models import NETWORKS

    model = write(tmp_path / "mnist.tflite", NETWORKS["mnist_conv"].build(2))
    Image.new("RGB", (30, 30), (9, 9, 9)).save(tmp_path / "digit.png")
    by_suite = predict(model, [tmp_path / "digit.png"], suite="mnist", top=10)[0]
    by_model = predict(model, [tmp_path / "digit.png"], top=10)[0]
    assert [g.score for g in by_suite.top] == [g.score for g in by_model.top]
    assert len(by_suite.top) == 10


def test_what_does_not_fit_is_said(folder: Path, tmp_path: Path) -> None:
    model, red = folder / "model.tflite", folder / "red.png"
    with pytest.raises(ArtifactError, match=r"takes samples of shape \(4, 4, 3\); suite .* makes them \(5, 5, 3\)"):
        predict(model, [red], suite=str(folder / "large.toml"))
    with pytest.raises(DataError, match="2 labels for 3 classes"):
        predict(model, [red], labels=("a", "b"))
    with pytest.raises(DataError, match="top is 0"):
        predict(model, [red], top=0)
    with pytest.raises(DataError, match=r"model\.tflite is not a readable image"):
        predict(model, [model])
    with pytest.raises(DataError, match="cannot be read as labels"):
        read_labels(model)
    five = write(tmp_path / "five.tflite", network(np.eye(5), shape=(4, 4, 5)))
    with pytest.raises(ArtifactError, match="expected images"):
        predict(five, [red])


def test_the_command_line(folder: Path, command: Command) -> None:
    model, images = str(folder / "model.tflite"), [str(folder / "red.png"), str(folder / "blue.png")]
    shown = command("optkit", "run", model, *images, "--top", "1", "--labels", str(folder / "labels.txt"))
    assert shown.returncode == 0, shown.stderr
    rows = [line.split() for line in shown.stdout.splitlines()[1:]]
    assert rows == [[images[0], "0", "rouge", "1.0000"], [images[1], "2", "bleu", "0.8000"]]
    found = json.loads(command("optkit", "run", model, *images, "--json").stdout)
    assert [p["image"] for p in found] == images
    assert found[1]["top"][0] == {"index": 2, "label": None, "score": pytest.approx(0.8), "probability": None}
    broken = command("optkit", "run", model, str(ROOT / "README.md"))
    assert (broken.returncode, broken.stdout) == (2, "")
    assert "README.md is not a readable image" in broken.stderr.splitlines()[-1]
