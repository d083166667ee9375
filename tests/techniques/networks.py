"""Random small networks with batch normalization, for property tests, and helpers to compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from optkit.keras.tensorflow import load_keras
from optkit.techniques.base import clone

BLOCKS = ("chain", "shortcut", "projected", "preactivation", "concat", "dense_concat", "depthwise", "pool")


@st.composite
def recipes(draw: Any) -> dict[str, Any]:
    """Draw what `build` takes."""
    blocks = draw(st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=3))
    return {
        "blocks": tuple(blocks),
        "stem": draw(st.sampled_from(("conv_bn_relu", "conv"))),
        "channels": draw(st.integers(2, 5)),
        "bias": draw(st.booleans()),
        "activation": draw(st.sampled_from(("relu", "relu6", "tanh", "swish"))),
        "head": draw(st.sampled_from(("flatten", "average", "dense_bn"))),
        "seed": draw(st.integers(0, 1000)),
    }


def build(
    blocks: tuple[str, ...],
    stem: str = "conv_bn_relu",
    channels: int = 4,
    bias: bool = True,
    activation: str = "relu",
    head: str = "flatten",
    seed: int = 0,
) -> Any:
    """Build the network with random weights: input (8, 8, 2), output (3,)."""
    keras = load_keras()
    layers = keras.layers
    count = {"n": 0}

    def name(kind: str) -> str:
        count["n"] += 1
        return f"{kind}{count['n']}"

    def conv(x: Any, n: int = channels, size: int = 3) -> Any:
        return layers.Conv2D(n, size, padding="same", use_bias=bias, name=name("conv"))(x)

    def bn(x: Any) -> Any:
        return layers.BatchNormalization(name=name("bn"))(x)

    def act(x: Any) -> Any:
        return layers.Activation(activation, name=name("act"))(x)

    def add(x: Any, y: Any) -> Any:
        return layers.Add(name=name("add"))([x, y])

    def block(kind: str, x: Any) -> Any:
        wide = x.shape[-1]
        if kind == "chain":
            return act(bn(conv(x)))
        if kind == "shortcut":
            return act(add(bn(conv(act(bn(conv(x))), wide)), x))
        if kind == "projected":
            return act(add(bn(conv(x)), bn(conv(x, size=1))))
        if kind == "preactivation":
            return add(conv(act(bn(conv(act(bn(x))))), wide), x)
        if kind == "concat":
            return layers.Concatenate(name=name("concat"))([act(bn(conv(x))), act(bn(conv(x, 3)))])
        if kind == "dense_concat":
            return layers.Concatenate(name=name("concat"))([x, conv(act(bn(x)), 2)])
        if kind == "depthwise":
            x = layers.DepthwiseConv2D(
                3, padding="same", use_bias=bias, depth_multiplier=1 + seed % 2, name=name("depthwise")
            )(x)
            return act(bn(conv(act(bn(x)), size=1)))
        return layers.MaxPooling2D(padding="same", name=name("pool"))(x)

    image = layers.Input((8, 8, 2), name="image")
    x = act(bn(conv(image))) if stem == "conv_bn_relu" else conv(image)
    for kind in blocks:
        x = block(kind, x)
    if {"preactivation", "dense_concat"} & set(blocks):
        x = act(bn(x))
    x = layers.GlobalAveragePooling2D(name="average")(x) if head == "average" else layers.Flatten(name="flatten")(x)
    if head == "dense_bn":
        x = act(bn(layers.Dense(6, name="hidden")(x)))
    return randomized(keras.Model(image, layers.Dense(3, name="logits")(x), name="random"), seed)


def randomized(model: Any, seed: int) -> Any:
    """Give every weight of `model` a random value of a usual size; scales of either sign, variances positive."""
    rng = np.random.default_rng(seed)
    values = []
    for variable in model.weights:
        shape = tuple(variable.shape)
        if "variance" in variable.name:
            values.append(rng.uniform(0.5, 2, shape))
        elif "gamma" in variable.name:
            values.append(rng.choice([-1, 1], shape) * rng.uniform(0.1, 1.5, shape))
        else:
            values.append(
                rng.normal(0, 1.5 / np.sqrt(max(1, np.prod(shape[:-1]))) if "kernel" in variable.name else 0.3, shape)
            )
    model.set_weights(values)
    return model


def masked(model: Any, channels: Mapping[str, tuple[int, ...]]) -> Any:
    """Return a copy of `model` with scale and shift zero at the given channels of its batch normalizations."""
    copy = clone(model)
    for name, positions in channels.items():
        layer = copy.get_layer(name)
        for variable in (layer.gamma, layer.beta):
            value = variable.numpy()
            value[list(positions)] = 0
            variable.assign(value)
    return copy


def samples(model: Any, count: int = 8) -> Any:
    """Return random input for `model`."""
    return np.random.default_rng(7).normal(size=(count, *model.input_shape[1:])).astype(np.float32)


def largest_difference(one: Any, other: Any) -> float:
    """Return the largest difference of two models' outputs, relative to the outputs' size where that exceeds 1."""
    x = samples(one)
    a, b = one(x, training=False).numpy(), other(x, training=False).numpy()
    assert a.shape == b.shape
    return float(np.max(np.abs(a - b)) / max(1.0, float(np.max(np.abs(a)))))
