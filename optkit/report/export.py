"""A run in the formats of other tools: Bencher, github-action-benchmark, JUnit and CSV.

Bencher Metric Format: benchmarks, in each its measures with a value and the ends of an interval (bencher.dev, reference
"Bencher Metric Format"). github-action-benchmark: a list of figures of which smaller is better (its README, tool
`customSmallerIsBetter`).
"""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from optkit.judge.gates import Verdict
from optkit.names import shown
from optkit.record.run import Run
from optkit.record.samples import correct_samples
from optkit.record.timing import Timing, benchmark_name
from optkit.stats.estimates import proportion_interval

_ERROR_RATE = 0.025
"""Of each end of an interval of accuracy: 95 % in all."""
_COLUMNS = (
    *("variant", "mode", "threads", "seconds", "normalized", "score", "drop", "metric"),
    *("file_bytes", "zip_bytes", "size_ratio", "suite", "dataset", "made"),
)


def to_bencher(run: Run) -> str:
    """Return the run in Bencher Metric Format: latency in ns with quartiles of its rounds, sizes, and the metric."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for timing in run.benchmarks:
        low, high = _quartiles(run, timing)
        values = {"value": timing.seconds, "lower_value": low, "upper_value": high}
        found[benchmark_name(timing)] = {"latency": {name: value * 1e9 for name, value in values.items()}}
    for name, facts in run.variants.items():
        measures: dict[str, dict[str, float]] = {
            "file-size": {"value": facts.artifact.file_bytes},
            "zip-size": {"value": facts.artifact.zip_bytes},
        }
        if facts.score is not None:
            metric = facts.quality.scores.metric if facts.quality else "accuracy"
            measures[metric] = {"value": facts.score, **_interval(run, name)}
        found[name] = measures
    return json.dumps(found, indent=1)


def to_github_action_benchmark(run: Run) -> str:
    """Return the run as a list of figures of which smaller is better: times, sizes, and drops."""
    found = []
    for timing in run.benchmarks:
        low, high = _quartiles(run, timing)
        found.append(
            {
                "name": benchmark_name(timing),
                "unit": "s",
                "value": timing.seconds,
                "range": f"{low:.4g} to {high:.4g}",
                "extra": f"{timing.samples} samples a call; {run.suite} on {run.dataset.name}",
            }
        )
    for name, facts in run.variants.items():
        found.append({"name": f"{name}/zip_bytes", "unit": "bytes", "value": facts.artifact.zip_bytes})
        if facts.drop is not None:
            found.append({"name": f"{name}/drop", "unit": "of the metric", "value": facts.drop})
    return json.dumps(found, indent=1)


def to_junit(run: Run, verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as JUnit XML: a failure for each gate that failed, an error where it cannot be told.

    What cannot be told and is good enough for the suite (`inconclusive = "pass"`) is skipped.
    """
    kinds = [_junit_kind(verdict) for verdict in verdicts]
    suite = ET.Element("testsuite", name=run.suite, tests=str(len(verdicts)))
    for attribute, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(kinds.count(kind)))
    for verdict, kind in zip(verdicts, kinds, strict=True):
        case = ET.SubElement(suite, "testcase", classname=f"{run.suite}.{verdict.variant}", name=verdict.name)
        if kind:
            told = ET.SubElement(case, kind, message=shown(str(verdict).splitlines()[0]))
            if kind != "skipped":
                told.set("type", verdict.status)
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _junit_kind(verdict: Verdict) -> str:
    if verdict.tolerated:
        return "skipped"
    return {"pass": "", "fail": "failure"}.get(verdict.status, "error")


def to_csv(run: Run) -> str:
    """Return a row for each benchmark, and one for each variant that was not timed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(run))
    return text.getvalue().rstrip("\n")


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    for name, facts in run.variants.items():
        timings: list[Timing | None] = [timing for timing in run.benchmarks if timing.variant == name]
        for timing in timings or [None]:
            yield {
                "variant": name,
                "mode": timing.mode if timing else "",
                "threads": timing.threads if timing else "",
                "seconds": timing.seconds if timing else "",
                "normalized": run.normalized(timing) if timing else "",
                "score": facts.score,
                "drop": facts.drop,
                "metric": facts.quality.scores.metric if facts.quality else "accuracy",
                "file_bytes": facts.artifact.file_bytes,
                "zip_bytes": facts.artifact.zip_bytes,
                "size_ratio": facts.artifact.size_ratio,
                "suite": run.suite,
                "dataset": run.dataset.name,
                "made": run.made,
            }


def _quartiles(run: Run, timing: Timing) -> tuple[float, float]:
    """Return the quartiles of the rounds of all sessions; the time itself where no rounds were saved."""
    rounds = [second for one in run.timings if one.benchmark == timing.benchmark for second in one.rounds]
    if not rounds:
        return timing.seconds, timing.seconds
    low, high = np.quantile(rounds, (0.25, 0.75))
    return float(low), float(high)


def _interval(run: Run, name: str) -> dict[str, float]:
    """Return the exact 95 % interval of an accuracy; nothing for another metric."""
    if run.variants[name].accuracy is None:
        return {}
    correct = correct_samples(run, name)
    low, high = proportion_interval(int(np.sum(correct)), len(correct), _ERROR_RATE)
    return {"lower_value": low, "upper_value": high}
