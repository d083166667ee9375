"""Follow the identity of each channel through a graph, layer by layer: which layers make, join, read or fix it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.graph import Node
from optkit.keras.selection import is_selection

Ids = npt.NDArray[np.int64]
Place = tuple[str, int]
"""A layer and one of its output channels."""

_PASSING = (
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "ActivityRegularization"),
    *("MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalAveragePooling1D"),
    *("GlobalAveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D", "ZeroPadding1D", "ZeroPadding2D"),
    *("Cropping1D", "Cropping2D", "UpSampling1D", "UpSampling2D", "LeakyReLU", "ELU"),
)
_MERGING = ("Add", "Subtract", "Average", "Maximum", "Minimum", "Multiply")
_ZERO_TO_ZERO = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "tanh", "swish", "silu", "gelu", "softsign", "mish"),
)
_ZERO_TO_OTHER = ("sigmoid", "hard_sigmoid", "softplus", "exponential")
_MIXING = ("softmax", "log_softmax")


class Walk:
    """What is known of each channel identity (a number) while the graph is walked."""

    def __init__(self) -> None:
        self.parent: list[int] = []
        self.inputs: dict[str, tuple[Ids, ...]] = {}
        self.outputs: dict[str, Ids] = {}
        self.facts = Facts()
        self.scaled: list[str] = []

    def fresh(self, name: str, count: int) -> Ids:
        """Return new identities: the `count` output channels of layer `name`."""
        ids = np.arange(len(self.parent), len(self.parent) + count)
        self.parent += ids.tolist()
        for position, i in enumerate(ids.tolist()):
            self.facts.sources[i].append((name, position))
        return ids

    def find(self, i: int) -> int:
        """Return the identity that stands for the channel of `i`."""
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def union(self, one: Ids, other: Ids) -> None:
        """Make the channels of both one, place by place."""
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            low, high = sorted((self.find(a), self.find(b)))
            self.parent[high] = low

    def fix(self, ids: Ids, reason: str) -> None:
        """Say that these can never go, and why."""
        self.facts.fixed.update((i, reason) for i in ids.tolist())

    def not_zero(self, ids: Ids, reason: str) -> None:
        """Say that these are not zero although the BNs before them are, and why."""
        self.facts.not_zero.update((i, reason) for i in ids.tolist())

    def read(self, ids: Ids) -> None:
        """Say that something needs these."""
        self.facts.needed.update(ids.tolist())


@dataclass
class Facts:
    """Facts by identity; `resolved` gathers them by the channel that each identity turned out to be of.

    `fixed` channels can never go (and why); `not_zero` are not zero although the BNs before them are (and why).
    """

    sources: dict[int, list[Place]] = field(default_factory=lambda: defaultdict(list))
    readers: dict[int, list[Place]] = field(default_factory=lambda: defaultdict(list))
    needed: set[int] = field(default_factory=set)
    fixed: dict[int, str] = field(default_factory=dict)
    not_zero: dict[int, str] = field(default_factory=dict)

    def resolved(self, find: Callable[[int], int]) -> Facts:
        """Return the facts by the channel that `find` gives for each identity."""
        done = Facts(needed={find(i) for i in self.needed})
        for mine, theirs in ((done.sources, self.sources), (done.readers, self.readers)):
            for i, places in theirs.items():
                mine[find(i)] += places
        done.fixed = {find(i): reason for i, reason in self.fixed.items()}
        done.not_zero = {find(i): reason for i, reason in self.not_zero.items()}
        return done


def follow(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    """Return the identities of the channels that `node` puts out."""
    kind = node.kind_name
    if node.config.get("data_format") == "channels_first":
        raise _lost(node, "its channels come first; use channels_last")
    if kind == "InputLayer":
        if not node.shape or node.shape[-1] is None:
            raise _lost(node, "its number of channels is not known; give the input a whole shape")
        ids = walk.fresh(node.name, node.shape[-1])
        walk.fix(ids, f"{node.name!r} is the model's input")
        return ids
    if kind in _PASSING:
        return inputs[0]
    if is_selection(node.kind):
        return inputs[0][np.asarray(node.config["indices"], np.int64)]
    rules: dict[str, Callable[[Walk, Node, tuple[Ids, ...]], Ids]] = {
        **{"Conv1D": _convolution, "Conv2D": _convolution, "Dense": _convolution, "DepthwiseConv2D": _depthwise},
        **{"BatchNormalization": _normalization, "Activation": _activation, "ReLU": _relu, "Softmax": _softmax},
        **{"Flatten": _reshape, "Reshape": _reshape, "Concatenate": _concatenate},
        **dict.fromkeys(_MERGING, _merge),
    }
    if kind not in rules:
        raise _lost(node, "it is not among the layers that channels are followed through")
    return rules[kind](walk, node, inputs)


def _lost(node: Node, why: str) -> BuildError:
    return BuildError(
        f"channels cannot be followed through layer {node.name!r} ({node.kind_name}): {why}; "
        "leave channel pruning (slim) out of this recipe, or replace the layer"
    )


def _convolution(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    if node.config.get("groups", 1) != 1:
        raise _lost(node, f"it has {node.config['groups']} groups; only plain and depthwise convolutions are done")
    walk.read(inputs[0])
    return _activated(walk, node, walk.fresh(node.name, node.config.get("filters") or node.config["units"]))


def _depthwise(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    if node.config["use_bias"]:
        walk.not_zero(inputs[0], f"{node.name!r} adds a bias to it")
    _activated(walk, node, inputs[0])
    return np.repeat(inputs[0], node.config["depth_multiplier"])


def _normalization(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    axis = node.config["axis"]
    if list(np.atleast_1d(axis)) not in ([-1], [len(node.shape)]):
        raise _lost(node, f"it normalizes axis {axis}; only the last axis is done")
    if not node.config["scale"]:
        walk.not_zero(inputs[0], f"{node.name!r} has no scale")
        return inputs[0]
    for position, i in enumerate(inputs[0].tolist()):
        walk.facts.readers[i].append((node.name, position))
    walk.scaled.append(node.name)
    return walk.fresh(node.name, len(inputs[0]))


def _activation(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    return _activated(walk, node, inputs[0])


def _relu(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    if node.config.get("threshold") and node.config.get("negative_slope"):
        walk.not_zero(inputs[0], f"{node.name!r} does not give 0 for 0")
    return inputs[0]


def _softmax(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    walk.fix(inputs[0], f"{node.name!r} mixes the channels")
    return inputs[0]


def _activated(walk: Walk, node: Node, ids: Ids) -> Ids:
    name = node.config.get("activation") or "linear"
    if name in _ZERO_TO_OTHER:
        walk.not_zero(ids, f"{name} of {node.name!r} does not give 0 for 0")
    elif name in _MIXING:
        walk.fix(ids, f"{name} of {node.name!r} mixes the channels")
    elif name not in _ZERO_TO_ZERO:
        raise _lost(node, f"its activation {name!r} is not known")
    return ids


def _reshape(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    last, before = node.shape[-1], len(inputs[0])
    if last is None:
        raise _lost(node, "its output's last axis is not known; give the input a whole shape")
    if all(i in walk.facts.fixed for i in inputs[0].tolist()):
        ids = walk.fresh(node.name, last)
        walk.fix(ids, f"{node.name!r} reshapes the model's input")
        return ids
    if last % before:
        raise _lost(node, f"it makes the last axis {last} of {before}; only a multiple keeps channels together")
    return np.tile(inputs[0], last // before)


def _merge(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    if len({len(ids) for ids in inputs}) != 1:
        raise _lost(node, f"it merges tensors of {[len(ids) for ids in inputs]} channels")
    for ids in inputs[1:]:
        walk.union(inputs[0], ids)
    return inputs[0]


def _concatenate(walk: Walk, node: Node, inputs: tuple[Ids, ...]) -> Ids:
    if node.config["axis"] not in (-1, len(node.shape)):
        return _merge(walk, node, inputs)
    return np.concatenate(inputs)
