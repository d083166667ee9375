"""Tables for a terminal or a log: the summary of a run, lists of suites and variants, verdicts."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.table import Table

from optkit.advise import Advice
from optkit.build import Artifact
from optkit.gates import Verdict
from optkit.metrics import MODES
from optkit.predict import Prediction
from optkit.record import Run
from optkit.report.notes import int16_notes
from optkit.spec import Suite, Variant
from optkit.timing import Timing

_WIDTH = 400  # wide enough never to wrap: a log keeps whole lines, a terminal scrolls
_MARK = "◀"
_OPEN = ("inconclusive", "not comparable")
_UNITS = {
    "single_sample": ("sample", "ms", 1e3),
    "single_batch": ("batch", "ms", 1e3),
    "full_set": ("set", "s", 1.0),
}


def render(table: Table) -> str:
    """Return `table` as plain text with aligned columns."""
    out = io.StringIO()
    Console(file=out, width=_WIDTH, no_color=True, highlight=False, markup=False, emoji=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _table(*columns: str, left: int = 1, title: str | None = None) -> Table:
    table = Table(title=title, box=None, pad_edge=False, padding=(0, 2, 0, 0), title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i < left else "right", no_wrap=True)
    return table


plain_table = _table
"""A table without borders: the first `left` columns aligned to the left, the others to the right."""


def summary(run: Run) -> str:
    """Return the run as one table: a row per variant and thread count, the best of each column marked."""
    modes = [mode for mode in MODES if any(timing.mode == mode for timing in run.timings)]
    heads = ["variant", "threads", "accuracy", "drop"]
    for mode in modes:
        name, unit, _ = _UNITS[mode]
        heads += [f"{name} {unit}", "speed-up"]
    data = run.dataset
    table = _table(
        *heads,
        "file bytes",
        "zip bytes",
        "ratio",
        title=f"{run.suite} on {data.name} ({data.train:,} train, {data.test:,} test, sha256 {data.digest[:12]})",
    )
    # the baseline first, then Keras files, whatever order they were timed in
    order = sorted(run.variants, key=lambda name: (name != run.baseline, run.variants[name].kind != "keras"))
    for threads in sorted({timing.threads for timing in run.timings}):
        for variant in order:
            if any((timing.variant, timing.threads) == (variant, threads) for timing in run.timings):
                table.add_row(*_row(run, variant, threads, modes))
        table.add_section()
    return f"{render(table)}\n{_legend(run)}"


def _row(run: Run, variant: str, threads: int, modes: Sequence[str]) -> list[str]:
    facts = run.variants[variant]
    smallest = min(run.variants.values(), key=lambda v: v.artifact.zip_bytes).artifact.zip_bytes
    cells = [variant, str(threads), accuracy_text(facts.accuracy), accuracy_text(facts.accuracy_drop, "+.4f")]
    for mode in modes:
        timing = run.timing(variant, mode, threads)
        cells += _time_cells(run, timing) if timing else ["-", "-"]
    size = facts.artifact
    mark = _MARK if size.zip_bytes == smallest else " "
    return [*cells, f"{size.file_bytes:,}", f"{size.zip_bytes:,}{mark}", f"{size.size_ratio:.2f}"]


def accuracy_text(value: float | None, form: str = ".4f") -> str:
    """Return an accuracy or a drop as a fraction; one that was not measured as such."""
    return "not measured" if value is None else format(value, form)


def _time_cells(run: Run, timing: Timing) -> list[str]:
    best = min(t.seconds for t in run.benchmarks if (t.mode, t.threads) == (timing.mode, timing.threads))
    mark = _MARK if timing.seconds == best else " "
    speedup = run.speedup(timing)
    seconds = timing.seconds * _UNITS[timing.mode][2]
    return [f"{seconds:.4g}{mark}", "-" if speedup is None else f"{speedup:,.{0 if speedup >= 100 else 2}f}"]


def _legend(run: Run) -> str:
    batch = next((t.batch for t in run.timings if t.mode == "single_batch"), None)
    lines = [
        f"{_MARK} fastest of its mode and threads; smallest zip. Times are medians"
        + (f" of {run.sessions} sessions' medians" if run.sessions > 1 else "")
        + (f"; a batch is {batch} samples" if batch else "")
        + "; set is the whole test set. "
        + f"Speed-up: time of {run.baseline} / this time. Ratio: zip bytes of {run.baseline} / this zip."
    ]
    tried = [t for t in run.benchmarks if t.trial]
    if tried:
        lines.append("Full set, as chosen by a short trial (seconds of each way tried are in the saved JSON):")
        for way in dict.fromkeys(t.strategy for t in tried):
            names = [f"{t.variant} ({t.threads})" for t in tried if t.strategy == way]
            lines.append(f"  {way}: {', '.join(names)}")
    return "\n".join([*lines, *int16_notes(run)])


def suites_table(suites: Iterable[Suite]) -> str:
    """Return the suites with their data set, number of variants and description."""
    table = _table("suite", "profiles", "data", "variants", "description", left=5)
    for suite in suites:
        data, variants = suite.workload.dataset.name, str(len(suite.variants))
        table.add_row(suite.name, ", ".join(suite.profiles) or "-", data, variants, suite.description)
    return render(table)


def variants_table(suite: Suite) -> str:
    """Return the variants of `suite` with their steps, conversion and gates."""
    table = _table("variant", "steps", "conversion", "gates", left=4)
    for variant in suite.variants:
        gates = ", ".join(f"{gate.metric} {gate.bound_text}{gate.condition}" for gate in suite.gates_of(variant))
        table.add_row(variant.name, steps_text(variant), variant.conversion.mode if variant.conversion else "-", gates)
    return f"{suite.title}: {suite.description}\n\n{render(table)}"


def steps_text(variant: Variant) -> str:
    """Return the chain of a variant before its conversion, such as `train mnist_conv → prune`."""
    first = "train" if variant.training.epochs else "initialize"
    return " → ".join([f"{first} {variant.network.name}", *(step.technique for step in variant.steps)])


def artifacts_table(artifacts: Iterable[Artifact]) -> str:
    """Return built artifacts with path, sha256 and sizes, and what their stages had to say, each thing once."""
    notes: dict[str, list[str]] = {}
    table = _table("variant", "file bytes", "zip bytes", "sha256", "path")
    table.columns[-1].justify = table.columns[-2].justify = "left"
    for artifact in artifacts:
        sizes = (f"{artifact.file_bytes:,}", f"{artifact.zip_bytes:,}")
        table.add_row(artifact.variant, *sizes, artifact.sha256, str(artifact.path))
        for note in artifact.notes:
            notes.setdefault(note, []).append(artifact.variant)
    lines = [
        f"{first}{f' and {len(others)} more' if others else ''}: {note}" for note, (first, *others) in notes.items()
    ]
    return "\n".join([render(table), "", *lines] if lines else [render(table)])


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
                str(prediction.image) if place == 0 else "",
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
