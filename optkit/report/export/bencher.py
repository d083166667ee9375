"""Bencher Metric Format: benchmarks, in each its measures with a value and the ends of an interval.

Source: bencher.dev, reference "Bencher Metric Format".
"""

from __future__ import annotations

import json

import numpy as np

from optkit.record.run import Run
from optkit.record.samples import correct_samples
from optkit.record.timing import benchmark_name
from optkit.report.export.quartiles import quartiles
from optkit.stats.estimates import proportion_interval

_ERROR_RATE = 0.025
"""Of each end of an interval of accuracy: 95 % in all."""


def to_bencher(run: Run) -> str:
    """Return the run in Bencher Metric Format: latency in ns with quartiles of its rounds, sizes, and the metric."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for timing in run.benchmarks:
        low, high = quartiles(run, timing)
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


def _interval(run: Run, name: str) -> dict[str, float]:
    """Return the exact 95 % interval of an accuracy; nothing for another metric."""
    if run.variants[name].accuracy is None:
        return {}
    correct = correct_samples(run, name)
    low, high = proportion_interval(int(np.sum(correct)), len(correct), _ERROR_RATE)
    return {"lower_value": low, "upper_value": high}
