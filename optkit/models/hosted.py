"""The ImageNet networks of TensorFlow Lite's table of hosted models, as `keras.applications` builds them.

`weights` "random" (fixed by the seed of a build, with batch normalization settled on random images) serve for size and
latency; "imagenet" are Keras' own, for accuracy.
All four take images scaled to [-1, 1] (mean 0.5 and standard deviation 0.5 of images in [0, 1]). The sizes are those of
the table, whose ResNet is the file resnet_v2_101_299; TF-Slim, where Keras' weights for it come from, gives its
accuracy at 299 too, while Keras' own default is 224.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import BuildError, nearest
from optkit.files.online import KERAS_HOST, reachable
from optkit.keras.tensorflow import load_keras

_WEIGHTS = ("random", "imagenet")


def mobilenet_v1(size: int = 224, classes: int = 1000, weights: str = "random") -> Any:
    """Build MobileNet v1 1.0 (arXiv:1704.04861): input (size, size, 3) float32 in [-1, 1]; 4,253,864 parameters.

    Raises BuildError, as the three others do, when ImageNet's weights cannot be had.
    """
    return _named("MobileNet", "mobilenet_1_0_224_tf.h5", "mobilenet_v1", size, classes, weights)


def mobilenet_v2(size: int = 224, classes: int = 1000, weights: str = "random") -> Any:
    """Build MobileNet v2 1.0 (arXiv:1801.04381): input (size, size, 3) float32 in [-1, 1]; 3,538,984 parameters."""
    file = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    return _named("MobileNetV2", file, "mobilenet_v2", size, classes, weights)


def inception_v3(size: int = 299, classes: int = 1000, weights: str = "random") -> Any:
    """Build Inception v3 (arXiv:1512.00567): input (size, size, 3) float32 in [-1, 1]; 23,851,784 parameters."""
    file = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"
    return _named("InceptionV3", file, "inception_v3", size, classes, weights)


def resnet_v2_101(size: int = 299, classes: int = 1000, weights: str = "random") -> Any:
    """Build ResNet v2 101 (arXiv:1603.05027): input (size, size, 3) float32 in [-1, 1]; 44,675,560 parameters."""
    file = "resnet101v2_weights_tf_dim_ordering_tf_kernels.h5"
    return _named("ResNet101V2", file, "resnet_v2_101", size, classes, weights)


def _named(application: str, file: str, name: str, size: int, classes: int, weights: str) -> Any:
    """Return the network with logits as output and a name of its own for every layer.

    Keras makes some names up from what was built before in the process, and they would end up in the .tflite file.
    """
    if weights not in _WEIGHTS:
        raise BuildError(f"{name}: there are no weights {weights!r}; {nearest(weights, _WEIGHTS)}")
    keras = load_keras()
    image = keras.Input((size, size, 3), name="image")
    build = getattr(keras.applications, application)
    if weights == "imagenet":
        built = _with_imagenet_weights(build, image, name, file, classes)
    else:
        built = build(weights=None, input_tensor=image, classes=classes, classifier_activation=None)
    positions = {layer.name: i for i, layer in enumerate(built.layers)}

    def renamed(layer: Any) -> Any:
        config = layer.get_config()
        stem = re.sub(r"_\d+$", "", layer.name)
        if stem.replace("_", "") == type(layer).__name__.lower():  # Keras made it up from the class' name
            config["name"] = f"{stem}_at_{positions[layer.name]}"
        return type(layer).from_config(config)

    model = keras.models.clone_model(built, clone_function=renamed)
    model._name = name
    if weights == "imagenet":
        model.set_weights(built.get_weights())
    else:
        _settle_normalization(model, size)
    return model


def _settle_normalization(model: Any, size: int) -> None:
    """Give each batch normalization the statistics of what reaches it from a few random images.

    With Keras' initial ones activations fade from layer to layer, until the scales of an int16x8 file are out of the
    runtime's range and it does not load.
    """
    normalizations = [layer for layer in model.layers if isinstance(layer, load_keras().layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(np.random.default_rng(0).uniform(-1, 1, (4, size, size, 3)).astype(np.float32), training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum


def _with_imagenet_weights(build: Callable[..., Any], image: Any, name: str, file: str, classes: int) -> Any:
    kept = Path.home() / ".keras" / "models" / file  # where Keras looks before it downloads
    if not kept.exists() and not reachable(KERAS_HOST):
        raise BuildError(
            f"{name}: ImageNet weights cannot be had: there is no {kept}, and no network; put Keras' file there, or "
            'take weights = "random", for size and latency only'
        )
    try:
        return build(weights="imagenet", input_tensor=image, classes=classes, classifier_activation=None)
    except Exception as error:  # Keras raises many kinds for a broken download or file
        reason = str(error).strip().split("\n")[0]
        raise BuildError(f"{name}: ImageNet weights cannot be had ({reason}); remove or replace {kept}") from error
