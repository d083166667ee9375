"""Judgements as Markdown tables for a job summary: a row for each variant, its figures, and what came of it.

Law: every variant of either side has a row; text from a suite or a file name stays text and is never markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from optkit.judge import gates
from optkit.judge.ab import Judgement
from optkit.judge.compare import Comparison
from optkit.judge.deltas import Delta
from optkit.judge.gates import Verdict
from optkit.judge.verdicts import exit_code
from optkit.record.run import Run
from optkit.report.comparison import delta_cells, interval_text, verdict_text
from optkit.report.escape import span
from optkit.report.figures import accuracy_text, time_text
from optkit.report.markdown import MARKS

_BY_CODE = {0: MARKS["pass"], 1: MARKS["fail"], 3: MARKS["inconclusive"]}
_NONE = "–"
_BAR = "\\|"
_METRICS = ("file_bytes", "zip_bytes", "seconds")


def gate_table(run: Run, verdicts: Sequence[Verdict]) -> str:
    """Return a row for each variant of `run` and of `verdicts`: accuracy, sizes, time, and its gates."""
    metric = next((facts.quality.scores.metric for facts in run.variants.values() if facts.quality), "accuracy")
    heads = ["variant", metric, "drop", "file bytes", "zip bytes", "ratio"]
    threads = min((one.threads for one in run.benchmarks), default=1)
    timed = any(one.mode == "single_sample" for one in run.benchmarks)
    heads += ["one sample"] if timed else []
    rows = []
    for name in dict.fromkeys([*run.variants, *(verdict.variant for verdict in verdicts)]):
        cells = _facts(run, name)
        if timed:
            found = run.timing(name, "single_sample", threads)
            cells.append(time_text(found.seconds) if found else _NONE)
        rows.append([span(name), *cells, _gates([verdict for verdict in verdicts if verdict.variant == name])])
    return _table([*heads, "gates"], rows)


def comparison_table(found: Comparison) -> str:
    """Return a row for each variant, or benchmark, that two runs share, and one for each that only one of them has."""
    metrics = dict.fromkeys(delta.metric for delta in found.deltas if delta.metric not in _METRICS)
    columns = [*metrics, *(name for name in _METRICS if any(delta.metric == name for delta in found.deltas))]
    rows = []
    for name in dict.fromkeys(delta.name for delta in found.deltas):
        own = {delta.metric: delta for delta in found.deltas if delta.name == name}
        cells = [_change(own[metric]) if metric in own else _NONE for metric in columns]
        rows.append([span(name), *cells, _word([own[metric] for metric in columns if metric in own])])
    alone = [("missing", name) for name in found.missing] + [("new", name) for name in found.new]
    alone += [("renamed", f"{old} → {new}") for old, new in found.renamed]
    for what, name in alone:
        mark = _BY_CODE[1 if name in found.not_allowed else 0]
        allowed = "" if name in found.not_allowed else ", allowed"
        rows.append([span(name), *([_NONE] * len(columns)), f"{mark} {what}{allowed}"])
    return _table(["variant", *(metric.replace("_", " ") for metric in columns), "verdict"], rows)


def ab_table(judgements: Sequence[Judgement], unchanged: Iterable[str] = ()) -> str:
    """Return a row for each pair of files: the ratio of their times, its interval, and the verdict.

    `unchanged` are the names whose two files are one and the same; they were not timed.
    """
    rows = [
        [
            span(one.name),
            f"{one.ratio:.4f}",
            interval_text(one.low, one.high, one.confidence),
            f"{_BY_CODE[exit_code([one.verdict])]} {verdict_text(one)}",
        ]
        for one in judgements
    ]
    rows += [[span(name), _NONE, _NONE, f"{_BY_CODE[0]} the same file, not timed"] for name in unchanged]
    return _table(["variant", "time: head / base", "interval", "verdict"], rows)


def _facts(run: Run, name: str) -> list[str]:
    """Return score, drop, sizes and size ratio of a variant; dashes when the run has no record of it."""
    facts = run.variants.get(name)
    if facts is None:
        return [_NONE] * 5
    if facts.quality:
        drop = None if facts.drop is None else facts.drop + 0.0
        scores = [accuracy_text(facts.score, ".4g"), accuracy_text(drop, "+.3g")]
    else:
        scores = [accuracy_text(facts.accuracy), accuracy_text(facts.accuracy_drop, "+.4f")]
    size = facts.artifact
    return [*scores, f"{size.file_bytes:,}", f"{size.zip_bytes:,}", f"{size.size_ratio:.2f}"]


def _gates(verdicts: Sequence[Verdict]) -> str:
    """Return the gates of one variant: how many passed, and each that did not, with its bound."""
    passed = sum(verdict.status == "pass" for verdict in verdicts)
    cells = [f"{MARKS['pass']} {passed} passed"] if passed else []
    for verdict in verdicts:
        if verdict.status != "pass":
            value = "no value" if verdict.value is None else f"{verdict.value:.6g}"
            where = f" ({verdict.where})" if verdict.where else ""
            what = f"{verdict.gate.metric}{where} is {value}, must be {verdict.gate.bound_text}"
            cells.append(f"{_BY_CODE[gates.exit_code([verdict])]} {verdict.status}: {span(what)}")
    return "<br>".join(cells) or "none"


def _change(delta: Delta) -> str:
    base, head, change, _ = delta_cells(delta)
    return head if base == head else f"{base} → {head} ({change})"


def _word(own: Sequence[Delta]) -> str:
    """Return the worst that came of one variant, and of which figures."""
    outcomes = (
        (1, "worse", [delta for delta in own if delta.fails]),
        (3, "cannot tell", [delta for delta in own if delta.verdict in ("inconclusive", "not comparable")]),
        (0, "worse within the limit", [delta for delta in own if delta.verdict == "worse"]),
        (0, "better", [delta for delta in own if delta.verdict == "better"]),
    )
    for number, word, found in outcomes:
        if found:
            return f"{_BY_CODE[number]} {word}: {', '.join(delta.metric.replace('_', ' ') for delta in found)}"
    return f"{_BY_CODE[0]} same"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table; of no rows an empty text. A bar inside a cell ends no cell."""
    if not rows:
        return ""
    lines = [heads, ["---", *["---:"] * (len(heads) - 2), "---"], *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', _BAR) for cell in line)} |" for line in lines)
