"""The small MNIST network of the TensorFlow model-optimization tutorials: one convolution and one dense layer."""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras


def build(filters: int = 12, width: float = 1.0) -> Any:
    """Build the network: input (28, 28) float32 in [0, 1], output 10 logits; 20,410 parameters with 12 filters.

    `width` scales the number of filters (0.5: half the channels), which never goes below 1.
    """
    keras = load_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer(input_shape=(28, 28), name="image"),
            layers.Reshape((28, 28, 1), name="reshape"),
            layers.Conv2D(max(1, round(filters * width)), 3, activation="relu", name="conv"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, name="logits"),
        ],
        name="mnist_conv",
    )
