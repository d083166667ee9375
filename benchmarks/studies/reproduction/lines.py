"""Each figure of a document beside ours: the value found in a run and its ratio, or why there is none.

Law: a figure that a run lacks is a reason, never a number. What is absent without the document's file saying why is
`missing`, so that a renamed variant or a run not made cannot pass in silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.studies.reproduction.documents import Document, Row, Table, said
from benchmarks.studies.reproduction.figures import FIGURES, Place
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.timing import Timing


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a run gave for a figure: a value, or the reason for none; `missing` when it should have been there."""

    value: float | None = None
    place: Place | None = None
    reason: str = ""
    missing: bool = False


@dataclass(frozen=True, kw_only=True)
class Line:
    """One figure of one row. `published` is None in a row without figures.

    `ours` is None when it was not measured, and `reason` then says why; `run` is the name of the run it was read from,
    `threads` those of a time.
    """

    document: str
    table: str
    row: str
    figure: str = ""
    published: float | None = None
    ours: float | None = None
    ratio: float | None = None
    run: str = ""
    threads: int | None = None
    reason: str = ""
    missing: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What tells this line from all others."""
        return f"{self.document}: {self.table}: {self.row}: {self.figure}"


def lines_of(document: Document, table: Table, runs: Mapping[str, Run]) -> Iterator[Line]:
    """Yield a line for each figure of each row of `table`, and one for a row that has none."""
    for row in table.rows:
        for name in row.figures:
            yield _line(document, table, row, name, runs)
        if not row.figures:
            yield Line(
                document=document.name,
                table=table.title,
                row=row.name,
                reason=said(row.why_not, ""),
                notes=(said(row.note, ""),),
            )


def _line(document: Document, table: Table, row: Row, name: str, runs: Mapping[str, Run]) -> Line:
    published, found = row.figures[name], find(table, row, name, runs)
    timing = found.place.timing if found.place and FIGURES[name].timed else None
    return Line(
        document=document.name,
        table=table.title,
        row=row.name,
        figure=name,
        published=published,
        ours=found.value,
        ratio=found.value / published if found.value is not None and published else None,
        run=row.run if found.value is not None else "",
        threads=timing.threads if timing and found.value is not None else None,
        reason=found.reason,
        missing=found.missing,
        notes=tuple(filter(None, (said(row.note, name), _speedups(table, row, name, found)))),
    )


def find(table: Table, row: Row, name: str, runs: Mapping[str, Run]) -> Found:
    """Look the figure `name` of `row` up in `runs`."""
    figure = FIGURES[name]
    if figure.read is None or said(row.why_not, name):
        return Found(reason=said(row.why_not, name))
    place = _place(table, row, figure.timed, figure.relative, runs)
    if isinstance(place, str):
        return Found(reason=place, missing=True)
    value = figure.read(place)
    if value is None or not math.isfinite(value):
        known = said(row.if_absent, name)
        return Found(reason=known or f"run {row.run!r} has no such figure of {row.variant!r}", missing=not known)
    return Found(value=value, place=place)


def _place(table: Table, row: Row, timed: bool, relative: bool, runs: Mapping[str, Run]) -> Place | str:
    """Return where a figure of `row` is read, or what the runs lack."""
    run = runs.get(row.run)
    if run is None:
        return f"there is no saved run {row.run!r}"
    other = next((other for other in table.rows if other.name == row.against), None)
    wanted = [row.variant, *([other.variant] if other and relative else [])]
    facts: dict[str, VariantFacts] = {}
    for variant in wanted:
        if variant not in run.variants:
            return f"run {row.run!r} has no variant {variant!r}"
        facts[variant] = run.variants[variant]
    timing, against_timing = _timing(row, run), _timing(other, run) if other else None
    for timed_row, found in ((row, timing), (other, against_timing) if relative else (None, None)):
        if timed and timed_row and found is None:
            place = f"{timed_row.mode}, threads {timed_row.threads}"
            return f"run {row.run!r} has no time of {timed_row.variant!r} ({place})"
    return Place(
        run=run,
        facts=facts[row.variant],
        timing=timing,
        against=facts.get(other.variant) if other else None,
        against_timing=against_timing,
    )


def _timing(row: Row, run: Run) -> Timing | None:
    most = max((timing.threads for timing in run.timings), default=0)
    threads = most if isinstance(row.threads, str) else row.threads
    return run.timing(row.variant, row.mode, threads)


def _speedups(table: Table, row: Row, name: str, found: Found) -> str:
    """Return the speed-up over the row that this one is against, theirs and ours: beside an absolute time."""
    if not FIGURES[name].absolute or {"speedup", "loop_speedup"} & set(row.figures):
        return ""
    if not found.place or not found.place.timing or not found.place.against_timing:
        return ""
    theirs = next(other for other in table.rows if other.name == row.against).figures.get(name)
    ours = found.place.against_timing.seconds / found.place.timing.seconds
    return f"speed-up over {row.against}: {theirs / row.figures[name]:.2f} there, {ours:.2f} ours" if theirs else ""
