"""Text of times: a profile of a file, how near it comes to what the machine can do, and what was tried."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from optkit.inspect.causes import percent_text
from optkit.inspect.inspection import Inspection
from optkit.inspect.profile import ENOUGH, Profile, Timed
from optkit.inspect.roofline import Ceiling, Speed
from optkit.inspect.tries import Try
from optkit.report.figures import time_text
from optkit.report.grid import rows_text
from optkit.report.inspect import shortened
from optkit.report.terminal import prose_width

_MOST = 60


def profile_text(found: Inspection, profile: Profile, speeds: Sequence[Speed], most: Ceiling | None) -> str:
    """Return the times of a file's operators as a table, in the order in which they run, and what they add up to."""
    rows = []
    by_operators = {one.operators: one for one in speeds}
    largest = sorted(profile.timed, key=lambda one: -one.seconds)[:_MOST]
    for timed in profile.timed:
        if timed not in largest:
            continue
        speed = by_operators.get(timed.operators)
        kernels = " + ".join(timed.kernels) or ("built-in" if profile.method == "profiler" else "-")
        rows.append(
            (
                _numbers(timed),
                shortened(_titles(found, timed), 24),
                "< 1 µs" if timed.guessed else time_text(timed.seconds),
                _range(timed.low, timed.high),
                f"{timed.seconds / profile.whole:.1%}" if timed.seconds else "-",
                f"{speed.share:.0%} {speed.dtype}" if speed else "-",
                shortened(kernels, 30),
            )
        )
    heads = ("#", "operator", "time", "least..most", "share", "of ceiling", "kernel")
    table = rows_text(heads, rows, left=(1, 6), stack=False)
    return "\n".join([_head(profile), "", table, *_foot(profile, len(profile.timed) - len(largest), most)])


def _numbers(timed: Timed) -> str:
    first, last = timed.operators[:1], timed.operators[-1:]
    return "-" if not first else str(first[0]) if first == last else f"{first[0]}-{last[0]}"


def _titles(found: Inspection, timed: Timed) -> str:
    some = [found.main.operators[index] for index in timed.operators]
    return some[0].title + (f" and {len(some) - 1} more" if len(some) > 1 else "") if some else "a delegate's node"


def _head(profile: Profile) -> str:
    how = "LiteRT's profiler" if profile.method == "profiler" else "pieces of the graph"
    on = "" if profile.kernels == "default" else f", {profile.kernels} kernels"
    threads = f"{profile.threads} thread{'s' * (profile.threads > 1)}"
    samples = f"{profile.batch} sample{'s' * (profile.batch > 1)}"
    told = (
        f"a call takes {time_text(profile.whole)} ({_range(profile.low, profile.high)} µs in "
        f"{profile.processes} processes), {samples}, {threads}{on}; operators by {how}"
    )
    return "\n".join(textwrap.wrap(told, prose_width()))


def _range(low: float, high: float) -> str:
    """Return two times in µs, with three digits or whole ones."""
    return "..".join(f"{one:,.0f}" if one >= 100 else f"{one:.3g}" for one in (low * 1e6, high * 1e6))


def _foot(profile: Profile, hidden: int, most: Ceiling | None) -> list[str]:
    lines = [f"… and {hidden} shorter ones (--json has all)"] if hidden > 0 else []
    total = profile.whole - profile.outside
    lines.append(f"The operators add up to {total / profile.whole:.0%} of a call; {_rest(profile)}.")
    if not profile.adds_up:
        lines.append(f"That misses the whole by more than {ENOUGH:.0%}: take single times as a hint.")
    if profile.method == "profiler":
        lines.append(
            f"Profiling adds {time_text(max(0.0, profile.added))} to a call; that is in no figure here. Least and most "
            "are of the processes, in µs."
        )
    if profile.note:
        lines.append(f"LiteRT's profiler was not used: {profile.note}.")
    if most:
        lines.append(
            f"Ceiling of this machine: {most.float32 / 1e9:.3g} billion multiply-adds a second in float32, "
            f"{most.int8 / 1e9:.3g} in int8."
        )
    return [part for line in lines for part in textwrap.wrap(line, prose_width())]


def _rest(profile: Profile) -> str:
    if profile.outside >= 0:
        return f"{time_text(profile.outside)} are outside: the call itself, and handing values over"
    return f"that is {time_text(-profile.outside)} too much"


def tries_text(name: str, tried: Sequence[Try]) -> str:
    """Return what was tried on a file, one line each."""
    if not tried:
        return ""
    lines = [f"tried on {name}:"]
    for one in tried:
        change = "does not run so: " + one.error if one.error else f"{percent_text(one.change)} time a sample"
        lines += textwrap.wrap(f"- {one.what}: {change}", prose_width(), subsequent_indent="  ")
    return "\n".join(lines)


def second_way_text(
    found: Inspection, profile: Profile, second: Profile, disagreement: tuple[int, float] | None
) -> str:
    """Return the times by pieces of the graph beside those of the profiler."""
    rows = []
    for operator in found.main.operators[:_MOST]:
        one, other = profile.of(operator.index), second.of(operator.index)
        if not (one or other) or (one and len(one.operators) > 1):
            continue
        times = [timed.seconds if timed else 0.0 for timed in (one, other)]
        cells = [time_text(max(0.0, seconds)) if seconds else "-" for seconds in times]
        share = (times[1] - times[0]) / profile.whole
        rows.append((str(operator.index), shortened(operator.title, 30), *cells, f"{100 * share:+.1f} % of a call"))
    total = sum(one.seconds for one in second.timed)
    lines = [f"the same by pieces of the graph, without a profiler (a call takes {time_text(second.whole)}):", ""]
    table = rows_text(("#", "operator", "profiler", "pieces", "difference"), rows, left=(1,))
    lines += [table, f"The pieces add up to {total / second.whole:.0%} of a call."]
    if disagreement:
        number, share = disagreement
        lines.append(f"The two ways differ most on operator {number}: by {abs(share):.0%} of a call.")
    return "\n".join(lines)
