"""Pre-activation bottleneck ResNet of depth 9n+2 for CIFAR-10.

He et al., "Identity mappings in deep residual networks", 2016 (arXiv:1603.05027), in the form network slimming uses it:
Liu et al. 2017 (arXiv:1708.06519).
"""

from __future__ import annotations

from typing import Any

from optkit.spec import require
from optkit.tensorflow import load_keras

_EXPANSION = 4


def build(depth: int = 38, width: float = 1.0, classes: int = 10) -> Any:
    """Build the network: input (32, 32, 3) float32, normalized; output `classes` logits.

    Three stages of (depth - 2) / 9 bottlenecks with 16, 32 and 64 channels inside and four times as many outside, all
    times `width`; the second and third stage halve the image. 404,954 trainable parameters at depth 38, width 1 and
    10 classes. Raises ValueError when `depth` is not 9n+2.
    """
    require(depth >= 11 and depth % 9 == 2, f"depth is {depth}; expected 9n+2, such as 11, 20, 38 or 92")
    require(width > 0, f"width is {width}; expected more than 0, such as 1 or 0.5")
    keras = load_keras()
    layers = keras.layers
    planes = [max(1, round(channels * width)) for channels in (16, 32, 64)]
    image = keras.Input((32, 32, 3), name="image")
    x = _conv(layers, planes[0], 3, "stem")(image)
    for i, channels in enumerate(planes, start=1):
        for j in range(1, (depth - 2) // 9 + 1):
            stride = 2 if i > 1 and j == 1 else 1
            x = _bottleneck(layers, x, channels, stride, project=j == 1, name=f"stage{i}_block{j}")
    x = _activation(layers, x, "head")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(classes, name="logits")(x), name="resnet_preact")


def _conv(layers: Any, filters: int, size: int, name: str, stride: int = 1) -> Any:
    return layers.Conv2D(
        filters,
        size,
        stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )


def _activation(layers: Any, x: Any, name: str) -> Any:
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x))


def _bottleneck(layers: Any, x: Any, channels: int, stride: int, *, project: bool, name: str) -> Any:
    """Three convolutions, each after BN and ReLU, added to the block's input.

    The first block of a stage brings its raw input to the new size by a 1x1 convolution without normalization.
    """
    outside = _EXPANSION * channels
    y = _conv(layers, channels, 1, f"{name}_conv1")(_activation(layers, x, f"{name}_1"))
    y = _conv(layers, channels, 3, f"{name}_conv2", stride)(_activation(layers, y, f"{name}_2"))
    y = _conv(layers, outside, 1, f"{name}_conv3")(_activation(layers, y, f"{name}_3"))
    shortcut = _conv(layers, outside, 1, f"{name}_shortcut", stride)(x) if project else x
    return layers.Add(name=f"{name}_add")([y, shortcut])
