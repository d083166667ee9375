"""`docs/reproduction.md`: the lines of every document as Markdown tables, and the runs they are from.

Law: this only formats. The same documents and runs give the same text, so that a test can compare it with the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.studies.reproduction.documents import Document
from benchmarks.studies.reproduction.figures import FIGURES
from benchmarks.studies.reproduction.lines import Line, lines_of
from benchmarks.studies.reproduction.saved import DROPPED
from optkit.record.run import Run

_ARROWS = {"higher": "↑", "lower": "↓"}
_HEAD = f"""\
# Reproduction

<!-- Made by `python -m benchmarks.studies.reproduction render`. Do not edit: change the study or the runs. -->

Figures that public documents give, beside ours on the same work. A document's figure is written as it was published.
Ours is read from a saved run. The ratio is ours / document. ↑: higher is better, ↓: lower is better.

- † Absolute times of two machines: the ratio says little. Speed-ups, each within one run, stand beside them.
- ‡ Profile `quick`: a small subset, a short recipe and perhaps a smaller network. It runs the same code, but it is not
  the document's work.
- "not measured" says why; *missing* means that a saved run should have the figure and does not.

The runs are in `docs/results/runs/`. `python -m benchmarks.studies.reproduction run` records them all, condenses them
and renders this page; `--list` shows the commands. Condensing drops {DROPPED}."""


def page(
    documents: Sequence[Document], runs: Mapping[str, Run], after: Mapping[str, str] | None = None
) -> tuple[str, list[Line]]:
    """Return the whole page, and its lines. `after` has what else follows the tables of a document, by its name."""
    lines = {
        (document.name, table.title): list(lines_of(document, table, runs))
        for document in documents
        for table in document.tables
    }
    every = [line for group in lines.values() for line in group]
    parts = [_HEAD, _counts(every), "## Runs", _runs(runs)]
    for document in documents:
        parts += [f"## {document.title}", _about(document)]
        for table in document.tables:
            parts.append(f"### {table.title}")
            parts += [table.note] if table.note else []
            parts.append(_table(lines[document.name, table.title], runs))
        parts += [after[document.name]] if after and document.name in after else []
    return "\n\n".join(parts) + "\n", every


def profile_of(run: Run) -> str:
    """Return the profile that a run's suite was used with, or "-"."""
    return run.suite.partition(":")[2] or "-"


def _counts(lines: Sequence[Line]) -> str:
    figures = [line for line in lines if line.published is not None]
    measured, missing = (sum(found) for found in ([f.ours is not None for f in figures], [f.missing for f in figures]))
    return (
        f"Of {len(figures)} figures, {measured} are measured here, {missing} are missing, and "
        f"{len(figures) - measured - missing} cannot be measured here."
    )


def _runs(runs: Mapping[str, Run]) -> str:
    rows = [["run", "suite", "profile", "data", "machine", "runtimes", "made"]]
    for name, run in runs.items():
        suite = run.suite.partition(":")[0]
        data = f"{_data(run)}, sha256 {run.dataset.digest[:12]}"
        runtimes = sorted({f"{facts.runtime.name} {facts.runtime.version}" for facts in run.variants.values()})
        rows.append([f"`{name}`", suite, profile_of(run), data, _machine(run), ", ".join(runtimes), run.made[:10]])
    return _markdown(rows) if runs else "There is none yet."


def _machine(run: Run) -> str:
    conditions = run.machine.saved.get("conditions")
    return f"{run.machine} ({conditions})" if conditions else str(run.machine)


def _about(document: Document) -> str:
    lines = [
        f"Source: {document.source}.",
        f"Measured there on: {document.data}; machine: {document.machine}.",
        document.note,
    ]
    return "\n".join(filter(None, lines))


def _table(lines: Sequence[Line], runs: Mapping[str, Run]) -> str:
    rows = [["row", "figure", "document", "ours", "ours / document", "data, profile", "note"]]
    before = ""
    for line in lines:
        row = line.row if line.row != before else ""  # a row's name once, above its figures
        before = line.row
        rows.append([row, *_cells(line, runs)])
    return _markdown(rows)


def _cells(line: Line, runs: Mapping[str, Run]) -> list[str]:
    note = "; ".join(filter(None, line.notes))
    if line.published is None:
        return ["-", "-", "-", "-", "-", "; ".join(filter(None, (line.reason, note)))]
    figure = FIGURES[line.figure]
    label, published = f"{figure.label} {_ARROWS[figure.better]}", f"{line.published:,}"
    if line.ours is None:
        word = "not measured (*missing*)" if line.missing else "not measured"
        return [label, published, f"{word}: {line.reason}", "-", "-", note]
    label += f", {line.threads} thread{'s' if line.threads > 1 else ''}" if line.threads else ""
    ratio = "-" if line.ratio is None else _ratio(line.ratio, figure.absolute, runs[line.run])
    return [label, published, figure.text(line.ours), ratio, _where(line.run, runs[line.run]), note]


def _ratio(ratio: float, absolute: bool, run: Run) -> str:
    digits = f"{ratio:.3f}" if abs(ratio) < 10 else f"{ratio:.1f}"
    return " ".join(filter(None, (digits, "†" if absolute else "", "‡" if profile_of(run) == "quick" else "")))


def _where(name: str, run: Run) -> str:
    profile = profile_of(run)
    return f"`{name}`: {_data(run)}" + (f", profile {profile}" if profile != "-" else "")


def _data(run: Run) -> str:
    return f"{run.dataset.name} {run.dataset.train:,} + {run.dataset.test:,}"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    head, *body = [f"| {' | '.join(row)} |" for row in escaped]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])
