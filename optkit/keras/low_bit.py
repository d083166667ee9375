"""Kernels on a grid while a model trains: fake quantization with learned steps, and the entropy of the integers.

Esser et al., "Learned step size quantization", 2020 (arXiv:1902.08153). The entropy as a penalty: Oktay et al.,
"Scalable model compression by entropy penalized reparameterization", 2020 (arXiv:1906.06624); here the code
lengths are those of the integers that the weights are rounded to, interpolated between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.keras.layers import leaf_layers, wrap_layers
from optkit.keras.tensorflow import load_keras, load_tensorflow

KERNELS: Mapping[str, Mapping[str, tuple[int, ...]]] = {
    "Dense": {"kernel": (-1,)},
    "Conv1D": {"kernel": (-1,)},
    "Conv2D": {"kernel": (-1,)},
    "Conv2DTranspose": {"kernel": (-2,)},
    "DepthwiseConv2D": {"depthwise_kernel": (-2, -1)},
    "SeparableConv1D": {"depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)},
    "SeparableConv2D": {"depthwise_kernel": (-2, -1), "pointwise_kernel": (-1,)},
}
"""The layers that can be trained in few bits: their kernels, and of each the axes that number its channels."""

Floats = npt.NDArray[np.float32]


def low_bit_layers(model: Any) -> list[Any]:
    """Return the layers of `model`, nested ones too, that can be trained in few bits."""
    kinds = {getattr(load_keras().layers, name) for name in KERNELS}
    return [layer for layer in leaf_layers(model) if type(layer) in kinds]


def first_steps(kernel: Floats, axes: tuple[int, ...], largest: int) -> Floats:
    """Return the steps that training begins with, in the kernel's rank, one a channel: 2 mean |v| / sqrt(largest).

    Zeros do not count, so that a pruned channel has the step of its other weights (section 2.1 of the paper).
    """
    others = tuple(axis for axis in range(kernel.ndim) if axis - kernel.ndim not in axes)
    sizes = np.abs(kernel.astype(np.float64))
    counts = (sizes > 0).sum(axis=others, keepdims=True)
    means = sizes.sum(axis=others, keepdims=True) / np.maximum(counts, 1)
    alive = means[means > 0]
    means[means == 0] = alive.mean() if alive.size else 1.0
    return np.asarray(2 * means / np.sqrt(largest), np.float32)


def quantized(kernel: Any, step: Any, largest: int) -> Any:
    """Return `kernel` on the grid of `step`: round(clip(kernel / step, -largest, largest)) x step.

    Its gradients are the paper's: of a weight 1 inside the range and 0 outside, of a step equation 3, scaled by
    1 / sqrt(weights of the step x largest).
    """
    tf = load_tensorflow()
    weights = tf.size(kernel, tf.float32) / tf.size(step, tf.float32)
    scale = 1.0 / tf.sqrt(weights * largest)
    step = tf.stop_gradient(step * (1.0 - scale)) + step * scale
    clipped = tf.clip_by_value(kernel / step, -float(largest), float(largest))
    return (clipped + tf.stop_gradient(tf.round(clipped) - clipped)) * step


def soft_bits(kernel: Any, step: Any, largest: int) -> Any:
    """Return how many bits the integers of `kernel` take by an ideal coder of single values, as it can be minimized.

    The coder knows how often each size occurs. Between two integers the length of a weight's code is interpolated, so
    that it has a gradient, which never leads away from zero. A scalar, of float32.
    """
    tf = load_tensorflow()
    sizes = tf.abs(tf.reshape(tf.clip_by_value(kernel / step, -float(largest), float(largest)), [-1]))
    counts = tf.math.bincount(tf.cast(tf.round(sizes), tf.int32), minlength=largest + 1, dtype=tf.float32)
    lengths = tf.stop_gradient(code_lengths(tf.ensure_shape(counts, (largest + 1,))))
    below = tf.minimum(tf.floor(tf.stop_gradient(sizes)), float(largest - 1))
    upper, index = sizes - below, tf.cast(below, tf.int32)
    return tf.reduce_sum((1 - upper) * tf.gather(lengths, index) + upper * tf.gather(lengths, index + 1))


def code_lengths(counts: Any) -> Any:
    """Return the ideal code length, in bits, of the integers 0, 1 or -1, 2 or -2, ... of which `counts` are there.

    Both are float32 (largest + 1,). The shares are those of the nearest distribution that is symmetric and falls on
    both sides of zero (isotonic regression, as minima of maxima of means). Half a weight more for each integer keeps
    what does not occur at a finite length.
    """
    tf = load_tensorflow()
    width = int(counts.shape[0])
    integers = np.where(np.arange(width) == 0, 1.0, 2.0).astype(np.float32)
    filled = counts + 0.5 * integers
    sums, many = tf.cumsum(filled), np.cumsum(integers)
    first, place, last = np.ogrid[:width, :width, :width]
    inside = (first <= place) & (place <= last)
    many_of = np.maximum(many[None, :] - (many - integers)[:, None], 1.0)
    means = (sums[None, :] - (sums - filled)[:, None]) / many_of
    # Of all stretches from `first` to `last` around a place: the least of the greatest means.
    greatest = tf.reduce_max(tf.where(inside, means[:, None, :], -np.float32(np.inf)), axis=2)
    shares = tf.reduce_min(tf.where((first <= place)[..., 0], greatest, np.float32(np.inf)), axis=0) / sums[-1]
    return -tf.math.log(shares) / np.log(2.0)


@cache
def _wrapper() -> Any:
    keras, tf = load_keras(), load_tensorflow()

    class LowBit(keras.layers.Wrapper):  # type: ignore
        """Calls a layer with its kernels on their grids. `penalty`: per bit, in the loss."""

        def __init__(self, layer: Any, largest: int, *, keeps_zeros: bool, penalty: float) -> None:
            super().__init__(layer, name=f"low_bit_{layer.name}")
            self.largest = largest
            self.penalty = penalty
            self.first = {}
            self.factors = {}
            self.masks = {}
            for name, axes in KERNELS[type(layer).__name__].items():
                values = getattr(layer, name).numpy()
                self.first[name] = first_steps(values, axes, self.largest)
                # A factor of the first step, so that the learning rate means the same whatever the weights' size.
                self.factors[name] = self.add_weight(
                    name=f"{name}_step",
                    shape=self.first[name].shape,
                    initializer="ones",
                    constraint=lambda factor: tf.maximum(factor, 1e-3),
                )
                if keeps_zeros:
                    self.masks[name] = (values != 0).astype(np.float32)
            if penalty:
                self.add_loss(lambda: self.penalty * self.soft_bits())

        def call(self, inputs: Any) -> Any:
            with self._on_grid():
                return self.layer(inputs)

        def step(self, name: str) -> Any:
            return self.factors[name] * self.first[name]

        def on_grid(self, name: str, kernel: Any) -> Any:
            mask = self.masks.get(name)
            found = quantized(kernel, self.step(name), self.largest)
            return found if mask is None else found * mask

        def soft_bits(self) -> Any:
            total = 0.0
            for name in self.factors:
                kernel, mask = getattr(self.layer, name), self.masks.get(name)
                total += soft_bits(kernel if mask is None else kernel * mask, self.step(name), self.largest)
            return total

        @contextmanager
        def _on_grid(self) -> Iterator[None]:
            # Past Keras' own setattr, which would take the variable off the layer.
            held = {name: self.layer.__dict__[name] for name in self.factors}
            try:
                for name, kernel in held.items():
                    self.layer.__dict__[name] = self.on_grid(name, kernel)
                yield
            finally:
                self.layer.__dict__.update(held)

    return LowBit


def wrap_low_bit(model: Any, largest: Mapping[str, int], *, keeps_zeros: bool, entropy_penalty: float = 0.0) -> Any:
    """Return `model`, on its own layers, with those that `largest` names trained in integers up to that one.

    `entropy_penalty` is the loss of one bit a weight, on the average over all their weights.
    """
    chosen = {layer.name: layer for layer in leaf_layers(model) if layer.name in largest}
    weights = sum(getattr(layer, name).shape.num_elements() for layer in chosen.values() for name in _kernels(layer))
    penalty = entropy_penalty / max(weights, 1)
    made: dict[str, Any] = {}  # a layer that is called twice has one wrapper

    def wrap(layer: Any) -> Any:
        if layer.name not in made:
            made[layer.name] = _wrapper()(layer, largest[layer.name], keeps_zeros=keeps_zeros, penalty=penalty)
        return made[layer.name]

    return wrap_layers(model, dict.fromkeys(largest, wrap))


def unwrap_low_bit(model: Any) -> Any:
    """Return `model` without the wrappers, the kernels on their grids: float32 products of an integer and a step."""
    inner = {}
    for layer in leaf_layers(model):
        if isinstance(layer, _wrapper()):
            for name in _kernels(layer.layer):
                kernel = getattr(layer.layer, name)
                kernel.assign(layer.on_grid(name, kernel) + 0.0)  # no -0.0, whose sign bit would cost bytes
            inner[layer.name] = layer.layer
    return wrap_layers(model, {name: lambda wrapper: wrapper.layer for name in inner})


def _kernels(layer: Any) -> tuple[str, ...]:
    return tuple(KERNELS[type(layer).__name__])
