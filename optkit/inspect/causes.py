"""What may make an operator slower in one of two files: rules, each with what it saw.

Law: a sentence is said only of what both profiles and both graphs show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from optkit.inspect.inspection import Inspection
from optkit.inspect.operators import Operator
from optkit.inspect.profile import Profile, Timed
from optkit.inspect.roofline import Speed
from optkit.inspect.tries import Try

_FEW_CHANNELS = 4
_GROUP = 8
"""Input channels that XNNPACK's widest integer kernels take at once (xnnpack/src/configs/gemm-config.c: `log2_kr`)."""
_MORE_WORK = 1.05


@dataclass(frozen=True, kw_only=True)
class Side:
    """One file of two: what is in it, its times, how near to the ceiling its operators are, and what was tried on it.

    `built_in` is a profile of it on LiteRT's own kernels, where that was made.
    """

    found: Inspection
    profile: Profile
    speeds: tuple[Speed, ...] = ()
    tried: tuple[Try, ...] = ()
    built_in: Profile | None = None


@dataclass
class Group:
    """Operators of both files that can only be compared together."""

    base: set[int]
    head: set[int]


@dataclass
class Context:
    """What the rules look at: a group, its times, and which file is slower in it."""

    base: Side
    head: Side
    group: Group
    before: list[Timed]
    after: list[Timed]
    slower: bool

    def operators(self, side: Side, numbers: set[int]) -> list[Operator]:
        """Return the operators of these numbers, in their order."""
        return [side.found.main.operators[number] for number in sorted(numbers)]

    def title(self) -> str:
        """Return what the group is called: by its operator with the most multiply-adds."""
        some = self.operators(self.head, self.group.head) or self.operators(self.base, self.group.base)
        first = max(some, key=lambda one: one.macs or 0)
        others = len(some) - 1
        return f"{first.title}{f' and {others} more' if others else ''}"

    def slow(self) -> tuple[Side, list[Operator], list[Timed]]:
        """Return the side that takes longer here, its operators and their times."""
        if self.slower:
            return self.head, self.operators(self.head, self.group.head), self.after
        return self.base, self.operators(self.base, self.group.base), self.before


def _kernels(times: list[Timed]) -> str:
    names = [name for timed in times for name in timed.kernels]
    return " + ".join(names) if names else "LiteRT's own" if times else "none of its own"


def _other_kernels(context: Context) -> Iterator[str]:
    before, after = _kernels(context.before), _kernels(context.after)
    if context.group.base and context.group.head and before != after:
        yield f"kernel: {before} in the first, {after} in the second"


def _only_one(context: Context) -> Iterator[str]:
    if not context.group.base:
        yield "only the second file has it"
    if not context.group.head:
        yield "only the first file has it"


def _left_out(context: Context) -> Iterator[str]:
    """An operator that XNNPACK takes in one file and leaves in the other."""
    slow, operators, _ = context.slow()
    fast, numbers = (context.base, context.group.base) if context.slower else (context.head, context.group.head)
    if slow.found.running.parts is None or fast.found.running.parts is None:
        return
    inside, taken = slow.found.running.part_of(), fast.found.running.part_of()
    left = [one for one in operators if one.index not in inside]
    if left and any(number in taken for number in numbers):
        types = " and ".join(dict.fromkeys(one.dtype for one in left))
        yield f"XNNPACK does not take it with {types} values: it runs on LiteRT's own kernels"


def _few_channels(context: Context) -> Iterator[str]:
    """XNNPACK's integer kernels take input channels in groups, and fill up the last group."""
    side, operators, times = context.slow()
    names = _kernels(times)
    if not any(sign in names for sign in ("QC8", "QS8", "QU8")) or "DWConv" in names:
        return
    for operator in operators:
        channels = _channels(side, operator)
        if operator.kind == "CONV_2D" and channels and channels < _FEW_CHANNELS:
            told = "one input channel" if channels == 1 else f"{channels} input channels"
            yield (
                f"with {told} most of an integer kernel's work is on zeros: it takes up to {_GROUP} channels at once, "
                "and fills up those that are not there"
            )


def _channels(side: Side, operator: Operator) -> int | None:
    weights = side.found.main.tensors[operator.inputs[1]] if len(operator.inputs) > 1 else None
    return weights.shape[3] if weights is not None and len(weights.shape) == 4 else None


def _more_work(context: Context) -> Iterator[str]:
    macs = [
        sum(one.macs or 0 for one in context.operators(side, numbers))
        for side, numbers in ((context.base, context.group.base), (context.head, context.group.head))
    ]
    if min(macs) > 0 and max(macs) / min(macs) >= _MORE_WORK:
        yield f"multiply-adds: {macs[0]:,} in the first, {macs[1]:,} in the second"


def _on_the_fly(context: Context) -> Iterator[str]:
    _, _, times = context.slow()
    if "QD8" in _kernels(times):
        yield "values are quantized anew at each call, for weights that are 8 bits"


def _unpacked(context: Context) -> Iterator[str]:
    side, operators, _ = context.slow()
    for one in side.found.boundaries:
        if one.constant and any(operator.index == one.operator for operator in operators):
            yield f"weights are stored as {one.before} and made {one.after} before they are used"


def _shape_arithmetic(context: Context) -> Iterator[str]:
    side, operators, _ = context.slow()
    numbers = {operator.index for operator in operators}
    for one in side.found.leftovers:
        if one.kind == "shape arithmetic" and numbers & set(one.operators):
            yield "it only computes a shape, for nothing: a constant would do"


def _speed(context: Context) -> Iterator[str]:
    """How near both come to what the machine can do in their type."""
    told = []
    for side, numbers in ((context.base, context.group.base), (context.head, context.group.head)):
        told += [f"{one.share:.0%} in {one.dtype}" for one in side.speeds if numbers & set(one.operators)]
    if len(told) == 2:
        yield f"of what this core can do there: {told[0]} in the first, {told[1]} in the second"


def _tried(context: Context) -> Iterator[str]:
    """What the same operator takes on LiteRT's own kernels, where that was tried."""
    side, operators, times = context.slow()
    if side.built_in is None or not times or not any(timed.kernels for timed in times):
        return
    other = [one for one in (side.built_in.of(operator.index) for operator in operators) if one]
    now, then = sum(one.seconds for one in times), sum(one.seconds for one in dict.fromkeys(other))
    if other and then > 0:
        yield f"tried: on LiteRT's built-in kernels it takes {percent_text(then / now - 1)} ({then * 1e6:.3g} µs)"


def percent_text(change: float) -> str:
    """Return a change such as `−17 %`."""
    return f"{'−' if change < 0 else '+'}{abs(100 * change):.0f} %"


RULES: tuple[Callable[[Context], Iterator[str]], ...] = (
    *(_only_one, _other_kernels, _left_out, _few_channels, _more_work, _on_the_fly, _unpacked, _shape_arithmetic),
    *(_speed, _tried),
)
