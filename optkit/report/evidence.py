"""Text of what a run says of an advice."""

from __future__ import annotations

from optkit.judge.evidence import Evidence, Finding
from optkit.report import terminal
from optkit.report.figures import time_text
from optkit.report.terminal import paragraph

GENERAL_RULE = (
    "This is the general rule of TensorFlow Lite's guide on model optimization; nothing was measured. Give a run of "
    "yours with --run RUN.json, to see whether it bears the rule out."
)


def evidence_text(title: str, evidence: Evidence | None, *, width: int | None = None) -> str:
    """Return what a run says of the advice called `title`; without a run, that it is a general rule."""
    columns = width or terminal.width()
    if evidence is None:
        return "\n".join(paragraph(GENERAL_RULE, columns, indent=""))
    where = f"In this run ({evidence.suite}, {evidence.machine})"
    if evidence.why_not:
        told = f"{where} nothing speaks for or against it: {evidence.why_not}."
        return "\n".join(paragraph(told, columns, indent=""))
    word = "bears that out" if evidence.agrees else "says otherwise"
    told = f"The document recommends: {title}. This run ({evidence.suite}, {evidence.machine}) {word}:"
    lines = paragraph(told, columns, indent="")
    for finding in evidence.findings:
        lines += paragraph(f"- {_finding_text(finding)}", columns)
    return "\n".join(lines)


def _finding_text(finding: Finding) -> str:
    where = f"{finding.where}: " if finding.where else ""
    own = f"{where}{finding.advised} {_figure(finding.metric, finding.figure)}"
    if finding.float_file and finding.float_figure is not None and finding.float_file != finding.advised:
        own += f" ({_figure(finding.metric, finding.float_figure)} of the float file, {finding.float_file})"
    best = f"{finding.best} {_figure(finding.metric, finding.best_figure)}"
    if finding.best == finding.advised:
        return f"{own}: the best of the run"
    if finding.agrees:
        return f"{own}: as good as the best of the run, {best}"
    return f"{own}; {best}: {_by(finding)}"


def _by(finding: Finding) -> str:
    """Say by how much the best of the run is better."""
    if finding.metric == "accuracy_drop":
        return f"{finding.figure - finding.best_figure:.4f} more accurate"
    word = "faster" if finding.metric == "seconds" else "smaller"
    return f"{finding.figure / finding.best_figure:.2f} times {word}"


def _figure(metric: str, value: float) -> str:
    if metric == "seconds":
        return time_text(value)
    return f"{value:,.0f} bytes zipped" if metric == "zip_bytes" else f"drop {value:+.4f}"
