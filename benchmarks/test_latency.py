"""Time every variant: one sample, one batch of 32, the full test set, for each thread count."""

from collections.abc import Callable
from typing import Any

from fixtures.timing import TimedJob


def test_latency(benchmark: Any, timed_job: TimedJob, record: Callable[[Any, TimedJob], None]) -> None:
    case = timed_job.case
    benchmark.group = f"{case.mode}, {case.threads} thread{'s' if case.threads > 1 else ''}"
    benchmark(timed_job.job.run)
    record(benchmark, timed_job)
