"""Remove channels from a graph of layers: smaller weights and configs, and ChannelSelection where one is needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.keras.channel_walk import Ids
from optkit.keras.channels import Channels
from optkit.keras.graph import Graph, Node
from optkit.keras.selection import channel_selection, is_selection

Kept = npt.NDArray[np.bool_]


def remove_channels(channels: Channels, gone: Collection[int]) -> Graph:
    """Return the graph of `channels` without the channels `gone`.

    A batch normalization that keeps fewer channels than its input gets a ChannelSelection, `<name>_select`, before
    it; one that is there already (from an earlier removal) is narrowed instead.
    """
    gone_ids = np.fromiter(gone, np.int64, len(gone))

    def kept(ids: Ids) -> Kept:
        return ~np.isin(ids, gone_ids)

    nodes: dict[str, Node] = {}
    for node in channels.graph.nodes.values():
        before = [kept(ids) for ids in channels.inputs[node.name]]
        after = kept(channels.outputs[node.name])
        if node.kind_name == "BatchNormalization" and (before[0] != after).any():
            node = _select(nodes, node, before[0], after, channels.graph)
        if is_selection(node.kind):
            node = _narrowed_selection(node, before[0], after)
        else:
            node = _RULES.get(node.kind_name, _unchanged)(node, before, after)
        shape = (*node.shape[:-1], int(after.sum())) if node.shape else ()
        nodes[node.name] = dataclasses.replace(node, shape=shape)
    return dataclasses.replace(channels.graph, nodes=nodes)


def _select(nodes: dict[str, Node], node: Node, before: Kept, after: Kept, graph: Graph) -> Node:
    """Put a selection before `node` among `nodes`; return `node` reading it."""
    indices = np.flatnonzero(after[before]).tolist()
    source = nodes[node.inputs[0]]
    if is_selection(source.kind) and len(graph.consumers(source.name)) == 1:
        chosen = [source.config["indices"][i] for i in indices]
        nodes[source.name] = _with_indices(source, chosen)
        return node
    kind, name = channel_selection(), f"{node.name}_select"
    config = {"name": name, "indices": indices}
    nodes[name] = Node(name, kind, config, node.inputs, {}, (*source.shape[:-1], len(indices)))
    return dataclasses.replace(node, inputs=(name,))


def _with_indices(node: Node, indices: list[int]) -> Node:
    config = {**node.config, "indices": indices}
    return dataclasses.replace(node, config=config, shape=(*node.shape[:-1], len(indices)))


def _narrowed_selection(node: Node, before: Kept, after: Kept) -> Node:
    new_place = np.cumsum(before) - 1
    chosen = [int(new_place[old]) for old, stays in zip(node.config["indices"], after, strict=True) if stays]
    return _with_indices(node, chosen)


def _unchanged(node: Node, before: list[Kept], after: Kept) -> Node:
    return node


def _convolution(node: Node, before: list[Kept], after: Kept) -> Node:
    weights = {
        name: value[after] if name == "bias" else value[..., before[0], :][..., after]
        for name, value in node.weights.items()
    }
    size = "units" if "units" in node.config else "filters"
    return dataclasses.replace(node, weights=weights, config={**node.config, size: int(after.sum())})


def _depthwise(node: Node, before: list[Kept], after: Kept) -> Node:
    weights = {
        name: value[after] if name == "bias" else value[..., before[0], :] for name, value in node.weights.items()
    }
    return dataclasses.replace(node, weights=weights)


def _normalization(node: Node, before: list[Kept], after: Kept) -> Node:
    return dataclasses.replace(node, weights={name: value[after] for name, value in node.weights.items()})


def _reshape(node: Node, before: list[Kept], after: Kept) -> Node:
    target = list(node.config["target_shape"])
    target[-1] = int(after.sum())
    return dataclasses.replace(node, config={**node.config, "target_shape": target})


_RULES: dict[str, Callable[[Node, list[Kept], Kept], Any]] = {
    "Conv1D": _convolution,
    "Conv2D": _convolution,
    "Dense": _convolution,
    "DepthwiseConv2D": _depthwise,
    "BatchNormalization": _normalization,
    "Reshape": _reshape,
}
