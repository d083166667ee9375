"""Time every variant: one sample, one batch of 32, the full test set, for each thread count."""

from typing import Any

from fixtures.timing import Record, TimedJob, TimeJob


def test_latency(benchmark: Any, timed_job: TimedJob, time_job: TimeJob, record: Record) -> None:
    case = timed_job.case
    benchmark.group = f"{case.mode}, {case.threads} thread{'s' if case.threads > 1 else ''}"
    beside = time_job(timed_job)
    record(benchmark, timed_job, beside)
