"""Pre-activation bottleneck ResNet of depth 9n+2 for CIFAR-10.

He et al., "Identity mappings in deep residual networks", 2016 (arXiv:1603.05027), in the form network slimming uses it:
Liu et al. 2017 (arXiv:1708.06519).
"""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras
from optkit.spec import require

_EXPANSION = 4
_PADDINGS = ("same", "symmetric")


def build(depth: int = 38, width: float = 1.0, classes: int = 10, padding: str = "same") -> Any:
    """Build the network: input (32, 32, 3) float32, normalized; output `classes` logits.

    Three stages of (depth - 2) / 9 bottlenecks with 16, 32 and 64 channels inside and four times as many outside, all
    times `width`; the second and third stage halve the image. 404,954 trainable parameters at depth 38, width 1 and
    10 classes. `padding` is of the two 3x3 convolutions with stride 2: "same" is TensorFlow's, which adds zeros on the
    right and below only; "symmetric" adds them on all sides (PyTorch's padding = 1), which weights that were trained
    so need. Raises ValueError when `depth` is not 9n+2, or there is no such `padding`.
    """
    require(depth >= 11 and depth % 9 == 2, f"depth is {depth}; expected 9n+2, such as 11, 20, 38 or 92")
    require(width > 0, f"width is {width}; expected more than 0, such as 1 or 0.5")
    require(padding in _PADDINGS, f"padding is {padding!r}; expected one of {', '.join(_PADDINGS)}")
    keras = load_keras()
    layers = keras.layers
    planes = [max(1, round(channels * width)) for channels in (16, 32, 64)]
    image = keras.Input((32, 32, 3), name="image")
    x = _conv(layers, planes[0], 3, "stem")(image)
    for i, channels in enumerate(planes, start=1):
        for j in range(1, (depth - 2) // 9 + 1):
            stride = 2 if i > 1 and j == 1 else 1
            pad = stride == 2 and padding == "symmetric"
            x = _bottleneck(layers, x, channels, stride, project=j == 1, pad=pad, name=f"stage{i}_block{j}")
    x = _activation(layers, x, "head")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(classes, name="logits")(x), name="resnet_preact")


def _conv(layers: Any, filters: int, size: int, name: str, stride: int = 1, padding: str = "same") -> Any:
    return layers.Conv2D(
        filters,
        size,
        stride,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )


def _activation(layers: Any, x: Any, name: str) -> Any:
    return layers.ReLU(name=f"{name}_relu")(layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x))


def _bottleneck(layers: Any, x: Any, channels: int, stride: int, *, project: bool, pad: bool, name: str) -> Any:
    """Three convolutions, each after BN and ReLU, added to the block's input; `pad` puts zeros on all sides.

    The first block of a stage brings its raw input to the new size by a 1x1 convolution without normalization.
    """
    outside = _EXPANSION * channels
    y = _conv(layers, channels, 1, f"{name}_conv1")(_activation(layers, x, f"{name}_1"))
    y = _activation(layers, y, f"{name}_2")
    if pad:
        y = layers.ZeroPadding2D(1, name=f"{name}_conv2_pad")(y)
    y = _conv(layers, channels, 3, f"{name}_conv2", stride, "valid" if pad else "same")(y)
    y = _conv(layers, outside, 1, f"{name}_conv3")(_activation(layers, y, f"{name}_3"))
    shortcut = _conv(layers, outside, 1, f"{name}_shortcut", stride)(x) if project else x
    return layers.Add(name=f"{name}_add")([y, shortcut])
