"""Tables for a terminal or a log: lists of suites and variants, what was built, verdicts, predictions, advice.

Each function takes the width to fit, by default that of standard output.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from optkit.build.artifact import Artifact
from optkit.judge.advise import Advice
from optkit.judge.gates import Verdict
from optkit.names import shown as safe
from optkit.report import terminal
from optkit.report.figures import time_text as time_text
from optkit.report.grid import Column, grid
from optkit.report.summary import summary as summary
from optkit.report.targets import limits_text
from optkit.report.terminal import NO_BREAK, paragraph, wrapped
from optkit.runtime.predict import Prediction
from optkit.spec import Gate, Suite, Variant

_OPEN = ("inconclusive", "not comparable")


def suites_table(suites: Iterable[Suite], *, width: int | None = None) -> str:
    """Return the suites with their data set, number of variants and description."""
    found = list(suites)
    columns = [
        Column("data", [suite.workload.dataset.name for suite in found], left=True),
        Column("variants", [str(len(suite.variants)) for suite in found]),
        Column("profiles", [", ".join(suite.profiles) or "-" for suite in found], left=True),
        Column("", [suite.description for suite in found], words=True),
    ]
    key = Column("suite", [suite.name for suite in found], left=True)
    return grid(key, columns, width or terminal.width(), stack=True).text


def variants_table(suite: Suite, *, width: int | None = None) -> str:
    """Return the variants of `suite` with their steps, conversion and gates."""
    columns = width or terminal.width()
    modes = [_conversion_text(variant) for variant in suite.variants]
    steps = [steps_text(variant) for variant in suite.variants]
    gates = [", ".join(_gate_text(gate) for gate in suite.gates_of(variant)) for variant in suite.variants]
    shown = [
        Column("conversion", modes, left=True),
        Column("steps", steps, words=True),
        Column("gates", gates, words=True),
    ]
    key = Column("variant", [variant.name for variant in suite.variants], left=True)
    head = paragraph(f"{suite.title}: {suite.description}".rstrip(": "), columns)
    return "\n".join([*head, "", grid(key, shown, columns, stack=True).text, *_targets(suite, columns)])


def _targets(suite: Suite, width: int) -> Iterator[str]:
    """Yield a line for each target: what it is, its limits, and which files must keep them."""
    for number, target in enumerate(suite.targets):
        meant = ", ".join(target.variants) or "every .tflite file"
        yield from ([""] if number == 0 else [])
        yield from paragraph(f"target {target.name}: {target.of}; {limits_text(target)}; for {meant}", width)


def _conversion_text(variant: Variant) -> str:
    """Return the mode of a variant's conversion, and what runs the file when that is not LiteRT with its defaults."""
    mode = variant.conversion.mode if variant.conversion else "-"
    return mode if variant.running.plain else f"{mode}, run by {variant.running.name}"


def _gate_text(gate: Gate) -> str:
    where = f" on {gate.target}" if gate.target else ""
    return f"{gate.metric} {gate.bound_text}{gate.condition}{where}".replace(" ", NO_BREAK)


def steps_text(variant: Variant) -> str:
    """Return the chain of a variant before its conversion, such as `train mnist_conv → prune`."""
    first = "read" if variant.network.own else "train" if variant.training.epochs else "initialize"
    return " → ".join([f"{first} {variant.network.name}", *(step.technique for step in variant.steps)])


def artifacts_table(artifacts: Iterable[Artifact], *, width: int | None = None) -> str:
    """Return built artifacts: sizes, the first digits of their sha256, paths, and once what their stages had to say.

    A path stands in a line of its own and is never broken: it is there to be copied.
    """
    columns = width or terminal.width()
    found = list(artifacts)
    notes: dict[str, list[str]] = {}
    for artifact in found:
        for note in artifact.notes:
            notes.setdefault(note, []).append(artifact.variant)
    sizes = [
        Column("file bytes", [f"{artifact.file_bytes:,}" for artifact in found]),
        Column("zip bytes", [f"{artifact.zip_bytes:,}" for artifact in found]),
        Column("sha256", [artifact.sha256[:12] for artifact in found], left=True),
    ]
    table = grid(Column("variant", [a.variant for a in found], left=True), sizes, columns, stack=True).text
    paths = [line for a in found for line in _path_lines(a.variant, safe(a.path), columns)]
    told = [
        f"{first}{f' and {len(others)} more' if others else ''}: {note}" for note, (first, *others) in notes.items()
    ]
    lines = [line for one in told for line in paragraph(one, columns)]
    return "\n".join([table, *paths, "", *lines] if lines else [table, *paths])


def _path_lines(name: str, path: str, width: int) -> list[str]:
    """Return a name and a path in one line where there is room; else the path below, whole however long it is."""
    line = f"{name}: {path}"
    return [line] if terminal.cells(line) <= width else [*wrapped(f"{name}:", width), path]


def verdicts_text(
    verdicts: Sequence[Verdict], *, passed: bool = False, notes: Sequence[str] = (), width: int | None = None
) -> str:
    """Return the verdicts that did not pass (all, with `passed`), a count, and `notes`."""
    columns = width or terminal.width()
    shown: Callable[[Verdict], bool] = lambda verdict: passed or verdict.status != "pass"  # noqa: E731
    counts = [
        f"{sum(v.status == status for v in verdicts)} {name}"
        for status, name in (("pass", "passed"), ("fail", "failed"), *((word, word) for word in _OPEN))
    ]
    told = [*(str(v) for v in verdicts if shown(v)), f"gates: {', '.join(counts)}", *notes]
    return "\n".join(line for one in told for line in paragraph(one, columns, indent="    "))


def predictions_text(predictions: Iterable[Prediction], *, width: int | None = None) -> str:
    """Return the best classes of each image, with scores and, where they are known, labels and probabilities."""
    found = [(one, place, guess) for one in predictions for place, guess in enumerate(one.top)]
    columns = [
        Column("class", [f"{guess.index} {guess.label or ''}".rstrip() for _, _, guess in found], left=True),
        Column("score", [f"{guess.score:.4f}" for _, _, guess in found]),
        Column("probability", ["-" if g.probability is None else f"{g.probability:.4f}" for _, _, g in found]),
    ]
    images = [safe(one.image) if place == 0 else "" for one, place, _ in found]
    return grid(Column("image", images, left=True), columns, width or terminal.width(), stack=True).text


def advice_text(advice: Advice, *, width: int | None = None) -> str:
    """Return an advice as lines: the recipe, why, the command, what to try next, the variant as TOML."""
    columns = width or terminal.width()
    lines = paragraph(f"{advice.title}: {advice.why}.", columns)
    if advice.command:
        lines += ["", *_command_lines(advice.command, columns)]
    if advice.otherwise:
        lines += ["", *(line for tip in advice.otherwise for line in paragraph(f"- {tip}", columns))]
    if advice.table:
        table = [part for line in advice.table.split("\n") for part in _toml_lines(line, columns - 2)]
        lines += ["", "As a variant of your own suite:", "", *(f"  {line}" for line in table)]
    return "\n".join(lines)


def _command_lines(command: str, width: int) -> Iterator[str]:
    """Yield a command that can be copied: a line that goes on ends with a backslash, as a shell takes it."""
    lines = wrapped(f"  {command}", width - 2, indent=" " * 6)
    yield from (f"{line} \\" for line in lines[:-1])
    yield lines[-1]


def _toml_lines(line: str, width: int) -> list[str]:
    """Return a line of a variant's table; one that is too wide as several lines that TOML reads as the same."""
    if terminal.cells(line) <= width:
        return [line]
    if found := re.fullmatch(r"(\w+) = \[(\{.*\})\]", line):
        steps = found[2].replace("}, {", "},\n{").split("\n")
        return [f"{found[1]} = [", *(f"  {step.removesuffix(',')}," for step in steps), "]"]
    if found := re.fullmatch(r"(\w+) = \{ (.*) \}", line):
        return [f"{found[1]}.{part}" for part in found[2].split(", ")]
    return [line]
