"""Markdown for a job summary: the verdict, the benchmarks that are to blame, and the whole text folded away.

Law: the culprits stand first and nothing is left out; text from a suite or a file name stays text and is never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optkit.judge.ab import Judgement
from optkit.judge.compare import Comparison
from optkit.judge.gates import Verdict
from optkit.report.comparison import delta_cells, interval_text, verdict_text
from optkit.report.escape import longest_run, span

MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "⚠️"}


def section(title: str, word: str, culprits: Sequence[str], shown: str, table: str = "") -> str:
    """Return one section: a heading with `word` (pass, fail or inconclusive), a line a culprit, `shown` folded away.

    `table` is Markdown already (`optkit.report.markdown_tables`), and stands below the culprits.
    """
    heading = f"### {MARKS[word]} {span(title)}: {word}"
    named = "\n".join(f"- {span(culprit)}" for culprit in culprits)
    fence = "`" * max(3, longest_run(shown) + 1)
    whole = f"<details><summary>All figures</summary>\n\n{fence}text\n{shown}\n{fence}\n\n</details>"
    return "\n\n".join(part for part in (heading, named, table, whole) if part) + "\n\n"


def gate_culprits(verdicts: Iterable[Verdict]) -> list[str]:
    """Return the gates that did not pass, one a line."""
    return [str(verdict).split("\n")[0] for verdict in verdicts if verdict.status != "pass"]


def ab_culprits(judgements: Iterable[Judgement], not_allowed: Iterable[str]) -> list[str]:
    """Return the pairs that are slower or undecided with their ratios, and the names without a partner."""
    lines = []
    for one in judgements:
        if one.verdict in ("worse", "inconclusive"):
            interval = interval_text(one.low, one.high, one.confidence)
            lines.append(f"{one.name}: {verdict_text(one)}: {one.ratio:.4f} times the base, {interval}")
    return lines + [_without_partner(name) for name in not_allowed]


def comparison_culprits(found: Comparison) -> list[str]:
    """Return what fails or is undecided between two runs, or why they cannot be compared, one a line."""
    lines = [f"not comparable: {line}" for line in found.refusals]
    lines += [_without_partner(name) for name in found.not_allowed]
    for delta in found.deltas:
        if delta.fails or delta.verdict in ("inconclusive", "not comparable"):
            base, head, change, verdict = delta_cells(delta)
            lines.append(f"{delta.name}: {delta.metric} {base} → {head} ({change}): {verdict}")
    return lines


def _without_partner(name: str) -> str:
    return f"{name}: missing, new or renamed; allow it with --allow"
