"""VGG16 with batch normalization for CIFAR-10, at any width: the network of a public write-up on channel pruning.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition", 2014 (arXiv:1409.1556),
in the form network slimming uses it: Liu et al. 2017 (arXiv:1708.06519). The dense layers of the original are one.
"""

from __future__ import annotations

from typing import Any

from optkit.keras.tensorflow import load_keras
from optkit.spec import require

_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def build(width: float = 1.0, classes: int = 10) -> Any:
    """Build the network: input (32, 32, 3) float32, normalized; output `classes` logits.

    Every convolution has `width` times the channels of the original: 14,724,042 trainable parameters at 1,
    3,684,842 at 0.5 and 923,130 at 0.25 (with 10 classes). Convolutions have no bias: batch normalization follows.
    Its momentum 0.9 suits short training better than Keras' 0.99. Raises ValueError when `width` is not above 0.
    """
    require(width > 0, f"width is {width}; expected more than 0, such as 1, 0.5 or 0.25")
    keras = load_keras()
    layers = keras.layers
    stack = [layers.InputLayer(input_shape=(32, 32, 3), name="image")]
    for i, block in enumerate(_BLOCKS, start=1):
        for j, channels in enumerate(block, start=1):
            name = f"block{i}_conv{j}"
            filters = max(1, round(channels * width))
            stack += [
                layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=name),
                layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn"),
                layers.ReLU(name=f"{name}_relu"),
            ]
        pool = layers.MaxPooling2D if i < len(_BLOCKS) else layers.AveragePooling2D
        stack.append(pool(name=f"block{i}_pool"))
    stack += [layers.Flatten(name="flatten"), layers.Dense(classes, name="logits")]
    return keras.Sequential(stack, name="vgg16_bn")
