"""Why one file is slower than another: operator by operator, the largest first, with what was seen and tried.

Law: a change within the scatter of the processes is no reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from optkit.inspect.causes import RULES, Context, Group, Side
from optkit.inspect.differences import Differences
from optkit.inspect.profile import Timed

_SHARE = 0.02
"""Of the change of the whole: a smaller part is not listed."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A part of the change. `base` and `head` are operators of the two files that belong together; seconds of a call.

    `share` is its part of the change of the whole: 0.9 is 90 %, and less than 0 works against it. `noise` is what the
    processes of both files scatter. `causes` say what differs there, each with its figures.
    """

    title: str
    base: tuple[int, ...]
    head: tuple[int, ...]
    base_seconds: float
    head_seconds: float
    noise: float
    share: float
    causes: tuple[str, ...]

    @property
    def change(self) -> float:
        """Seconds that the head takes more."""
        return self.head_seconds - self.base_seconds


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why the head takes `change` seconds a call more than the base (less than 0: it is faster).

    `decided` is False when the whole does not change by more than the processes scatter: then there are no reasons.
    `left` is what the reasons do not explain.
    """

    base_seconds: float
    head_seconds: float
    noise: float
    reasons: tuple[Reason, ...]

    @property
    def change(self) -> float:
        """Seconds that a call of the head takes more."""
        return self.head_seconds - self.base_seconds

    @property
    def decided(self) -> bool:
        """Whether the files differ by more than their processes scatter."""
        return abs(self.change) > self.noise

    @property
    def left(self) -> float:
        """Seconds of the change that no reason has."""
        return self.change - sum(reason.change for reason in self.reasons)


def explain_times(base: Side, head: Side, differences: Differences) -> Explanation:
    """Return why `head` and `base` take different times, the largest reason first."""
    change = head.profile.whole - base.profile.whole
    noise = base.profile.spread + head.profile.spread
    found: list[Reason] = []
    if abs(change) > noise:
        groups = _groups(base, head, differences)
        found = [_reason(base, head, group, change) for group in groups]
        found.append(_outside(base, head, change))
    told = [one for one in found if abs(one.change) > one.noise and abs(one.share) >= _SHARE]
    return Explanation(
        base_seconds=base.profile.whole,
        head_seconds=head.profile.whole,
        noise=noise,
        reasons=tuple(sorted(told, key=lambda one: -one.share)),
    )


def _groups(base: Side, head: Side, differences: Differences) -> list[Group]:
    """Join operators that are a pair, or that are timed as one."""
    groups: dict[tuple[str, int], Group] = {}
    links: list[list[tuple[str, int]]] = [[("base", a), ("head", b)] for a, b in differences.match.pairs]
    for name, side in (("base", base), ("head", head)):
        links += [[(name, index) for index in timed.operators] for timed in side.profile.timed]
        links += [[(name, operator.index)] for operator in side.found.main.operators]
    for link in links:
        joined = Group(set(), set())
        for one in {id(groups[place]): groups[place] for place in link if place in groups}.values():
            joined.base |= one.base
            joined.head |= one.head
        for name, index in link:
            (joined.base if name == "base" else joined.head).add(index)
        groups.update({("base", index): joined for index in joined.base})
        groups.update({("head", index): joined for index in joined.head})
    return list({id(group): group for group in groups.values()}.values())


def _times(side: Side, operators: set[int]) -> list[Timed]:
    return [timed for timed in side.profile.timed if operators & set(timed.operators)]


def _reason(base: Side, head: Side, group: Group, change: float) -> Reason:
    before, after = _times(base, group.base), _times(head, group.head)
    seconds = [sum(one.seconds for one in some) for some in (before, after)]
    noise = sum(one.spread for one in (*before, *after))
    context = Context(base, head, group, before, after, slower=seconds[1] > seconds[0])
    return Reason(
        title=context.title(),
        base=tuple(sorted(group.base)),
        head=tuple(sorted(group.head)),
        base_seconds=seconds[0],
        head_seconds=seconds[1],
        noise=noise,
        share=(seconds[1] - seconds[0]) / change,
        causes=tuple(text for rule in RULES for text in rule(context)),
    )


def _outside(base: Side, head: Side, change: float) -> Reason:
    counts = [len(side.found.running.parts or ()) for side in (base, head)]
    causes = []
    if counts[0] != counts[1]:
        causes.append(
            f"XNNPACK takes the graph in {counts[1]} parts instead of {counts[0]}; values are handed over between parts"
        )
    seconds = max(0.0, base.profile.outside), max(0.0, head.profile.outside)
    return Reason(
        title="outside of operators",
        base=(),
        head=(),
        base_seconds=seconds[0],
        head_seconds=seconds[1],
        noise=base.profile.spread + head.profile.spread,
        share=(seconds[1] - seconds[0]) / change,
        causes=tuple(causes),
    )
