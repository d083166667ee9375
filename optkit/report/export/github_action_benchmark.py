"""github-action-benchmark: a list of figures of which smaller is better (its README, tool `customSmallerIsBetter`)."""

from __future__ import annotations

import json

from optkit.record.run import Run
from optkit.record.timing import benchmark_name
from optkit.report.export.quartiles import quartiles


def to_github_action_benchmark(run: Run) -> str:
    """Return the run as a list of figures of which smaller is better: times, sizes, and drops."""
    found = []
    for timing in run.benchmarks:
        low, high = quartiles(run, timing)
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
