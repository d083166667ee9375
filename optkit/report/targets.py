"""Which files fit which targets: a row for each, with the figures, and the first thing that does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optkit.judge.fits import Fit
from optkit.judge.gates import Verdict
from optkit.measure.targets import TargetFacts
from optkit.names import shown
from optkit.record.run import Run
from optkit.report import terminal
from optkit.report.grid import Column, grid
from optkit.report.terminal import paragraph
from optkit.spec import Suite
from optkit.spec.metrics import METRICS
from optkit.spec.target import Target

_ROOM = "room: what is left of the tightest limit, as a share of it. (yes), (no): the target need not hold this file."


def targets_text(suite: Suite, run: Run, found: Sequence[Fit], width: int | None = None) -> str:
    """Return a table for each target of the suite: its figures, whether each file fits, and how to read them."""
    columns = width or terminal.width()
    lines: list[str] = []
    for target in suite.targets:
        rows = [one for one in found if one.target == target.name]
        if rows:
            lines += [*([""] if lines else []), *_one(target, rows, run, columns)]
    return "\n".join([*lines, "", *paragraph(_ROOM, columns)] if lines else [])


def _one(target: Target, rows: Sequence[Fit], run: Run, width: int) -> list[str]:
    known = {one.variant: run.variants[one.variant].targets.get(target.name) for one in rows}
    metrics = list(dict.fromkeys(verdict.gate.metric for one in rows for verdict in one.verdicts))
    cells = [Column(_head(metric), [_cell(one, metric) for one in rows], fold=False) for metric in metrics]
    cells += [
        Column("fits", [_word(one) for one in rows], left=True),
        Column("room", [_room(one) for one in rows]),
        Column("", [_first(one) for one in rows], words=True),
    ]
    table = grid(Column("variant", [one.variant for one in rows], left=True), cells, width, stack=True).text
    head = paragraph(f"target {target.name}: {about(target, list(known.values()))}", width)
    return [*head, table, *_notes(known.values(), width)]


def about(target: Target, known: Sequence[TargetFacts | None]) -> str:
    """Return what a target is: its runtime or compiler with version and settings, and its limits."""
    there = next((one for one in known if one), None)
    version = f" {shown(there.version)}" if there and there.version else ""
    settings = ", ".join(f"{key} {value}" for key, value in there.settings.items()) if there else ""
    return f"{target.of}{version}{f', {shown(settings)}' if settings else ''}; {limits_text(target)}"


def limits_text(target: Target) -> str:
    """Return the limits of a target, such as `arena bytes <= 65,536`."""
    signs = {"max": "<=", "min": ">="}
    return ", ".join(f"{_head(one.quantity)} {signs[one.kind]} {one.value:,.10g}" for one in target.limits)


def _head(metric: str) -> str:
    return metric.replace("_", " ")


def _cell(one: Fit, metric: str) -> str:
    values = [verdict.value for verdict in one.verdicts if verdict.gate.metric == metric and verdict.value is not None]
    return value_text(metric, max(values)) if values else "-"


def value_text(metric: str, value: float) -> str:
    """Return a figure in the digits that suit its unit."""
    if METRICS[metric].unit in ("bytes", "count"):
        return f"{value:,.0f}"
    if METRICS[metric].unit == "seconds":
        return f"{value * 1e6:,.1f} µs"
    return f"{value:.4f}"


def _word(one: Fit) -> str:
    if not one.verdicts:
        return "-"
    word = {"pass": "yes", "fail": "no"}.get(one.status, one.status)
    return word if one.held else f"({word})"


def _room(one: Fit) -> str:
    return "-" if one.room is None else f"{100 * one.room:+.1f} %"


def _first(one: Fit) -> str:
    return "" if one.first is None else reason_text(one.first)


def reason_text(verdict: Verdict) -> str:
    """Return why a limit does not hold, without the place of the file."""
    if verdict.reason:
        return shown(verdict.reason.split(".tflite: ")[-1])
    value = value_text(verdict.gate.metric, verdict.value or 0.0)
    return f"{_head(verdict.gate.metric)} is {value}, must be {verdict.gate.bound_text}"


def _notes(known: Iterable[TargetFacts | None], width: int) -> list[str]:
    """Return the notes of the figures, each once, and what brackets mean."""
    found = dict.fromkeys(note for one in known if one for note in one.notes)
    return [line for note in found for line in paragraph(shown(note), width)]
