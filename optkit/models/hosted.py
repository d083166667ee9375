"""The ImageNet networks of TensorFlow Lite's table of hosted models, as `keras.applications` builds them.

Their weights are random: serve for size and latency, never for accuracy. All four take images scaled to [-1, 1]
(mean 0.5 and standard deviation 0.5 of images in [0, 1]).
"""

from __future__ import annotations

import re
from typing import Any

from optkit.tensorflow import load_keras


def mobilenet_v1(size: int = 224, classes: int = 1000) -> Any:
    """Build MobileNet v1 1.0 (arXiv:1704.04861): input (size, size, 3) float32 in [-1, 1]; 4,253,864 parameters."""
    return _named("MobileNet", "mobilenet_v1", size, classes)


def mobilenet_v2(size: int = 224, classes: int = 1000) -> Any:
    """Build MobileNet v2 1.0 (arXiv:1801.04381): input (size, size, 3) float32 in [-1, 1]; 3,538,984 parameters."""
    return _named("MobileNetV2", "mobilenet_v2", size, classes)


def inception_v3(size: int = 299, classes: int = 1000) -> Any:
    """Build Inception v3 (arXiv:1512.00567): input (size, size, 3) float32 in [-1, 1]; 23,851,784 parameters."""
    return _named("InceptionV3", "inception_v3", size, classes)


def resnet_v2_101(size: int = 224, classes: int = 1000) -> Any:
    """Build ResNet v2 101 (arXiv:1603.05027): input (size, size, 3) float32 in [-1, 1]; 44,675,560 parameters.

    Keras' ImageNet weights were trained at size 224; the table of hosted models gives latency at 299.
    """
    return _named("ResNet101V2", "resnet_v2_101", size, classes)


def _named(application: str, name: str, size: int, classes: int) -> Any:
    """Return the network with logits as output and a name of its own for every layer.

    Keras makes some names up from what was built before in the process, and they would end up in the file.
    """
    keras = load_keras()
    built = getattr(keras.applications, application)(
        weights=None,
        input_tensor=keras.Input((size, size, 3), name="image"),
        classes=classes,
        classifier_activation=None,
    )
    positions = {layer.name: i for i, layer in enumerate(built.layers)}

    def renamed(layer: Any) -> Any:
        config = layer.get_config()
        stem = re.sub(r"_\d+$", "", layer.name)
        if stem.replace("_", "") == type(layer).__name__.lower():  # Keras made it up from the class' name
            config["name"] = f"{stem}_at_{positions[layer.name]}"
        return type(layer).from_config(config)

    model = keras.models.clone_model(built, clone_function=renamed)
    model._name = name
    return model
