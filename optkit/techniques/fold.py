"""Fold batch normalization (BN) into the layer before it: the same outputs from fewer operations and weights.

Jacob et al., 2018 (arXiv:1712.05877), section 3.2: w' = w * gamma / sqrt(var + eps), and the bias likewise.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.graph import Graph, Node, build_model, read_graph
from optkit.spec import Step
from optkit.techniques.base import Made, Property
from optkit.training.context import TrainingContext

_KERNELS = {"Conv1D": "kernel", "Conv2D": "kernel", "Dense": "kernel", "DepthwiseConv2D": "depthwise_kernel"}


@dataclass(frozen=True, kw_only=True)
class Fold(Step):
    """Fold every BN that directly follows a linear convolution or dense layer which nothing else reads."""

    technique: ClassVar[str] = "fold"


def apply(model: Any, step: Fold, context: TrainingContext | None = None) -> Any:
    """Return a functional copy of `model` without the BNs that can be folded; outputs agree to rounding.

    Raises BuildError, with the reason for each BN, when there is none that can be.
    """
    graph = read_graph(model)
    reasons = {node.name: why_not(graph, node) for node in graph.nodes.values() if _is_normalization(node)}
    if all(reasons.values()):
        said = "; ".join(f"{name}: {why}" for name, why in reasons.items()) or "it has no BatchNormalization"
        raise BuildError(f"fold: nothing in model {model.name!r} can be folded ({said}); leave fold out")
    return build_model(_folded(graph, {name for name, why in reasons.items() if not why}))


def why_not(graph: Graph, normalization: Node) -> str:
    """Say why `normalization` cannot be folded into the layer before it; "" if it can."""
    before = graph.nodes[normalization.inputs[0]]
    if before.kind_name not in _KERNELS:
        return f"it follows {before.name!r} ({before.kind_name}), which has no weights to fold into"
    if before.config["activation"] != "linear":
        return f"{before.name!r} has the activation {before.config['activation']!r} in between"
    if len(graph.consumers(before.name)) > 1 or before.name in graph.outputs:
        return f"something else reads {before.name!r} too"
    last = before.config.get("data_format", "channels_last") == "channels_last"
    if not last or list(np.atleast_1d(normalization.config["axis"])) not in ([-1], [len(before.shape)]):
        return "it does not normalize the last axis"
    return ""


def _is_normalization(node: Node) -> bool:
    return node.kind_name == "BatchNormalization"


def _folded(graph: Graph, foldable: set[str]) -> Graph:
    nodes = dict(graph.nodes)
    into = {name: nodes[name].inputs[0] for name in foldable}
    for name, target in into.items():
        nodes[target] = _with_normalization(nodes[target], nodes.pop(name))
    renamed = {
        name: dataclasses.replace(node, inputs=tuple(into.get(read, read) for read in node.inputs))
        for name, node in nodes.items()
    }
    return dataclasses.replace(graph, nodes=renamed, outputs=tuple(into.get(name, name) for name in graph.outputs))


def _with_normalization(node: Node, normalization: Node) -> Node:
    # in double precision, so that the only rounding is that of the result
    own = {name: np.asarray(value, np.float64) for name, value in normalization.weights.items()}
    scale = own.get("gamma", 1.0) / np.sqrt(own["moving_variance"] + normalization.config["epsilon"])
    kernel_name = _KERNELS[node.kind_name]
    kernel = node.weights[kernel_name]
    per_output: npt.NDArray[Any] = scale.reshape(kernel.shape[-2:]) if kernel_name == "depthwise_kernel" else scale
    bias = (node.weights.get("bias", 0.0) - own["moving_mean"]) * scale + own.get("beta", 0.0)
    weights = {kernel_name: (kernel * per_output).astype(kernel.dtype), "bias": bias.astype(kernel.dtype)}
    return dataclasses.replace(node, weights=weights, config={**node.config, "use_bias": True})


def keeps(step: Fold) -> frozenset[Property]:
    """Return what earlier steps made that stays: zeros, which no scale moves."""
    return frozenset({"zeros"})


def remedy(step: Fold, made: Made) -> str:
    """Say in which order clusters stay."""
    earlier = made["clusters"]
    return f"{step.technique} after {earlier} scales each channel's values apart; fold first, then {earlier}"
