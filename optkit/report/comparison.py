"""Text of comparisons: what `optkit ab` and `optkit compare` found, one line a benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optkit.judge.ab import Judgement
from optkit.judge.compare import Comparison
from optkit.judge.deltas import Delta
from optkit.judge.pairs import Pairing
from optkit.judge.tolerances import Tolerances
from optkit.report import terminal
from optkit.report.figures import time_text
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.report.words import RATIOS, spoken


def judgements_text(
    judgements: Sequence[Judgement],
    pairing: Pairing,
    tolerances: Tolerances,
    not_allowed: Sequence[str],
    *,
    unchanged: Sequence[str] = (),
    width: int | None = None,
) -> str:
    """Return a line a pair: ratio, interval, control, processes used, verdict; then what has no partner.

    `unchanged` are the pairs that were not timed, as their two files are one and the same.
    """
    columns = width or terminal.width()
    shown = [
        Column("head / base", [f"{one.ratio:.4f}" for one in judgements]),
        Column("interval", [interval_text(one.low, one.high, one.confidence) for one in judgements]),
        Column("control", [f"{one.control:.4f}" for one in judgements]),
        Column("processes", [str(one.processes) for one in judgements]),
        Column("seconds", [f"{one.seconds:.0f}" for one in judgements]),
        Column("verdict", [verdict_text(one) for one in judgements], words=True),
    ]
    table = grid(Column("benchmark", [one.name for one in judgements], left=True), shown, columns, stack=True)
    lines = [f"the same file on both sides, not timed: {', '.join(unchanged)}"] if unchanged else []
    lines += [f"missing: {name} is in the base only{_unless_allowed(name, not_allowed)}" for name in pairing.missing]
    lines += [f"new: {name} is in the head only{_unless_allowed(name, not_allowed)}" for name in pairing.new]
    clocks = {timing.clock for one in judgements for timing in one.timings}
    lines += ["timed by CPU time: other processes' turns on the core are not counted"] if clocks == {"cpu"} else []
    if judgements or not unchanged:
        lines.append(
            f"slower: by more than {tolerances.margin:.2%} as estimated and surely by more than half of that; false "
            f"alarm at most {tolerances.family_alpha:.2%} for all {len(judgements)} together. Control: the base "
            "against its own copy."
        )
    below = [part for line in lines for part in paragraph(line, columns)]
    return "\n".join([table.text, *below] if judgements else below)


def verdict_text(one: Judgement) -> str:
    """Return the verdict; when inconclusive, with the smallest change that would have been seen, and why."""
    if one.verdict != "inconclusive":
        return spoken("seconds", one.verdict)
    return "; ".join(filter(None, [f"inconclusive ({seen_text(one.minimum_detectable_effect)})", one.reason]))


def seen_text(minimum_detectable_effect: float) -> str:
    """Say which slow-down the data could have shown."""
    if not minimum_detectable_effect < 10:
        return "no change could have been shown"
    return f"a change of {100 * (minimum_detectable_effect - 1):+.1f} % could have been shown"


def interval_text(low: float, high: float, confidence: float) -> str:
    """Return an interval with its confidence level; an open side as such."""
    if not math.isfinite(high) or low <= 0:
        return "none"
    return f"[{low:.4f}, {high:.4f}] at {100 * confidence:.4g} %"


def comparison_text(
    comparison: Comparison, tolerances: Tolerances, *, times: bool = True, width: int | None = None
) -> str:
    """Return what differs between two runs: environments, names without a partner, a line for each figure."""
    columns = width or terminal.width()
    lines = [f"environment: {line}" for line in comparison.environments]
    if comparison.refusals:
        return _lines([*lines, *(f"not comparable: {line}" for line in comparison.refusals)], columns)
    if comparison.environments:
        lines.append("ACROSS ENVIRONMENTS: times are compared only as multiples of the reference model")
    for what, names in (("missing", comparison.missing), ("new", comparison.new)):
        lines += [f"{what}: {name}{_unless_allowed(name, comparison.not_allowed)}" for name in names]
    lines += [
        f"renamed: {a} → {b}{_unless_allowed(f'{a} → {b}', comparison.not_allowed)}" for a, b in comparison.renamed
    ]
    lines += [f"not compared: {line}" for line in comparison.skipped]
    below = [*_remarks(comparison.deltas), _tolerances_text(tolerances, times)]
    parts = [_lines(lines, columns), _deltas_table(comparison.deltas, columns), _lines(below, columns)]
    return "\n".join(filter(None, parts))


def _lines(lines: Sequence[str], width: int) -> str:
    return "\n".join(part for line in lines for part in paragraph(line, width))


def _deltas_table(deltas: Sequence[Delta], width: int) -> str:
    """Return a row for each figure, and one below a time that is known in times of the reference model."""
    if not deltas:
        return ""
    rows: list[tuple[str, ...]] = []
    for delta in deltas:
        base, head, change, _ = delta_cells(delta)
        rows.append((delta.name, delta.metric, base, head, change, _word(delta)))
        if delta.base_normalized is not None and delta.head_normalized is not None:
            sides = (f"{delta.base_normalized:.4g}", f"{delta.head_normalized:.4g}")
            rows.append(("", "× reference", *sides, "", ""))
    names, metrics, bases, heads, changes, words = zip(*rows, strict=True)
    shown = [
        Column("metric", metrics, left=True),
        *(Column(head, cells) for head, cells in (("base", bases), ("head", heads), ("change", changes))),
        Column("verdict", words, left=True),
    ]
    return grid(Column("benchmark", names, left=True), shown, width, stack=True).text


def _unless_allowed(name: str, not_allowed: Sequence[str]) -> str:
    return " (fails; allow it with --allow)" if name in not_allowed else " (allowed)"


def delta_cells(delta: Delta) -> list[str]:
    """Return base, head, change and the whole verdict of one figure as texts."""
    if delta.metric == "accuracy":
        change = f"{0.0 - delta.change:+.4f}"
    elif delta.metric in RATIOS:
        change = f"{100 * (delta.change - 1):+.2f} %"
    else:
        change = f"{delta.head - delta.base:+.4g}"
    return [_figure(delta, delta.base), _figure(delta, delta.head), change, _delta_verdict(delta)]


def _figure(delta: Delta, value: float) -> str:
    if delta.metric == "seconds":
        return time_text(value)
    if delta.metric == "accuracy":
        return f"{value:.4f}"
    return f"{value:,}" if delta.metric in RATIOS else f"{value:.4g}"


def _change_interval(delta: Delta) -> str:
    """Return the interval of the change; empty where there is none, or none that says anything."""
    if delta.low is None or delta.high is None or delta.is_wide:
        return ""
    if delta.metric == "accuracy":
        return f"[{-delta.high:+.4f}, {-delta.low:+.4f}]"
    if delta.metric not in RATIOS:
        return f"drop [{delta.low:+.4g}, {delta.high:+.4g}]"
    return f"[{100 * (delta.low - 1):+.2f}, {100 * (delta.high - 1):+.2f}] %"


def sessions_text(delta: Delta) -> str:
    """Say how many sessions a side would show how large a change."""
    if delta.needed is None or delta.needed_for is None:
        return "a hundred sessions each would not show so large a change: quiet the machine"
    return f"{delta.needed} sessions each would show {100 * delta.needed_for:.3g} %"


def _word(delta: Delta) -> str:
    word = spoken(delta.metric, delta.verdict)
    return f"FAIL: {word}" if delta.fails else word


def _delta_verdict(delta: Delta) -> str:
    word = _word(delta)
    if delta.is_wide:
        word += f" ({sessions_text(delta)})"
    elif delta.minimum_detectable_effect is not None and delta.verdict in ("inconclusive", "same"):
        least = (
            f"{-delta.minimum_detectable_effect:+.4f}"
            if delta.metric == "accuracy"
            else f"{100 * (delta.minimum_detectable_effect - 1):+.1f} %"
        )
        word += f" ({least} could have been shown)"
    return f"{word}: {delta.reason}" if delta.reason else word


def _remarks(deltas: Sequence[Delta]) -> list[str]:
    """Return what the table has no room for: of each figure that was tested the interval, p and the whole verdict."""
    lines = []
    for delta in deltas:
        if delta.reason:
            p = "" if delta.p is None else f"p {delta.p:.2g}"
            more = ", ".join(filter(None, [_change_interval(delta), p]))
            lines.append(f"{delta.name}: {'; '.join(filter(None, [more, _delta_verdict(delta)]))}")
    return lines


def _tolerances_text(tolerances: Tolerances, times: bool) -> str:
    slower = f"slower by more than {tolerances.margin:.2%}, " if times else ""
    left_out = "" if times else " Times were left out."
    return (
        f"Fails: {slower}less accurate by more than {tolerances.max_drop:.2%} of the "
        f"samples, larger by more than {tolerances.max_growth:.2%}. False alarm at most "
        f"{tolerances.family_alpha:.2%} for all together.{left_out}"
    )
