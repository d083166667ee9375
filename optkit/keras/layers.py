"""The layers of a model that a technique changes: chosen by name, wrapped, and kept as they are while others train."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.tensorflow import load_keras, load_tensorflow

Preserve = Literal["nothing", "sparsity", "clusters", "clusters_and_sparsity"]

_KERNEL_LAYERS = ("Conv1D", "Conv2D", "Conv2DTranspose", "Conv3D", "Conv3DTranspose", "Dense")
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")


def leaf_layers(model: Any) -> Iterator[Any]:
    """Yield the layers of `model`, and those of the models nested in it, in order."""
    for layer in model.layers:
        if isinstance(layer, load_keras().Model):
            yield from leaf_layers(layer)
        else:
            yield layer


def kernel_layers(model: Any) -> list[Any]:
    """Return the convolutions and dense layers of `model`, nested ones too: those with one `kernel`."""
    kinds = tuple(getattr(load_keras().layers, name) for name in _KERNEL_LAYERS)
    return [layer for layer in leaf_layers(model) if type(layer) in kinds]


def matches(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether `name` fits any of `patterns` (as in `fnmatch`: `*` any text, `?` one character, `[abc]`)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def choose_layers(
    model: Any,
    include: Sequence[str],
    exclude: Sequence[str],
    technique: str,
    able: Sequence[Any] | None = None,
    kinds: Collection[str] = _KERNEL_LAYERS,
) -> list[Any]:
    """Return the layers of `model` whose kernels `technique` is to change: named by `include`, not by `exclude`.

    `able` are those it can change, of `kinds`; without it the `kernel_layers`. "Every layer", `include` ("*",), leaves
    depthwise convolutions that are not among these as they are: they have few weights, and tfmot changes none of them.
    Raises BuildError when there are none, when a pattern of `include` fits no layer, or when a chosen layer has kernels
    of a kind that the technique cannot change.
    """
    able = kernel_layers(model) if able is None else able
    for layer in leaf_layers(model):
        wanted = matches(layer.name, include) and not matches(layer.name, exclude)
        if type(layer).__name__ in _DEPTHWISE and tuple(include) == ("*",) and layer not in able:
            continue
        if wanted and layer not in able and _has_kernel(layer):
            raise BuildError(
                f"{technique} cannot change layer {layer.name!r} ({type(layer).__name__}); "
                f"it can change {', '.join(kinds)}; leave the layer out by name with `exclude`"
            )
    for pattern in include:
        if not any(fnmatchcase(layer.name, pattern) for layer in able):
            names = ", ".join(layer.name for layer in able) or "none"
            raise BuildError(f"{technique}: no layer's name fits {pattern!r}; layers it can change: {names}")
    chosen = [layer for layer in able if matches(layer.name, include) and not matches(layer.name, exclude)]
    if not chosen:
        raise BuildError(f"{technique}: include and exclude leave no layer; drop a pattern from exclude")
    return chosen


def _has_kernel(layer: Any) -> bool:
    return any(weight.name.split("/")[-1].split(":")[0].endswith("kernel") for weight in layer.weights)


def wrap_layers(model: Any, wrappers: Mapping[str, Callable[[Any], Any]]) -> Any:
    """Rebuild `model` on its own layers, with each layer that `wrappers` names replaced by what its wrapper returns."""
    clone_model, kind = load_keras().models.clone_model, load_keras().Model

    def visit(layer: Any) -> Any:
        if isinstance(layer, kind):
            return clone_model(layer, clone_function=visit)
        return wrappers[layer.name](layer) if layer.name in wrappers else layer

    return clone_model(model, clone_function=visit)


def preserving(layers: Sequence[Any], preserve: Preserve) -> list[Any]:
    """Return Keras callbacks that keep what the kernels of `layers` have now while a model that holds them is trained.

    `sparsity`: what is zero stays zero. `clusters`: weights that are equal stay equal: after each step they all
    take the mean of what the step made of them, as if they shared one weight (Han et al. 2016, arXiv:1510.00149).
    """
    if preserve == "nothing" or not layers:
        return []
    held = [(layer.kernel, _projection(layer.kernel.numpy(), preserve)) for layer in layers]

    class Preserving(load_keras().callbacks.Callback):  # type: ignore
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for kernel, project in held:
                kernel.assign(project(kernel))

    return [Preserving()]


def _projection(values: npt.NDArray[np.float32], preserve: Preserve) -> Callable[[Any], Any]:
    tf = load_tensorflow()
    kept = values != 0
    distinct, index = np.unique(values, return_inverse=True)
    flat_index = index.reshape(-1)

    def project(kernel: Any) -> Any:
        result = tf.convert_to_tensor(kernel)
        if preserve != "sparsity":
            means = tf.math.unsorted_segment_mean(tf.reshape(result, [-1]), flat_index, len(distinct))
            result = tf.reshape(tf.gather(means, flat_index), values.shape)
        return result if preserve == "clusters" else tf.where(kept, result, tf.zeros_like(result))

    return project
