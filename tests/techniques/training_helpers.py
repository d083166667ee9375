"""A small task and small networks, so that a technique trains in a second."""

from pathlib import Path
from typing import Any

import numpy as np

from optkit.convert import convert
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras, make_deterministic, silenced
from optkit.spec import Conversion
from optkit.techniques import TECHNIQUES
from optkit.tflite.weights import WeightFacts, weights_of
from optkit.training.context import TrainingContext

CLASSES = 4


def samples(count: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Images of 8 x 8 with one bright quadrant, which is their class, in noise."""
    rng = np.random.default_rng(7)
    y = rng.integers(0, CLASSES, count)
    x = rng.random((count, 8, 8, 1)).astype(np.float32) * 0.6
    for image, label in zip(x, y, strict=True):
        row, column = divmod(int(label), 2)
        image[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] += 0.3
    return x, y.astype(np.int64)


def context(outputs: dict[str, np.ndarray] | None = None, count: int = 256, **more: Any) -> TrainingContext:
    x, y = samples(count)
    return TrainingContext(x, y, "multiclass", outputs=outputs or {}, **more)


def sequential(seed: int = 1) -> Any:
    """Conv 3 of 3 x 3, dense 24, dense 4."""
    make_deterministic(seed)
    layers = load_keras().layers
    return load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(3, 3, activation="relu", name="conv"),
            layers.Flatten(name="flatten"),
            layers.Dense(24, activation="relu", name="hidden"),
            layers.Dense(CLASSES, name="logits"),
        ],
        name="small_conv",
    )


def functional(seed: int = 1) -> Any:
    """Conv without bias, BN, ReLU, a shortcut around a second one, then dense layers in a nested model."""
    make_deterministic(seed)
    keras = load_keras()
    layers = keras.layers
    image = keras.Input((8, 8, 1), name="image")
    first = layers.Conv2D(3, 3, padding="same", use_bias=False, name="conv1")(image)
    first = layers.ReLU(name="relu1")(layers.BatchNormalization(name="bn1")(first))
    second = layers.Conv2D(3, 3, padding="same", use_bias=False, name="conv2")(first)
    second = layers.BatchNormalization(name="bn2")(second)
    joined = layers.ReLU(name="relu2")(layers.Add(name="add")([first, second]))
    head_in = keras.Input((8, 8, 3), name="head_in")
    head = layers.Dense(CLASSES, name="logits")(layers.Flatten(name="flatten")(head_in))
    nested = keras.Model(head_in, head, name="head")
    return keras.Model(image, nested(joined), name="small_residual")


def run(model: Any, step: Any, with_context: TrainingContext | None = None) -> Any:
    make_deterministic(1)
    return TECHNIQUES[step.technique].apply(model, step, with_context or context())


def converted(model: Any, folder: Path, mode: Any = "int8") -> WeightFacts:
    """Save and load `model` as a build does, convert it, and return the facts of the .tflite file."""
    save_model(model, folder / "model.h5")
    loaded = load_model(folder / "model.h5")
    with silenced():
        (folder / "model.tflite").write_bytes(convert(loaded, Conversion(mode=mode), samples()[0]))
    return weights_of(folder / "model.tflite")


def kept(model: Any, folder: Path) -> WeightFacts:
    """Save `model` and return the facts of the .h5 file, for where a conversion is not the point."""
    save_model(model, folder / "model.h5")
    return weights_of(folder / "model.h5")


def weights(model: Any) -> list[np.ndarray]:
    return [value.copy() for value in model.get_weights()]


def same(left: list[np.ndarray], right: list[np.ndarray]) -> bool:
    return len(left) == len(right) and all(np.array_equal(a, b) for a, b in zip(left, right, strict=True))


def holds(step: Any, facts: WeightFacts) -> bool:
    """Tell whether every promise of `step` holds on `facts`."""
    for gate in step.promises():
        if gate.metric == "leftover_wrappers":
            value = float(len(facts.leftovers))
        else:
            value = float(getattr(facts.of_layers(gate.layers, gate.except_layers), gate.metric))
        if not gate.holds(value):
            return False
    return True


def conv_bn(seed: int = 1) -> Any:
    """Conv 3 of 3 x 3 with batch normalization, dense 4."""
    make_deterministic(seed)
    layers = load_keras().layers
    return load_keras().Sequential(
        [
            layers.InputLayer(input_shape=(8, 8, 1), name="image"),
            layers.Conv2D(3, 3, name="conv"),
            layers.BatchNormalization(name="bn"),
            layers.Flatten(name="flatten"),
            layers.Dense(CLASSES, name="logits"),
        ],
        name="tiny",
    )
