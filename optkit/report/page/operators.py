"""Where the time of a call goes, side by side: operators that belong together stand in one row."""

from __future__ import annotations

import time
from collections.abc import Mapping

from optkit.inspect.differences import Digests
from optkit.inspect.kept import KeptProfile
from optkit.inspect.matching import match_graphs
from optkit.record.run import Run
from optkit.report.page.inside import Inside
from optkit.report.page.parts import Cell, Chart, Head, Section, Table, figure, text
from optkit.report.text import time_text

_MOST_KINDS = 7
_FOLD = 400
_PATIENCE = 1.5
"""Seconds for finding out which operators belong together."""
_OUTSIDE = "outside of operators"

Rows = dict[str, dict[str, Cell]]
"""Cells by the label of a row, and by variant."""


def operators_section(
    run: Run, name: str, inside: Mapping[str, Inside], kept: Mapping[str, KeptProfile], reasons: Mapping[str, str]
) -> Section:
    """Return the time of each operator of the files with a kept profile; `reasons` say why others were not timed."""
    title = "Time per operator"
    timed = {variant: one for variant, one in kept.items() if variant in inside}
    missing = [f"{variant} was not timed: {reason}" for variant, reason in reasons.items()]
    rows = _rows(run, inside, timed) if timed else {}
    late = [variant for variant in timed if not any(variant in cells for cells in rows.values())]
    if late:
        missing.append(f"Left out, since laying operators side by side takes long: {', '.join(late)}.")
        timed = {variant: one for variant, one in timed.items() if variant not in late}
    if not timed:
        missing.append("No time per operator: give --profile, with files that are in the store. It times them here.")
        return Section("operators", title, (), tuple(missing))
    if left := [one for one in run.variants if one not in {*kept, *reasons} and run.variants[one].kind == "tflite"]:
        missing.append(f"Not timed: {', '.join(left)}. --profile times the files that are in the store.")
    off = [one for one, found in timed.items() if not found.profile.adds_up]
    if off:
        missing.append(f"The operators of {', '.join(off)} miss the whole call by more than 10 %.")
    missing += dict.fromkeys(f"{found.profile.note}" for found in timed.values() if found.profile.note)
    first = next(iter(timed.values()))
    missing.append(
        f"These times are no part of the run. They were measured on {first.processor} with ai-edge-litert "
        f"{first.litert}, {first.made[:10]}: one sample a call, one thread, {first.profile.processes} processes."
    )
    return Section("operators", title, (_chart(name, rows, timed), _table(rows, timed)), tuple(missing))


def _rows(run: Run, inside: Mapping[str, Inside], timed: Mapping[str, KeptProfile]) -> Rows:
    """Return a row for each operator of the first file, in its order, and behind them those that others have.

    After `_PATIENCE` the other files are left out.
    """
    until = time.monotonic() + _PATIENCE
    base = run.float_file if run.float_file and run.float_file in timed else next(iter(timed))
    graph, digests = inside[base].main, Digests(inside[base].model)
    rows: Rows = {f"{one.index} {one.title}": {} for one in graph.operators}
    labels = dict(enumerate(rows))
    for variant in sorted(timed, key=lambda one: one != base):
        if time.monotonic() > until and variant != base:
            break
        own = inside[variant].main
        back = match_graphs(graph, own, digests, Digests(inside[variant].model)).base_of()
        seen: dict[str, int] = {}
        for operator in own.operators:
            label = labels.get(back.get(operator.index, -1))
            if label is None:
                count = seen[operator.title] = seen.get(operator.title, 0) + 1
                label = f"{operator.title} ({count})" if count > 1 else operator.title
            rows.setdefault(label, {})[variant] = _cell(timed[variant], operator.index)
    return rows


def _cell(kept: KeptProfile, operator: int) -> Cell:
    found = kept.profile.of(operator)
    if found is None:
        return Cell("no time of its own")
    if found.operators[0] != operator:
        return Cell(f"with operator {found.operators[0]}")
    return figure(found.seconds, "< 1 µs" if found.guessed else time_text(found.seconds))


def _table(rows: Rows, timed: Mapping[str, KeptProfile]) -> Table:
    heads = [Head("operator", number=False), *(Head(one, about=_about(found)) for one, found in timed.items())]
    body = [(text(label), *(cells.get(one, Cell("–")) for one in timed)) for label, cells in rows.items()]
    profiles = [found.profile for found in timed.values()]
    body.append((text(_OUTSIDE), *(figure(one.outside, _signed(one.outside)) for one in profiles)))
    body.append((text("a whole call"), *(figure(one.whole, time_text(one.whole)) for one in profiles)))
    caption = "Operators, in the order of the first file"
    return Table(caption, tuple(heads), tuple(body), folded=len(rows) * len(timed) > _FOLD)


def _about(kept: KeptProfile) -> str:
    way = "LiteRT's profiler" if kept.profile.method == "profiler" else "pieces of the graph"
    return f"median of {kept.profile.processes} processes, by {way}"


def _signed(seconds: float) -> str:
    return time_text(seconds) if seconds >= 0 else f"−{time_text(-seconds)}"


def _chart(name: str, rows: Rows, timed: Mapping[str, KeptProfile]) -> Chart:
    """Return a bar a file, of its operators: those that take longest anywhere, and all else."""

    def most(label: str) -> float:
        return max((float(cell.sort) for cell in rows[label].values() if cell.sort is not None), default=0.0)

    longest = set(sorted(rows, key=most, reverse=True)[:_MOST_KINDS])
    kinds = [label for label in rows if label in longest]
    bars = []
    for variant, found in timed.items():
        parts = [float(rows[label].get(variant, Cell("")).sort or 0.0) for label in kinds]
        bars.append({"name": variant, "parts": [*parts, max(0.0, found.profile.whole - sum(parts))]})
    data = {"kinds": [*kinds, "all else"], "unit": "s", "label": "time of a call", "of": "call", "rows": bars}
    about = "A call of each file, by the operators that take longest. The table has the same figures."
    return Chart(f"{name}-operators", "bars", data, about)
