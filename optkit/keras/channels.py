"""Which channels of a model must go together: the dependency model behind channel pruning.

Channel identities are followed through the graph, in the spirit of DepGraph (Fang et al., "DepGraph: towards any
structural pruning", 2023, arXiv:2301.12900), but per channel: a convolution makes new ones, pooling hands them on,
a shortcut's addition makes one of two, a concatenation puts them side by side. Two relations come out of it:

- a *channel* is a set of tensor slices that exist or do not exist together;
- a *group* adds the batch normalizations (BN) in a chain: what only a BN reads is of no use once the BN's own channel
  is gone. A BN whose input is read elsewhere too (after a shortcut) is not tied to it: it can select.

Law: a group is given as removable only if removing it is exactly the same as zeroing its BNs' scale and shift.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from optkit.keras.channel_walk import Facts, Ids, Place, Walk, follow
from optkit.keras.graph import Graph


@dataclass(frozen=True)
class Group:
    """Channels that go together, and the BN channels whose zeroing makes their removal exact."""

    channels: frozenset[int]
    scales: tuple[Place, ...]


@dataclass(frozen=True, eq=False)
class Channels:
    """The dependencies of a model's channels. `inputs` and `outputs` give each layer's channels, by position.

    `groups` are those that can be removed; `held` says of each BN channel that cannot be, why. `readers` are the BN
    channels that read a channel; `needed` are the channels that something else than a BN reads.
    """

    graph: Graph
    inputs: Mapping[str, tuple[Ids, ...]]
    outputs: Mapping[str, Ids]
    groups: tuple[Group, ...]
    held: Mapping[Place, str]
    readers: Mapping[int, tuple[Place, ...]]
    needed: frozenset[int]
    sources: Mapping[int, tuple[Place, ...]]
    scaled: tuple[str, ...]


def read_channels(graph: Graph) -> Channels:
    """Follow the channels of `graph`. Raises BuildError naming the first layer through which they are lost."""
    walk = Walk()
    for node in graph.nodes.values():
        inputs = tuple(walk.outputs[name] for name in node.inputs)
        walk.inputs[node.name] = inputs
        walk.outputs[node.name] = follow(walk, node, inputs)
    for name in graph.outputs:
        walk.fix(walk.outputs[name], f"{name!r} is the model's output")
    return _resolve(walk, graph)


def _resolve(walk: Walk, graph: Graph) -> Channels:
    facts = walk.facts.resolved(walk.find)
    roots = np.array([walk.find(i) for i in range(len(walk.parent))], np.int64)
    inputs = {name: tuple(roots[ids] for ids in tensors) for name, tensors in walk.inputs.items()}
    outputs = {name: roots[ids] for name, ids in walk.outputs.items()}
    groups, held = _groups(facts, walk.scaled, inputs, outputs)
    return Channels(
        graph=graph,
        inputs=inputs,
        outputs=outputs,
        groups=groups,
        held=held,
        readers={i: tuple(places) for i, places in facts.readers.items()},
        needed=frozenset(facts.needed | set(facts.fixed)),
        sources={i: tuple(places) for i, places in facts.sources.items()},
        scaled=tuple(walk.scaled),
    )


def _groups(
    facts: Facts, scaled: list[str], inputs: Mapping[str, tuple[Ids, ...]], outputs: Mapping[str, Ids]
) -> tuple[tuple[Group, ...], dict[Place, str]]:
    """Tie each BN's input channel to its output channel where nothing else reads it; judge what comes out."""
    tied = {
        channel
        for channel, places in facts.readers.items()
        if len(places) == 1 and channel not in facts.needed and channel not in facts.fixed
    }
    ties = Walk()
    ties.parent = list(range(1 + max(facts.sources, default=0)))
    for name in scaled:
        for before, after in zip(inputs[name][0].tolist(), outputs[name].tolist(), strict=True):
            if before in tied:
                ties.union(np.array([before]), np.array([after]))
    members: dict[int, list[int]] = defaultdict(list)
    for channel in facts.sources:
        members[ties.find(channel)].append(channel)
    groups: list[Group] = []
    held: dict[Place, str] = {}
    for channels in members.values():
        scales = tuple(place for channel in channels for place in facts.sources[channel] if place[0] in scaled)
        reasons = [why for channel in channels if channel not in tied and (why := _why_held(facts, channel, scaled))]
        if scales and not reasons:
            groups.append(Group(frozenset(channels), scales))
        held.update((place, reasons[0]) for place in scales if reasons)
    return tuple(groups), held


def _why_held(facts: Facts, channel: int, scaled: list[str]) -> str:
    """Say why zeroing the BNs of `channel` does not make all that reads it indifferent to it; "" if it does."""
    if channel in facts.fixed:
        return facts.fixed[channel]
    if channel in facts.not_zero:
        return facts.not_zero[channel]
    for name, _ in facts.sources[channel]:
        if name not in scaled:
            return f"a shortcut joins it to {name!r}, which has no batch normalization of its own"
    for name, _ in facts.readers.get(channel, []):
        return f"{name!r} normalizes it again, and something else reads it too"
    return ""
