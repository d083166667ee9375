"""Tables for a terminal or a log: the summary of a run, lists of suites and variants, verdicts."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from optkit.build.artifact import Artifact
from optkit.judge.advise import Advice
from optkit.judge.gates import Verdict
from optkit.names import shown as safe
from optkit.record.run import Run
from optkit.record.timing import Timing
from optkit.report.notes import int16_notes
from optkit.runtime.predict import Prediction
from optkit.spec import OwnModel, Suite, Variant
from optkit.spec.metrics import MODES

_WIDTH = 400  # wide enough never to wrap: a log keeps whole lines, a terminal scrolls
_WRAP = 100
_MARK = "◀"
_OPEN = ("inconclusive", "not comparable")
_SHORT = {"single_sample": "sample", "single_batch": "batch", "full_set": "set"}


def render(table: Table) -> str:
    """Return `table` as plain text with aligned columns."""
    out = io.StringIO()
    Console(file=out, width=_WIDTH, no_color=True, highlight=False, markup=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _table(*columns: str, left: int = 1, title: str | None = None, gap: int = 2) -> Table:
    table = Table(title=title, box=None, pad_edge=False, padding=(0, gap, 0, 0), title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", no_wrap=True)
    return table


def _folded(table: Table, **widths: int) -> Table:
    """Let the columns of these heads break their text into lines of so many characters."""
    for column in table.columns:
        if width := widths.get(str(column.header)):
            column.no_wrap, column.max_width, column.overflow = False, width, "fold"
    return table


plain_table = _table
"""A table without borders: the first `left` columns aligned to the left, the others to the right."""


def summary(run: Run) -> str:
    """Return the run as tables: the files, and for each thread count the times; the best of each column marked."""
    data = run.dataset
    about = f"{data.name} ({data.train:,} train, {data.test:,} test, sha256 {data.digest[:12]})"
    # the baseline first, then Keras files, whatever order they were timed in
    order = sorted(run.variants, key=lambda name: (name != run.baseline, run.variants[name].kind != "keras"))
    lines = [f"{run.suite} on {about}", _files(run, order)]
    for threads in sorted({timing.threads for timing in run.timings}):
        lines += ["", f"{threads} thread{'s' if threads > 1 else ''}", _times(run, order, threads)]
    return "\n".join([*lines, "", _legend(run)])


def _files(run: Run, order: Sequence[str]) -> str:
    metric = next((facts.quality.scores.metric for facts in run.variants.values() if facts.quality), "accuracy")
    table = _table("variant", metric, "drop", "file bytes", "zip bytes", "ratio")
    smallest = min(facts.artifact.zip_bytes for facts in run.variants.values())
    for name in order:
        facts = run.variants[name]
        size = facts.artifact
        mark = _MARK if size.zip_bytes == smallest else " "
        figures = (
            (accuracy_text(facts.score, ".4g"), accuracy_text(None if facts.drop is None else facts.drop + 0.0, "+.3g"))
            if facts.quality
            else (accuracy_text(facts.accuracy), accuracy_text(facts.accuracy_drop, "+.4f"))
        )
        table.add_row(name, *figures, f"{size.file_bytes:,}", f"{size.zip_bytes:,}{mark}", f"{size.size_ratio:.2f}")
    return render(table)


def _times(run: Run, order: Sequence[str], threads: int) -> str:
    """Return a row a variant: of each mode the time, and how many times as fast it is as what."""
    modes = [mode for mode in MODES if any((one.mode, one.threads) == (mode, threads) for one in run.benchmarks)]
    overs = {mode: _overs(run, mode) for mode in modes}
    heads = [head for mode in modes for head in (_SHORT[mode], *overs[mode])]
    table = _table("variant", *heads, gap=1)  # with three modes it fits 100 columns
    for name in order:
        cells = []
        for mode in modes:
            timing = run.timing(name, mode, threads)
            cells += _time_cells(run, timing, overs[mode]) if timing else ["-"] * (1 + len(overs[mode]))
        if any(cell != "-" for cell in cells):
            table.add_row(name, *cells)
    return render(table)


def accuracy_text(value: float | None, form: str = ".4f") -> str:
    """Return an accuracy or a drop as a fraction; one that was not measured as such."""
    return "not measured" if value is None else format(value, form)


def _overs(run: Run, mode: str) -> dict[str, str]:
    """Return what the speed-ups in `mode` are over: the head of each column, and the variant.

    Over Keras' `predict()` there is none of a single sample: it would say what a call of `predict()` costs.
    """
    is_keras = run.variants[run.baseline].kind == "keras" if run.baseline in run.variants else False
    found = {"× float": run.float_file} if run.float_file else {} if is_keras else {f"× {run.baseline}": run.baseline}
    if is_keras and mode != "single_sample" and any(t.benchmark[:2] == (run.baseline, mode) for t in run.benchmarks):
        found["× predict()"] = run.baseline
    return found


def _time_cells(run: Run, timing: Timing, overs: Mapping[str, str]) -> list[str]:
    best = min(t.seconds for t in run.benchmarks if (t.mode, t.threads) == (timing.mode, timing.threads))
    mark = _MARK if timing.seconds == best else " "
    return [f"{time_text(timing.seconds)}{mark}", *(times_text(run.speedup(timing, over)) for over in overs.values())]


def time_text(seconds: float) -> str:
    """Return a time with three digits, in the unit that reads best: s, ms or µs."""
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 0.9995:
            return f"{_three(seconds * factor)} {unit}"
    return f"{_three(seconds * 1e6)} µs"


def times_text(times: float | None) -> str:
    """Return how many times as fast, with two decimals or three digits; `-` when it is not known."""
    if times is None:
        return "-"
    return f"{times:,.0f}" if times >= 100 else f"{times:.2f}" if times >= 0.1 else f"{times:.2g}"


def _three(value: float) -> str:
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def _legend(run: Run) -> str:
    batch = next((t.batch for t in run.timings if t.mode == "single_batch"), None)
    of_sessions = f" of {run.sessions} sessions' medians" if run.sessions > 1 else ""
    lines = [
        f"{_MARK} fastest of its mode and threads; smallest zip. Ratio: zip bytes of {run.baseline} / this zip.",
        f"Times are medians{of_sessions}{f'; a batch is {batch} samples' if batch else ''}; set is the whole test set.",
    ]
    heads = {head: over for timing in run.benchmarks for head, over in _overs(run, timing.mode).items()}
    for head, over in heads.items():
        how = " under Keras' predict()" if head == "× predict()" else ""
        lines.append(f"{head}: time of {over}{how} / this time.")
    tried = [t for t in run.benchmarks if t.trial]
    if tried:
        lines.append("Full set, as chosen by a short trial (seconds of each way tried are in the saved JSON):")
        for way in dict.fromkeys(t.strategy for t in tried):
            names = [f"{t.variant} ({t.threads})" for t in tried if t.strategy == way]
            lines += textwrap.wrap(f"  {way}: {', '.join(names)}", _WRAP, subsequent_indent="    ")
    return "\n".join([*lines, *int16_notes(run)])


def suites_table(suites: Iterable[Suite]) -> str:
    """Return the suites with their data set, number of variants and description."""
    table = _folded(_table("suite", "profiles", "data", "variants", "description", left=5), profiles=22, description=34)
    for suite in suites:
        data, variants = suite.workload.dataset.name, str(len(suite.variants))
        table.add_row(suite.name, ", ".join(suite.profiles) or "-", data, variants, suite.description)
    return render(table)


def variants_table(suite: Suite) -> str:
    """Return the variants of `suite` with their steps, conversion and gates."""
    table = _folded(_table("variant", "steps", "conversion", "gates", left=4), steps=24, gates=32)
    for variant in suite.variants:
        gates = "\n".join(f"{gate.metric} {gate.bound_text}{gate.condition}" for gate in suite.gates_of(variant))
        table.add_row(variant.name, steps_text(variant), variant.conversion.mode if variant.conversion else "-", gates)
    head = textwrap.fill(f"{suite.title}: {suite.description}".rstrip(": "), _WRAP)
    return f"{head}\n\n{render(table)}"


def steps_text(variant: Variant) -> str:
    """Return the chain of a variant before its conversion, such as `train mnist_conv → prune`."""
    own = isinstance(variant.network, OwnModel)
    first = "read" if own else "train" if variant.training.epochs else "initialize"
    return " → ".join([f"{first} {variant.network.name}", *(step.technique for step in variant.steps)])


def artifacts_table(artifacts: Iterable[Artifact]) -> str:
    """Return built artifacts: sizes, the first digits of their sha256, paths, and once what their stages had to say.

    A path stands in a line of its own: most are longer than a line of the terminal, and are copied.
    """
    artifacts = list(artifacts)
    notes: dict[str, list[str]] = {}
    table = _table("variant", "file bytes", "zip bytes", "sha256")
    for artifact in artifacts:
        sizes = (f"{artifact.file_bytes:,}", f"{artifact.zip_bytes:,}")
        table.add_row(artifact.variant, *sizes, artifact.sha256[:12])
        for note in artifact.notes:
            notes.setdefault(note, []).append(artifact.variant)
    lines = [
        f"{first}{f' and {len(others)} more' if others else ''}: {note}" for note, (first, *others) in notes.items()
    ]
    paths = [f"{artifact.variant}: {safe(artifact.path)}" for artifact in artifacts]
    return "\n".join([render(table), *paths, "", *lines] if lines else [render(table), *paths])


def verdicts_text(verdicts: Sequence[Verdict], *, passed: bool = False, notes: Sequence[str] = ()) -> str:
    """Return the verdicts that did not pass (all, with `passed`), one a line, a count, and `notes`."""
    shown: Callable[[Verdict], bool] = lambda verdict: passed or verdict.status != "pass"  # noqa: E731
    counts = [
        f"{sum(v.status == status for v in verdicts)} {name}"
        for status, name in (("pass", "passed"), ("fail", "failed"), *((word, word) for word in _OPEN))
    ]
    return "\n".join([*(str(v) for v in verdicts if shown(v)), f"gates: {', '.join(counts)}", *notes])


def predictions_text(predictions: Iterable[Prediction]) -> str:
    """Return the best classes of each image, with scores and, where they are known, labels and probabilities."""
    table = _table("image", "class", "score", "probability", left=2)
    for prediction in predictions:
        for place, guess in enumerate(prediction.top):
            table.add_row(
                safe(prediction.image) if place == 0 else "",
                f"{guess.index} {guess.label or ''}".rstrip(),
                f"{guess.score:.4f}",
                "-" if guess.probability is None else f"{guess.probability:.4f}",
            )
    return render(table)


def advice_text(advice: Advice) -> str:
    """Return an advice as lines: the recipe, why, the command, what to try next, the variant as TOML."""
    lines = [f"{advice.title}: {advice.why}."]
    if advice.command:
        lines += ["", f"    {advice.command}"]
    if advice.otherwise:
        lines += ["", *(f"- {tip}" for tip in advice.otherwise)]
    if advice.table:
        lines += ["", "As a variant of your own suite:", "", *(f"    {line}" for line in advice.table.split("\n"))]
    return "\n".join(lines)
