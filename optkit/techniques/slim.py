"""Network slimming: remove the channels with the smallest batch-normalization (BN) scales, all over the network.

Liu et al., "Learning efficient convolutional networks through network slimming", 2017 (arXiv:1708.06519). What
must go together is found by `channels`; the removal itself is in `remove`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.channel_walk import Place
from optkit.keras.channels import Channels, Group, read_channels
from optkit.keras.finding import Finding
from optkit.keras.graph import Graph, build_model, read_graph
from optkit.keras.remove import remove_channels
from optkit.spec import Step, require
from optkit.spec.keys import ADDED_LATER
from optkit.training.context import TrainingContext


@dataclass(frozen=True, kw_only=True)
class Slim(Step):
    """Remove `ratio` of the network's removable channel groups: those whose largest |scale| is smallest.

    No layer is left with fewer than `min_channels` channels, unless it had fewer. The threshold is the score at place
    `int(ratio * groups)`, counted from 0, of all scores in ascending order.

    - `at_threshold`: what happens to a group whose score is the threshold itself. "keep" removes exactly
      `int(ratio * groups)` groups. "remove" removes that group too, and all that tie with it: the authors' own code,
      which keeps only what is greater.
    - `unused`: what happens to channels that nothing reads any more, such as those of a last shortcut. "remove" takes
      them out, "keep" leaves them, as the authors' code does. The outputs are the same.
    """

    technique: ClassVar[str] = "slim"

    ratio: float = 0.5
    min_channels: int = 2
    at_threshold: Literal["keep", "remove"] = field(default="keep", metadata=ADDED_LATER)
    unused: Literal["remove", "keep"] = field(default="remove", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        require(0 < self.ratio < 1, f"ratio is {self.ratio}; expected a fraction between 0 and 1")
        require(self.min_channels >= 1, f"min_channels is {self.min_channels}; a layer needs at least 1")
        for name in ("at_threshold", "unused"):
            got = getattr(self, name)
            require(got in ("keep", "remove"), f"{name} is {got!r}; expected 'keep' or 'remove'")


@dataclass(frozen=True, kw_only=True)
class Floor:
    """A layer where `min_channels` held: it has `kept` channels, and would have had `asked`."""

    layer: str
    asked: int
    kept: int


@dataclass(frozen=True, kw_only=True)
class Held:
    """`channels` channels of the BN `layer` cannot be removed, and why."""

    layer: str
    channels: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class SlimPlan:
    """What slimming does to a model.

    `threshold`: the smallest score (largest |scale| of a group) that stays. `before` and `after`: output channels of
    each layer that makes channels. `masked`: for each BN, the channels chosen by the threshold: the slimmed model's
    outputs are the original's with these BN channels' scale and shift zeroed. More may be removed, unused after that.
    `selections`: the BNs that read a selection of their input's channels because a shortcut needs the others.
    `gone`: the channels, as numbered by `channels`.
    """

    threshold: float
    before: Mapping[str, int]
    after: Mapping[str, int]
    masked: Mapping[str, tuple[int, ...]]
    selections: tuple[str, ...]
    floors: tuple[Floor, ...]
    held: tuple[Held, ...]
    gone: frozenset[int]


def plan(model: Any, step: Slim) -> SlimPlan:
    """Say what `slim` would do to `model`, and where its floor holds.

    Raises BuildError naming the layer when channels cannot be followed through it, and when no channel can go.
    """
    return _plan(read_channels(read_graph(model)), step)


def apply(model: Any, step: Slim, context: TrainingContext | None = None) -> Any:
    """Return a functional copy of `model` with fewer channels; layers keep their names. Raises as `plan` does."""
    channels = read_channels(read_graph(model))
    planned = _plan(channels, step)
    if context:
        _note(planned, context)
    return build_model(remove_channels(channels, planned.gone))


def _note(planned: SlimPlan, context: TrainingContext) -> None:
    changes = (f"{layer} {count} to {planned.after[layer]}" for layer, count in planned.before.items())
    context.note(f"channels: {', '.join(changes)}")
    for floor in planned.floors:
        context.note(f"the floor held in {floor.layer}: {floor.kept} channels, {floor.asked} by the threshold")
    if planned.selections:
        context.note(f"a shortcut needs all channels before {', '.join(planned.selections)}; these select some")


def check(model: Any, step: Slim) -> Iterator[Finding]:
    """Yield a warning for each layer that has channels which cannot be removed. Raises BuildError when none can be."""
    channels = read_channels(read_graph(model))
    _check_groups(channels)
    for held in held_channels(channels):
        message = f"{held.channels} channels cannot be removed: {held.reason}"
        yield Finding(level="warning", subject=step.technique, layer=held.layer, message=message)


def _check_groups(channels: Channels) -> None:
    """Raise BuildError, saying why, when no channel of the model can be removed."""
    if channels.groups:
        return
    why = (
        "; ".join(f"{held.layer}: {held.reason}" for held in held_channels(channels))
        or "no BatchNormalization has a scale"
    )
    raise BuildError(f"slim: no channel of model {channels.graph.name!r} can be removed ({why}); leave slim out")


def _plan(channels: Channels, step: Slim) -> SlimPlan:
    _check_groups(channels)
    scores = np.array([_score(channels.graph, group) for group in channels.groups])
    order = np.argsort(scores, kind="stable")
    count = _how_many(scores[order], step)
    chosen = {int(i) for i in order[:count]}
    asked = _channel_counts(channels, _gone(channels, step, _members(channels, chosen), floor=0))
    _keep_floors(channels, step.min_channels, chosen, order.tolist())
    gone = _gone(channels, step, _members(channels, chosen), step.min_channels)
    before, after = _channel_counts(channels, frozenset()), _channel_counts(channels, gone)
    masked: dict[str, list[int]] = {}
    for i in sorted(chosen):
        for layer, position in channels.groups[i].scales:
            masked.setdefault(layer, []).append(position)
    return SlimPlan(
        threshold=float(scores[order[count]]),
        before=before,
        after=after,
        masked={layer: tuple(sorted(positions)) for layer, positions in masked.items()},
        selections=tuple(name for name in channels.scaled if _selects(channels, name, gone)),
        floors=tuple(
            Floor(layer=layer, asked=asked[layer], kept=after[layer])
            for layer in after
            if asked[layer] < after[layer] <= step.min_channels
        ),
        held=held_channels(channels),
        gone=gone,
    )


def _how_many(ascending: npt.NDArray[np.float64], step: Slim) -> int:
    """Return how many groups go, of their scores in ascending order. Raises BuildError when none would stay."""
    count = int(step.ratio * len(ascending))
    if step.at_threshold == "remove":
        count = int(np.searchsorted(ascending, ascending[count], side="right"))
    if count == len(ascending):
        raise BuildError(
            f"slim: no channel has a larger scale than the threshold, {ascending[-1]:.6g}, and at_threshold is "
            "'remove'; train with sparse_train first, lower the ratio, or take at_threshold = \"keep\""
        )
    return count


def _gone(channels: Channels, step: Slim, members: frozenset[int], floor: int) -> frozenset[int]:
    return _keep_unused(channels, floor, members) if step.unused == "remove" else members


def _score(graph: Graph, group: Group) -> float:
    return max(float(abs(graph.nodes[layer].weights["gamma"][position])) for layer, position in group.scales)


def _members(channels: Channels, chosen: set[int]) -> frozenset[int]:
    return frozenset(channel for i in chosen for channel in channels.groups[i].channels)


def _makers(channels: Channels) -> dict[str, list[int]]:
    """Return, for each layer that makes channels, those it makes, by position."""
    made: dict[str, list[int]] = {}
    for places in channels.sources.values():
        for layer, _ in places:
            made[layer] = channels.outputs[layer].tolist()
    order = list(channels.graph.nodes)
    kinds = {name: node.kind_name for name, node in channels.graph.nodes.items()}
    return {name: made[name] for name in order if name in made and kinds[name] not in ("InputLayer", "Reshape")}


def _channel_counts(channels: Channels, gone: frozenset[int]) -> dict[str, int]:
    return {layer: sum(i not in gone for i in made) for layer, made in _makers(channels).items()}


def _keep_floors(channels: Channels, floor: int, chosen: set[int], order: list[int]) -> None:
    """Take groups out of `chosen`, best score first, until every layer keeps `floor` channels."""
    group_of = {channel: i for i, group in enumerate(channels.groups) for channel in group.channels}
    rank = {group: place for place, group in enumerate(order)}
    for made in _makers(channels).values():
        lost = sorted({group_of[c] for c in made if group_of.get(c) in chosen}, key=lambda group: -rank[group])
        for group in lost:
            if sum(group_of.get(c) not in chosen for c in made) >= floor:
                break
            chosen.remove(group)


def _with_unused(channels: Channels, gone: frozenset[int], wanted: frozenset[int]) -> frozenset[int]:
    """Return `gone` with the channels that only BN channels among them read, but for those `wanted`."""
    done = set(gone)
    free = set(channels.sources) - channels.needed - wanted
    while True:
        unused = {
            channel
            for channel in free - done
            if all(int(channels.outputs[name][at]) in done for name, at in channels.readers.get(channel, ()))
        }
        if not unused:
            return frozenset(done)
        done |= unused


def _keep_unused(channels: Channels, floor: int, gone: frozenset[int]) -> frozenset[int]:
    """Return `gone` with all unused channels, but for what layers need of these to keep `floor` channels."""
    wanted: set[int] = set()
    while True:
        done = _with_unused(channels, gone, frozenset(wanted))
        lacking = set()
        for made in _makers(channels).values():
            missing = min(floor, len(made)) - sum(c not in done for c in made)
            if missing > 0:
                lacking |= set([c for c in made if c in done - gone][:missing])
        if not lacking:
            return done
        wanted |= lacking


def _selects(channels: Channels, name: str, gone: frozenset[int]) -> bool:
    before: list[Place] = [(name, i) for i, c in enumerate(channels.inputs[name][0].tolist()) if c not in gone]
    after: list[Place] = [(name, i) for i, c in enumerate(channels.outputs[name].tolist()) if c not in gone]
    return before != after


def held_channels(channels: Channels) -> tuple[Held, ...]:
    """Return the BN channels that cannot be removed, counted by layer and reason."""
    counts: dict[tuple[str, str], int] = {}
    for (layer, _), reason in channels.held.items():
        counts[layer, reason] = counts.get((layer, reason), 0) + 1
    return tuple(Held(layer=layer, channels=n, reason=reason) for (layer, reason), n in counts.items())
