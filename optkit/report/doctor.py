"""Text of a diagnosis: what was lost, the layers, the causes, the remedies, and the lines of a suite."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

from optkit.doctor.diagnosis import Diagnosis
from optkit.doctor.explanation import TITLES, Explanation
from optkit.doctor.layer_errors import LayerError
from optkit.doctor.remedies import Remedy
from optkit.doctor.sweep import Cost
from optkit.names import shown
from optkit.report.grid import rows_text
from optkit.report.terminal import prose_width


def diagnosis_text(found: Diagnosis) -> str:
    """Return a diagnosis as text for a terminal."""
    parts = [_head(found), _layers(found)]
    if found.costs:
        parts.append(_sweep(found))
    if found.explanations:
        parts.append("\n".join(["Why", *(line for one in found.explanations for line in _explanation(one))]))
    if found.remedies:
        parts.append(_remedies(found))
    if found.suite_lines:
        head = f"To keep {shown(found.best)}, add to your suite file:"
        if not found.recipe_known:
            head = f"To keep {shown(found.best)}, save this as a suite file, and build it with optkit build:"
        parts.append("\n".join([head, "", *(f"    {line}".rstrip() for line in found.suite_lines.splitlines())]))
    notes = [
        line
        for note in found.notes
        for line in textwrap.wrap(f"- {shown(note)}", prose_width(), subsequent_indent="  ")
    ]
    return "\n\n".join([*parts, *(["\n".join(notes)] if notes else [])])


def _head(found: Diagnosis) -> str:
    name = found.metric
    lost = "nothing is lost" if found.loss <= 0 else f"{_figure(found.loss)} lost"
    lines = [
        f"float      {shown(found.float_file)}",
        f"quantized  {shown(found.quantized_file)}",
        f"{name}: {_figure(found.plain.value)} in float, {_figure(found.quantized.value)} quantized, on "
        f"{found.test_samples:,} test samples: {lost}",
    ]
    return "\n".join(lines)


def _figure(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.1f}"


def _layers(found: Diagnosis) -> str:
    ranks = {cost.number: place for place, cost in enumerate(found.costs, 1)}
    heads = ("layer", "operator", "weights", "output", "SQNR dB", "cosine", "clipped", "used", "cost", "rank")
    rows = [(*_row(one), str(ranks.get(one.number, "-"))) for one in found.layers]
    lines = [
        f"Layers in the order of the graph, on {found.calibration_samples:,} training samples",
        "",
        rows_text(heads, rows, left=(1, 2, 3)),
        "",
        "SQNR: signal over difference. clipped: float values beyond the range. used: of the range. cost: squared",
        "error of the model's outputs over their power, with this layer alone quantized; - where it is not, or was",
        "not tried.",
    ]
    if found.layers_left:
        lines.append(f"{found.layers_left} layers were left for time; give a larger --budget to try them.")
    return "\n".join(lines)


def _row(one: LayerError) -> Sequence[str]:
    sqnr = "exact" if one.sqnr_db is None else f"{one.sqnr_db:.1f}" if math.isfinite(one.sqnr_db) else "-inf"
    return (
        shown(one.name),
        one.kind,
        one.weights or "-",
        one.output,
        sqnr,
        f"{one.cosine:.5f}",
        "-" if one.clipped is None else f"{one.clipped:.2%}",
        "-" if one.used is None else f"{one.used:.0%}",
        "-" if one.cost is None else f"{one.cost:.2g}",
    )


def _sweep(found: Diagnosis) -> str:
    heads = ("layer", "alone", "restored", "weights", "bias", "activation")
    rows = [_cost_row(cost) for cost in found.costs if cost.restored is not None][:10]
    head = f"One layer at a time, by cost: {found.metric} when only it is quantized, and when only it is restored"
    tail = f"weights, bias, activation: the cost of this part alone. On {found.sweep_samples:,} test samples."
    return "\n".join([*textwrap.wrap(head, prose_width()), "", rows_text(heads, rows), "", tail])


def _cost_row(cost: Cost) -> Sequence[str]:
    parts = (f"{cost.parts[part]:.2g}" if part in cost.parts else "-" for part in ("weights", "bias", "activation"))
    restored = "-" if cost.restored is None else _figure(cost.restored.value)
    return (shown(cost.name), _figure(cost.alone.value), restored, *parts)


def _explanation(one: Explanation) -> list[str]:
    where = shown(one.layer) or "the whole file"
    lines = textwrap.wrap(
        f"- {where}: {TITLES[one.cause]}. {shown(one.evidence)}.", prose_width(), subsequent_indent="  "
    )
    tried = "not tried"
    if one.tried:
        tried = "tried" if one.recovered is None else f"tried: gives back {one.recovered:.0%} of the loss"
    lines += textwrap.wrap(
        f"Remedy: {shown(one.remedy)} ({tried}).", prose_width(), initial_indent="  ", subsequent_indent="  "
    )
    return [*lines, *textwrap.wrap(f"Source: {one.source}", prose_width(), initial_indent="  ", subsequent_indent="  ")]


def _remedies(found: Diagnosis) -> str:
    heads = ("remedy", found.metric, "gives back", "file bytes")
    rows = [
        (f"{shown(one.name)}{' ◀' if one.name == found.best else ''}", *_remedy_row(one))
        for one in found.remedies
        if not one.reason
    ]
    lines = ["Remedies that were tried", "", *([rows_text(heads, rows)] if rows else [])]
    for one in found.remedies:
        if one.reason:
            lines += textwrap.wrap(
                f"{shown(one.name)} cannot be: {shown(one.reason)}", prose_width(), subsequent_indent="  "
            )
    if found.remedies_left:
        lines.append(f"{found.remedies_left} more were left for time; give a larger --budget to try them.")
    return "\n".join(lines)


def _remedy_row(one: Remedy) -> Sequence[str]:
    value = "-" if one.value is None else _figure(one.value)
    recovered = "-" if one.recovered is None else f"{one.recovered:.0%}"
    return (value, recovered, "-" if one.file_bytes is None else f"{one.file_bytes:,}")
