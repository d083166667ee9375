"""Text of two files: how they differ in what they compute, and why one takes longer."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from optkit.inspect.causes import percent_text
from optkit.inspect.differences import Difference, Differences
from optkit.inspect.inspection import Inspection
from optkit.inspect.reasons import Explanation, Reason
from optkit.names import shown
from optkit.report.figures import time_text
from optkit.report.grid import rows_text
from optkit.report.terminal import prose_width

_MOST = 40
_ORDER = ("subgraphs", "added", "removed", "kind", "wiring", "options", "shape", "type", "quantization", "values")
_FEW = 6
"""So many changes of types, scales or values are told one by one; more are counted by what they change."""


def pair_head(base: Inspection, head: Inspection) -> str:
    """Return both files' figures side by side."""
    figures = [
        ("file bytes", base.sizes.file_bytes, head.sizes.file_bytes),
        ("zip bytes", base.sizes.zip_bytes, head.sizes.zip_bytes),
        ("weights, bytes", base.sizes.weights, head.sizes.weights),
        ("operators", len(base.main.operators), len(head.main.operators)),
        ("parameters", base.parameters, head.parameters),
        ("multiply-adds", base.macs, head.macs),
        ("activations, bytes", base.activations.live_bytes, head.activations.live_bytes),
        ("parts of XNNPACK", len(base.running.parts or ()), len(head.running.parts or ())),
    ]
    rows = [
        (name, f"{before:,}", f"{after:,}", "" if before == after else _change(before, after))
        for name, before, after in figures
    ]
    table = rows_text(("", "first", "second", "change"), rows)
    return f"first: {shown(base.path)}\nsecond: {shown(head.path)}\n\n{table}"


def _change(before: int, after: int) -> str:
    return percent_text(after / before - 1) if before else f"+{after:,}"


def differences_text(differences: Differences) -> str:
    """Return what differs, what stands for itself first; one change in many places is told once."""
    if not differences.found:
        return "no difference in what they compute: operators, options, shapes, types, scales and values are the same"
    lines: list[str] = []
    for kind in _ORDER:
        some = [one for one in differences.roots() if one.kind == kind]
        crowd = kind in ("type", "quantization", "values") and len(some) > _FEW
        lines += _counted(kind, some) if crowd else [_line(one) for one in some]
    following = [one for one in differences.found if one.follows is not None]
    if following:
        who = dict.fromkeys(one.title for one in following)
        lines.append(f"follows from these: other shapes in {_names(list(who))}")
    hidden = len(lines) - _MOST
    told = [*lines[:_MOST], *([f"… and {hidden:,} more (--json has all)"] if hidden > 0 else [])]
    wrapped = [part for line in told for part in textwrap.wrap(f"- {line}", prose_width(), subsequent_indent="  ")]
    return "\n".join(["differences in what they compute:", *wrapped])


def _line(one: Difference) -> str:
    where = f"{one.title} (operator {one.base if one.head is None else one.head})" if one.title != "graph" else "graph"
    if one.kind in ("added", "removed"):
        return f"{one.kind}: {where}, {one.after or one.before}"
    what = f" {one.what}" if one.what else ""
    if one.kind == "values":
        return f"values: {where},{what} hold others"
    return f"{one.kind}: {where},{what} {one.before} -> {one.after}"


def _counted(kind: str, some: Sequence[Difference]) -> list[str]:
    """Return how many tensors change in the same way; of scales and values, how many operators it meets."""
    if kind != "type":
        return [f"{kind}: {len(some)} tensors of {len({one.head for one in some})} operators have others"]
    ways: dict[tuple[str, str], list[Difference]] = {}
    for one in some:
        ways.setdefault((one.before, one.after), []).append(one)
    return [
        f"type: {before} -> {after} in {len(ones)} tensors of {_names(list(dict.fromkeys(o.title for o in ones)))}"
        for (before, after), ones in ways.items()
    ]


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def explanation_text(found: Explanation) -> str:
    """Return why the second file takes longer than the first, or less long, the largest reason first."""
    told = f"{time_text(found.base_seconds)} in the first, {time_text(found.head_seconds)} in the second"
    if not found.decided:
        return _wrapped(
            f"time of a call: {told}. Their processes scatter by {time_text(found.noise)}, so the files cannot be told "
            "apart by time."
        )
    word = "more" if found.change > 0 else "less"
    lines = [f"time of a call: {told}: {time_text(abs(found.change))} {word}. Why, the largest first:"]
    parts = [_wrapped(lines[0])]
    for number, reason in enumerate(found.reasons, 1):
        parts.append(_reason_text(number, reason, word))
    if abs(found.left) > max(found.noise, 0.1 * abs(found.change)):
        parts.append(_wrapped(f"{time_text(abs(found.left))} of it has no reason that is larger than the scatter."))
    return "\n".join(parts)


def _reason_text(number: int, reason: Reason, word: str) -> str:
    share = f"{reason.share:.0%} of what it takes {word}" if reason.share > 0 else "it works the other way"
    head = (
        f"{number}. {reason.title}: {_seconds(reason.base_seconds)} in the first, {_seconds(reason.head_seconds)} in "
        f"the second: {share}"
    )
    lines = textwrap.wrap(head, prose_width(), subsequent_indent="   ")
    for cause in reason.causes:
        lines += textwrap.wrap(f"- {cause}", prose_width(), initial_indent="   ", subsequent_indent="     ")
    return "\n".join(lines)


def _seconds(seconds: float) -> str:
    return time_text(seconds) if seconds > 0 else "0"


def _wrapped(text: str) -> str:
    return "\n".join(textwrap.wrap(text, prose_width()))
