"""The table of a run: a row a file, the columns of the documents. And the intervals of accuracy."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from optkit.judge.figures import Figure, drop_figure, score_figure
from optkit.record.run import Run
from optkit.report.figures import time_text, times_text
from optkit.report.page.parts import Cell, Chart, Head, Missing, Section, Table, best_of, figure, text
from optkit.spec.metrics import MODES

_LEVEL = 0.025
"""The error rate of each end: 95 % in all."""
_PATIENCE = 1.5
"""Seconds for the intervals that take resampling; the other files get none, and the page says so."""

Figures = dict[str, Figure]


def table_section(run: Run, memory: Mapping[str, int]) -> Section:
    """Return the files with their figures: a reader sorts by any of them. `memory`: bytes of activations, if known."""
    metric = metric_of(run)
    order = sorted(run.variants, key=lambda name: (name != run.baseline, run.variants[name].kind != "keras"))
    columns = [*_sizes(run, order, metric), *_memory(order, memory), *_times(run, order)]
    rows = tuple((text(name), *(cells[place] for _, cells in columns)) for place, name in enumerate(order))
    heads = (Head("variant", number=False), *(head for head, _ in columns))
    return Section("table", "All files", (Table(f"Files of {run.suite}", heads, rows),))


def metric_of(run: Run) -> str:
    """Return the name of the metric that the run's files were measured by."""
    return next((facts.quality.scores.metric for facts in run.variants.values() if facts.quality), "accuracy")


def _sizes(run: Run, order: list[str], metric: str) -> Iterator[tuple[Head, list[Cell]]]:
    facts = [run.variants[name] for name in order]
    better = next((one.quality.scores.better for one in facts if one.quality), "higher")
    yield _column(Head(metric), [one.score for one in facts], ".4g", higher=better == "higher")
    about = f"how much worse than {run.baseline}, in the unit of {metric}"
    yield _column(Head("drop", about=about), [one.drop for one in facts], "+.4g")
    yield _column(Head("file bytes"), [one.artifact.file_bytes for one in facts], ",.0f")
    about = "of a ZIP (deflate) that holds the file"
    yield _column(Head("zip bytes", about=about), [one.artifact.zip_bytes for one in facts], ",.0f")
    about = f"zip bytes of {run.baseline} / these"
    yield _column(Head("ratio", about=about), [one.artifact.size_ratio for one in facts], ".2f", higher=True)


def _memory(order: list[str], memory: Mapping[str, int]) -> Iterator[tuple[Head, list[Cell]]]:
    if memory:
        about = "bytes that activations need for one sample, as LiteRT lays them out, without XNNPACK"
        yield _column(Head("activations", about=about), [memory.get(name) for name in order], ",.0f")


def _column(head: Head, values: Sequence[float | None], form: str, *, higher: bool = False) -> tuple[Head, list[Cell]]:
    best = best_of(values, higher=higher)
    cells = [figure(v, "" if v is None else format(v + 0.0, form), best=v is not None and v == best) for v in values]
    return head, cells


def _times(run: Run, order: list[str]) -> Iterator[tuple[Head, list[Cell]]]:
    over = run.float_file or run.baseline
    is_keras = run.baseline in run.variants and run.variants[run.baseline].kind == "keras"
    for mode in MODES:
        for threads in sorted({timing.threads for timing in run.benchmarks if timing.mode == mode}):
            timings = [run.timing(name, mode, threads) for name in order]
            seconds = [timing.seconds if timing else None for timing in timings]
            where = f"{mode}, {threads} thread{'s' if threads > 1 else ''}"
            best = best_of(seconds)
            yield (
                Head(where, about="median time of a call"),
                [figure(s, time_text(s) if s is not None else "", best=s is not None and s == best) for s in seconds],
            )
            overs = {"× float": over} if run.float_file else {} if is_keras else {f"× {over}": over}
            if is_keras and mode != "single_sample":
                overs["× predict()"] = run.baseline
            for head, other in overs.items():
                found = [run.speedup(timing, other) if timing else None for timing in timings]
                if any(one is not None for one in found):
                    about = f"{where}: time of {other} / this time"
                    yield Head(head, about=about), [figure(one, times_text(one)) for one in found]


def intervals(run: Run, missing: Missing) -> tuple[Figures, Figures]:
    """Return (drops, scores) by variant, with 95 % intervals; both empty when nothing was measured.

    Where an interval takes resampling and time runs out, the figure stands without one.
    """
    drops: Figures = {}
    scores: Figures = {}
    until = time.monotonic() + _PATIENCE
    for name, facts in run.variants.items():
        if facts.score is None:
            continue
        if time.monotonic() < until or facts.quality is None:
            drops[name], scores[name] = drop_figure(run, name, _LEVEL), score_figure(run, name, _LEVEL)
        else:
            drops[name], scores[name] = Figure(value=facts.drop or 0.0), Figure(value=facts.score)
            missing.add("Some intervals are left out, since they take long: optkit choose RUN.json gives them.")
    return drops, scores


def accuracy_parts(
    run: Run, drops: Mapping[str, Figure], scores: Mapping[str, Figure], name: str
) -> list[Table | Chart]:
    """Return a chart and a table of the metric and the drop, each with its interval."""
    metric = metric_of(run)
    heads = (
        Head("variant", number=False),
        Head(metric),
        Head("95 % interval", number=False),
        Head("drop"),
        Head("95 % interval", number=False),
        Head("from", number=False),
    )
    rows = tuple(
        (
            text(one),
            figure(scores[one].value, f"{scores[one].value:.4g}"),
            Cell(_interval(scores[one]), scores[one].low),
            figure(drops[one].value, f"{drops[one].value + 0.0:+.4g}"),
            Cell(_interval(drops[one]), drops[one].low),
            text(drops[one].data),
        )
        for one in scores
    )
    data = {
        "label": f"drop of {metric} from {run.baseline}, lower is better",
        "rows": [{"name": one, "value": f.value, "low": f.low, "high": f.high} for one, f in drops.items()],
    }
    about = f"The drop of {metric} of each file, with its 95 % interval. The table has the same figures."
    return [Chart(f"{name}-drop", "dots", data, about), Table(f"{metric} and drop", heads, rows)]


def _interval(found: Figure) -> str:
    if found.low is None or found.high is None:
        return "–"
    return f"{found.low:.4g} to {found.high:.4g}"
