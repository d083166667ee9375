"""A toy network: one dense layer."""

from typing import Any

from optkit.keras.tensorflow import load_keras


def build(classes: int = 3) -> Any:
    layers = load_keras().layers
    return load_keras().Sequential([layers.InputLayer((6,), name="x"), layers.Dense(classes, name="y")], name="toy")
