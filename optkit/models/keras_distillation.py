"""The MNIST teacher and student of the public Keras example of knowledge distillation."""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras
from optkit.spec import require


def build(filters: tuple[int, ...] = (16, 32)) -> Any:
    """Build the network: input (28, 28) float32 in [0, 1], output 10 logits.

    Two 3x3 convolutions with stride 2 and `filters` channels, LeakyReLU and max pooling with stride 1 between. The
    teacher has filters (256, 512), 1,433,610 parameters; the student (16, 32), 20,490. Raises ValueError when
    `filters` are not two numbers above 0.
    """
    require(
        len(filters) == 2 and min(filters) >= 1,
        f"filters are {list(filters)}; expected two numbers above 0, such as [256, 512] or [16, 32]",
    )
    keras = load_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            layers.InputLayer(input_shape=(28, 28), name="image"),
            layers.Reshape((28, 28, 1), name="reshape"),
            layers.Conv2D(filters[0], 3, strides=2, padding="same", name="conv1"),
            layers.LeakyReLU(alpha=0.2, name="leaky_relu"),
            layers.MaxPooling2D(2, strides=1, padding="same", name="pool"),
            layers.Conv2D(filters[1], 3, strides=2, padding="same", name="conv2"),
            layers.Flatten(name="flatten"),
            layers.Dense(10, name="logits"),
        ],
        name="keras_distillation",
    )
