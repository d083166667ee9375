"""The summary of a run: what it was measured on, one line a file, the best within the gates, and how to read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from optkit.judge.gates import Verdict
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.record.timing import Timing
from optkit.report import terminal
from optkit.report.best import best_lines, gate_word
from optkit.report.figures import NOT_MEASURED, accuracy_text, metric_form, threads_text, time_text, times_text
from optkit.report.grid import MARK, Column, Grid, grid, natural_width
from optkit.report.notes import int16_notes, running_notes
from optkit.report.terminal import NO_BREAK, paragraph, wrapped
from optkit.spec.metrics import MODES

SHORT = {"single_sample": "sample", "single_batch": "batch", "full_set": "set"}
"""What a mode is called in the head of a column."""


def summary(run: Run, verdicts: Sequence[Verdict] = (), *, width: int | None = None) -> str:
    """Return the run as tables: the files, and for each thread count the times; the best of each column marked.

    With `verdicts`, each file has a word for its gates, and the best are looked for among those that pass. No line is
    wider than `width`, by default that of standard output.
    """
    columns = width or terminal.width()
    data = run.dataset
    about = f"{run.suite} on {data.name} ({data.train:,} train, {data.test:,} test, sha256 {data.digest[:12]})"
    grids = list(_tables(run, verdicts, columns))
    left_out = list(dict.fromkeys(head for _, one in grids for head in one.left_out))
    lines = wrapped(about, columns)
    for title, one in grids:
        lines += [*(["", title] if title else []), one.text]
    lines += ["", *best_lines(run, verdicts, columns), "", *_legend(run, columns, left_out)]
    return "\n".join(lines)


def order_of(run: Run) -> list[str]:
    """Return the variants as a reader wants them: the baseline, then Keras files, then the others as timed."""
    return sorted(run.variants, key=lambda name: (name != run.baseline, run.variants[name].kind != "keras"))


def metric_of(run: Run) -> str:
    """Return the name of the metric that was measured."""
    return next((facts.quality.scores.metric for facts in run.variants.values() if facts.quality), "accuracy")


def score_texts(run: Run, facts: VariantFacts) -> tuple[str, str]:
    """Return the score of a file and its drop, with its sign, in the digits that suit the run."""
    if not facts.quality:
        return accuracy_text(facts.accuracy), accuracy_text(_plus_zero(facts.accuracy_drop), "+.4f")
    form = metric_form(score for one in run.variants.values() if (score := one.score) is not None)
    return accuracy_text(facts.score, form), accuracy_text(_plus_zero(facts.drop), f"+{form}")


def _plus_zero(drop: float | None) -> float | None:
    return None if drop is None else drop + 0.0  # -0.0 is no gain


def _tables(run: Run, verdicts: Sequence[Verdict], width: int) -> Iterator[tuple[str, Grid]]:
    """Yield the title and the text of each table: one where everything fits, else files, and times by threads."""
    order = order_of(run)
    key = Column("variant", order, left=True)
    files, gates = file_columns(run, order), gate_columns(verdicts, order)
    threads = sorted({timing.threads for timing in run.timings})
    if len(threads) == 1:
        times = time_columns(run, order, threads[0])
        if natural_width([key, *files, *times, *gates]) <= width:
            yield "", grid(key, [*files, *times, *gates], width)
            return
    yield "", grid(key, [*files, *gates], width)
    for count in threads:
        timed = [name for name in order if any((t.variant, t.threads) == (name, count) for t in run.benchmarks)]
        yield threads_text(count), grid(Column("variant", timed, left=True), time_columns(run, timed, count), width)


def file_columns(run: Run, order: Sequence[str]) -> list[Column]:
    """Return the columns of the files: metric, drop, sizes and the ratio."""
    all_facts = [run.variants[name] for name in order]
    scores = [score_texts(run, facts) for facts in all_facts]
    smallest = min(facts.artifact.zip_bytes for facts in run.variants.values())
    zips = [f"{f.artifact.zip_bytes:,}{MARK if f.artifact.zip_bytes == smallest else ' '}" for f in all_facts]
    return [
        Column(metric_of(run), [score for score, _ in scores], fold=True),
        Column("drop", [drop for _, drop in scores], fold=True),
        Column("file bytes", [f"{facts.artifact.file_bytes:,}" for facts in all_facts], fold=True, optional=True),
        Column("zip bytes", zips, fold=True),
        Column("ratio", [f"{facts.artifact.size_ratio:.2f}" for facts in all_facts], fold=True),
    ]


def gate_columns(verdicts: Sequence[Verdict], order: Sequence[str]) -> list[Column]:
    """Return the column of what the gates say of each file; none where nothing was judged."""
    if not verdicts:
        return []
    return [Column("gates", [gate_word(verdicts, name) or "-" for name in order], left=True, fold=True)]


def time_columns(run: Run, order: Sequence[str], threads: int) -> list[Column]:
    """Return of each mode the time, and how many times as fast it is as what."""
    columns: list[Column] = []
    for mode in MODES:
        if not any((one.mode, one.threads) == (mode, threads) for one in run.benchmarks):
            continue
        timings = [run.timing(name, mode, threads) for name in order]
        best = min(one.seconds for one in run.benchmarks if (one.mode, one.threads) == (mode, threads))
        columns.append(Column(SHORT[mode], [_time_cell(one, best) for one in timings]))
        for head, over in overs(run, mode).items():
            cells = [times_text(run.speedup(one, over)) if one else "-" for one in timings]
            columns.append(Column(head, cells, joined=True, optional=head == "× predict()"))
    return columns


def _time_cell(timing: Timing | None, best: float) -> str:
    if timing is None:
        return "- "
    return f"{time_text(timing.seconds)}{MARK if timing.seconds == best else ' '}"


def overs(run: Run, mode: str) -> Mapping[str, str]:
    """Return what the speed-ups in `mode` are over: the head of each column, and the variant.

    Over Keras' `predict()` there is none of a single sample: it would say what a call of `predict()` costs.
    """
    is_keras = run.variants[run.baseline].kind == "keras" if run.baseline in run.variants else False
    found = {"× float": run.float_file} if run.float_file else {} if is_keras else {f"× {run.baseline}": run.baseline}
    if is_keras and mode != "single_sample" and any(t.benchmark[:2] == (run.baseline, mode) for t in run.benchmarks):
        found["× predict()"] = run.baseline
    return found


def _legend(run: Run, width: int, left_out: Sequence[str]) -> Iterator[str]:
    for line in [*_meanings(run, left_out), *_left_out(left_out)]:
        yield from paragraph(line, width)
    tried = [timing for timing in run.benchmarks if timing.trial]
    if tried:
        told = "Full set, as chosen by a short trial (seconds of each way tried are in the saved JSON):"
        yield from paragraph(told, width)
        for way in dict.fromkeys(timing.strategy for timing in tried):
            names = [f"{t.variant}{NO_BREAK}({t.threads})" for t in tried if t.strategy == way]
            yield from paragraph(f"  {way}: {', '.join(names)}", width, indent="    ")
    for note in [*running_notes(run), *int16_notes(run)]:
        yield from paragraph(note, width)


def _meanings(run: Run, left_out: Sequence[str]) -> Iterator[str]:
    yield f"{MARK} smallest zip; fastest of its mode and threads. Ratio: zip bytes of {run.baseline} / this zip."
    if drop := _drop_meaning(run):
        yield drop
    if run.timings:
        batch = next((t.batch for t in run.timings if t.mode == "single_batch"), None)
        of_sessions = f" of {run.sessions} sessions' medians" if run.sessions > 1 else ""
        modes = {timing.mode for timing in run.timings}
        told = [f"; a batch is {batch} samples" if batch else "", "; set is the whole test set"]
        yield f"Times are medians{of_sessions}{told[0]}{told[1] if 'full_set' in modes else ''}."
    heads = {head: over for timing in run.benchmarks for head, over in overs(run, timing.mode).items()}
    for head, over in heads.items():
        if head in left_out:
            continue
        how = " under Keras' predict()" if head == "× predict()" else ""
        yield f"{head}: time of {over}{how} / this time."


def _drop_meaning(run: Run) -> str:
    """Say what a drop is, and in which unit; nothing when none was measured."""
    quality = next((facts.quality for facts in run.variants.values() if facts.quality), None)
    if quality is None and all(facts.accuracy is None for facts in run.variants.values()):
        return f"Accuracy was {NOT_MEASURED}: the data have no labels."
    if quality is None:
        return f"Drop: accuracy of {run.baseline} - this accuracy, as a fraction of the samples; above 0 is worse."
    scores = quality.scores
    first, second = f"{scores.metric} of {run.baseline}", f"this {scores.metric}"
    if scores.better == "lower":
        first, second = second, first
    unit = f" (unit: {scores.unit})" if scores.unit else ""
    return f"Drop: {first} - {second}{unit}; above 0 is worse."


def _left_out(heads: Sequence[str]) -> Iterator[str]:
    if heads:
        yield f"Left out, for want of room: {', '.join(heads)}. A wider terminal shows it, and so does the saved run."
