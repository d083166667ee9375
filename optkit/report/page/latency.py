"""How long calls take: the distribution of rounds, and what more threads and larger batches do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from optkit.record.run import Run
from optkit.record.timing import Timing
from optkit.report.page.parts import Cell, Chart, Head, Section, Table, figure, text
from optkit.report.text import time_text
from optkit.spec.metrics import MODES

_ENDS = (5, 25, 50, 75, 95)


def latency_section(run: Run, name: str) -> Section:
    """Return distributions and scaling; a line for what the run does not have."""
    parts: list[Chart | Table] = []
    missing = []
    if any(timing.rounds for timing in run.timings):
        parts += [_distributions(run, name), _quantiles(run)]
    else:
        missing.append("No distribution of times: the run holds medians only. Save one with --benchmark-save-data.")
    threads = sorted({timing.threads for timing in run.timings})
    if len(threads) > 1:
        parts.append(_by_threads(run, threads))
    else:
        missing.append(f"No scaling by threads: timed on {threads[0] if threads else 'none'} only.")
    if len({timing.mode for timing in run.timings}) > 1:
        parts.append(_by_batch(run))
    else:
        missing.append("No scaling by batch: timed in one mode only.")
    if run.sessions < 2:
        missing.append("Times are of one session: another one may differ by more than they scatter here.")
    return Section("latency", "Time", tuple(parts), tuple(missing))


def _where(mode: str, threads: int) -> str:
    return f"{mode}, {threads} thread{'s' if threads > 1 else ''}"


def _settings(run: Run) -> Iterator[tuple[str, int]]:
    found = {(timing.mode, timing.threads) for timing in run.benchmarks}
    yield from sorted(found, key=lambda one: (MODES.index(one[0]), one[1]))


def _rounds(run: Run, variant: str, mode: str, threads: int) -> list[float]:
    """Return the seconds of all rounds, of all sessions together."""
    own = (timing for timing in run.timings if timing.benchmark == (variant, mode, threads))
    return [seconds for timing in own for seconds in timing.rounds]


def _boxes(run: Run) -> Iterator[tuple[str, list[tuple[str, list[float], int]]]]:
    """Yield for each mode and thread count its files, with the percentiles of their rounds and how many there are."""
    for mode, threads in _settings(run):
        rows = []
        for variant in run.variants:
            rounds = _rounds(run, variant, mode, threads)
            if rounds:
                rows.append((variant, [float(p) for p in np.percentile(rounds, _ENDS)], len(rounds)))
        if rows:
            yield _where(mode, threads), rows


def _distributions(run: Run, name: str) -> Chart:
    groups = [
        {"label": where, "rows": [{"name": variant, "ends": ends} for variant, ends, _ in rows]}
        for where, rows in _boxes(run)
    ]
    about = (
        "Each file's rounds as a box: the middle half, the median, and the ends of the middle nine tenths. The table "
        "has the same figures."
    )
    return Chart(f"{name}-rounds", "boxes", {"groups": groups}, about)


def _quantiles(run: Run) -> Table:
    heads = ("benchmark", "variant", "rounds", "5 %", "25 %", "median", "75 %", "95 %")
    rows = tuple(
        (text(where), text(variant), figure(count, f"{count:,}"), *(figure(end, time_text(end)) for end in ends))
        for where, found in _boxes(run)
        for variant, ends, count in found
    )
    return Table("Rounds by percentile", tuple(Head(h, h not in heads[:2]) for h in heads), rows, folded=True)


def _by_threads(run: Run, threads: list[int]) -> Table:
    first = threads[0]
    heads = [
        Head("benchmark", number=False),
        Head("variant", number=False),
        Head(f"{first} thread{'s' if first > 1 else ''}"),
    ]
    for count in threads[1:]:
        heads += [Head(f"{count} threads"), Head(f"× {first}", about=f"time on {first} / time on {count}")]
    rows = []
    for mode in MODES:
        for variant in run.variants:
            one = run.timing(variant, mode, first)
            if not one:
                continue
            cells = [text(mode), text(variant), figure(one.seconds, time_text(one.seconds))]
            for count in threads[1:]:
                other = run.timing(variant, mode, count)
                ratio = one.seconds / other.seconds if other else None
                cells.append(figure(other.seconds if other else None, time_text(other.seconds) if other else ""))
                cells.append(figure(ratio, f"{ratio:.2f}" if ratio else ""))
            rows.append(tuple(cells))
    return Table("More threads", tuple(heads), tuple(rows))


def _by_batch(run: Run) -> Table:
    settings = list(_settings(run))
    heads = [Head("variant", number=False), *(Head(_where(*one), about="time of one sample") for one in settings)]
    rows = []
    for variant in run.variants:
        timings = [run.timing(variant, *one) for one in settings]
        rows.append((text(variant), *(_each(timing) for timing in timings)))
    return Table("Time of one sample, by how many are run at once", tuple(heads), tuple(rows))


def _each(timing: Timing | None) -> Cell:
    seconds = timing.seconds / timing.samples if timing else None
    return figure(seconds, time_text(seconds) if seconds else "")
