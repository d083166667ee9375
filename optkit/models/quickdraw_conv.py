"""The network of a public write-up on Quick, Draw!: two convolutions and one sigmoid."""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras


def build() -> Any:
    """Build the network: input (28, 28) float32 in [0, 1], output one probability; 3,337 parameters."""
    keras = load_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer(input_shape=(28, 28), name="image"),
            layers.Reshape((28, 28, 1), name="reshape"),
            layers.Conv2D(12, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(24, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dense(1, activation="sigmoid", name="probability"),
        ],
        name="quickdraw_conv",
    )
