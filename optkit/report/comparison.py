"""Text of comparisons: what `optkit ab` and `optkit compare` found, one line a benchmark."""

from __future__ import annotations

import math
from collections.abc import Sequence

from optkit.ab import Design, Judgement
from optkit.compare import Comparison
from optkit.deltas import Delta, Rules
from optkit.pairs import Pairing
from optkit.report.text import plain_table, render


def judgements_text(
    judgements: Sequence[Judgement], pairing: Pairing, design: Design, not_allowed: Sequence[str]
) -> str:
    """Return a line a pair: ratio, interval, control, processes used, verdict; then what has no partner."""
    table = plain_table("benchmark", "head / base", "interval", "control", "processes", "seconds", "verdict")
    table.columns[-1].justify = "left"
    for one in judgements:
        table.add_row(
            one.name,
            f"{one.ratio:.4f}",
            interval_text(one.low, one.high, one.confidence),
            f"{one.control:.4f}",
            str(one.processes),
            f"{one.seconds:.0f}",
            verdict_text(one),
        )
    lines = [render(table)]
    lines += [f"missing: {name} is in the base only{_unless_allowed(name, not_allowed)}" for name in pairing.missing]
    lines += [f"new: {name} is in the head only{_unless_allowed(name, not_allowed)}" for name in pairing.new]
    clocks = {timing.clock for one in judgements for timing in one.timings}
    lines += ["timed by CPU time: other processes' turns on the core are not counted"] if clocks == {"cpu"} else []
    lines.append(
        f"slower: by more than {design.margin:.2%} as estimated and surely by more than half of that; false alarm at "
        f"most {design.false_alarm:.2%} for all {len(judgements)} together. Control: the base against its own copy."
    )
    return "\n".join(lines)


def verdict_text(one: Judgement) -> str:
    """Return the verdict; when inconclusive, with the smallest change that would have been seen, and why."""
    if one.verdict != "inconclusive":
        return one.verdict
    return "; ".join(filter(None, [f"inconclusive ({seen_text(one.detectable)})", one.reason]))


def seen_text(detectable: float) -> str:
    """Say which slow-down the data could have shown."""
    if not detectable < 10:
        return "no change could have been shown"
    return f"a change of {100 * (detectable - 1):+.1f} % could have been shown"


def interval_text(low: float, high: float, confidence: float) -> str:
    """Return an interval with its confidence level; an open side as such."""
    if not math.isfinite(high) or low <= 0:
        return "none"
    return f"[{low:.4f}, {high:.4f}] at {100 * confidence:.4g} %"


_WORDS = {
    "seconds": {"worse": "slower", "better": "faster"},
    "accuracy": {"worse": "less accurate", "better": "more accurate"},
    "file_bytes": {"worse": "larger", "better": "smaller"},
    "zip_bytes": {"worse": "larger", "better": "smaller"},
}


def comparison_text(comparison: Comparison, rules: Rules) -> str:
    """Return what differs between two runs: environments, names without a partner, a line for each figure."""
    lines = [f"environment: {line}" for line in comparison.environments]
    if comparison.refusals:
        return "\n".join([*lines, *(f"not comparable: {line}" for line in comparison.refusals)])
    if comparison.environments:
        lines.append("ACROSS ENVIRONMENTS: times are compared only as multiples of the reference model")
    for what, names in (("missing", comparison.missing), ("new", comparison.new)):
        lines += [f"{what}: {name}{_unless_allowed(name, comparison.not_allowed)}" for name in names]
    lines += [
        f"renamed: {a} → {b}{_unless_allowed(f'{a} → {b}', comparison.not_allowed)}" for a, b in comparison.renamed
    ]
    lines += [f"not compared: {line}" for line in comparison.skipped]
    table = plain_table("benchmark", "metric", "base", "head", "change", "interval", "p", "verdict", left=2)
    table.columns[-1].justify = "left"
    for delta in comparison.deltas:
        table.add_row(delta.name, delta.metric, *delta_cells(delta))
    lines += [render(table), _rules_text(rules)]
    return "\n".join(lines)


def _unless_allowed(name: str, not_allowed: Sequence[str]) -> str:
    return " (fails; allow it with --allow)" if name in not_allowed else " (allowed)"


def delta_cells(delta: Delta) -> list[str]:
    """Return base, head, change, interval, p and verdict of one figure as texts."""
    form = {"accuracy": "{:.4f}", "seconds": "{:.4g}"}.get(delta.metric, "{:,}")
    is_drop = delta.metric == "accuracy"
    change = f"{-delta.change:+.4f}" if is_drop else f"{100 * (delta.change - 1):+.2f} %"
    interval = "-"
    if delta.low is not None and delta.high is not None:
        ends = (-delta.high, -delta.low) if is_drop else (100 * (delta.low - 1), 100 * (delta.high - 1))
        interval = "[{:+.4f}, {:+.4f}]".format(*ends) if is_drop else "[{:+.2f}, {:+.2f}] %".format(*ends)
    p = "-" if delta.p is None else f"{delta.p:.2g}"
    return [form.format(delta.base), form.format(delta.head), change, interval, p, _delta_verdict(delta)]


def _delta_verdict(delta: Delta) -> str:
    word = _WORDS[delta.metric].get(delta.verdict, delta.verdict)
    if delta.fails:
        word = f"FAIL: {word}"
    if delta.detectable is not None and delta.verdict in ("inconclusive", "same"):
        least = f"{-delta.detectable:+.4f}" if delta.metric == "accuracy" else f"{100 * (delta.detectable - 1):+.1f} %"
        word += f" ({least} could have been shown)"
    return f"{word}: {delta.reason}" if delta.reason else word


def _rules_text(rules: Rules) -> str:
    times = f"slower by more than {rules.margin:.2%}, " if rules.times else ""
    left_out = "" if rules.times else " Times were left out."
    return (
        f"Fails: {times}less accurate by more than {rules.max_drop:.2%} of the "
        f"samples, larger by more than {rules.max_growth:.2%}. False alarm at most {rules.false_alarm:.2%} for all "
        f"together.{left_out}"
    )
