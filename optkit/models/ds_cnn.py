"""A depthwise separable network of the size that finds keywords on microcontrollers.

Source: Zhang, Suda, Lai, Chandra 2018 (arXiv:1711.07128), DS-CNN: one convolution, then blocks of a depthwise and a
pointwise convolution, each with batch normalization and ReLU, then average pooling and one dense layer. There its input
is 49 x 10 features of sound; here it is an image of 28 x 28.
"""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras


def build(channels: int = 64, blocks: int = 4, stride: int = 2, width: float = 1.0) -> Any:
    """Build the network: input (28, 28) float32 in [0, 1], output 10 logits; 23,434 parameters by default.

    `stride` is that of the first convolution: 3 leaves about as many places as the paper's network has. `width` scales
    the number of channels, which never goes below 1.
    """
    keras = load_keras()
    layers = keras.layers
    filters = max(1, round(channels * width))
    found = [
        layers.InputLayer(input_shape=(28, 28), name="image"),
        layers.Reshape((28, 28, 1), name="reshape"),
        layers.Conv2D(filters, 3, strides=stride, padding="same", use_bias=False, name="conv"),
        layers.BatchNormalization(momentum=0.9, name="conv_bn"),
        layers.ReLU(name="conv_relu"),
    ]
    for number in range(1, blocks + 1):
        depthwise, pointwise = f"depthwise{number}", f"pointwise{number}"
        found += [
            layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=depthwise),
            layers.BatchNormalization(momentum=0.9, name=f"{depthwise}_bn"),
            layers.ReLU(name=f"{depthwise}_relu"),
            layers.Conv2D(filters, 1, use_bias=False, name=pointwise),
            layers.BatchNormalization(momentum=0.9, name=f"{pointwise}_bn"),
            layers.ReLU(name=f"{pointwise}_relu"),
        ]
    found += [layers.GlobalAveragePooling2D(name="pool"), layers.Dense(10, name="logits")]
    return keras.Sequential(found, name="ds_cnn")
