"""A small Conv-BN network for MNIST with one residual shortcut: what channel pruning by BN scales is shown on."""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras


def build(width: float = 1.0) -> Any:
    """Build the network: input (28, 28) float32 in [0, 1], output 10 logits; 17,178 parameters at width 1.

    `width` scales every convolution's channels, which are at least 1.
    """
    keras = load_keras()
    layers = keras.layers
    first, rest = max(1, round(16 * width)), max(1, round(32 * width))

    def conv_bn(x: Any, filters: int, number: int) -> Any:
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"conv{number}")(x)
        # momentum 0.9: with 0.99 the running statistics lag behind a training of a few hundred steps
        return layers.BatchNormalization(momentum=0.9, name=f"bn{number}")(x)

    image = layers.Input((28, 28), name="image")
    x = layers.Reshape((28, 28, 1), name="reshape")(image)
    x = layers.ReLU(name="relu1")(conv_bn(x, first, 1))
    x = layers.MaxPooling2D(name="pool1")(x)
    x = layers.ReLU(name="relu2")(conv_bn(x, rest, 2))
    x = layers.MaxPooling2D(name="pool2")(x)
    x = layers.Add(name="add")([conv_bn(x, rest, 3), x])
    x = layers.ReLU(name="relu3")(x)
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(name="pool3")(x))
    return keras.Model(image, layers.Dense(10, name="logits")(x), name="mnist_bn")
