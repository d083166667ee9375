"""A strong MNIST network to learn from: two convolutions and a wide dense layer, with dropout."""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras


def build(filters: int = 32, units: int = 128, dropout: float = 0.4) -> Any:
    """Build the network: input (28, 28) float32 in [0, 1], output 10 logits.

    The second convolution has twice `filters`; 225,034 parameters with the defaults.
    """
    keras = load_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer(input_shape=(28, 28), name="image"),
            layers.Reshape((28, 28, 1), name="reshape"),
            layers.Conv2D(filters, 3, activation="relu", name="conv1"),
            layers.MaxPooling2D(name="pool1"),
            layers.Conv2D(2 * filters, 3, activation="relu", name="conv2"),
            layers.MaxPooling2D(name="pool2"),
            layers.Flatten(name="flatten"),
            layers.Dropout(dropout, name="dropout1"),
            layers.Dense(units, activation="relu", name="dense"),
            layers.Dropout(dropout, name="dropout2"),
            layers.Dense(10, name="logits"),
        ],
        name="mnist_teacher",
    )
