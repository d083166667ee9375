"""Time one case of a suite by pytest-benchmark, and keep the record of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from pytest_benchmark.utils import load_timer

from optkit.build.artifact import Artifact
from optkit.data.dataset import count
from optkit.measure.clocks import Clock, clock_for
from optkit.measure.latency import BATCH, Job, Trial, choose_strategy, planned_strategy, set_up
from optkit.measure.paired_models import in_calling_thread
from optkit.measure.reference import Limits, Reference, ReferenceBlocks, load_reference, plan_rounds
from optkit.plugin.bench import Bench, ending
from optkit.plugin.paired import paired_timings
from optkit.plugin.running import Case, running_of
from optkit.record.run import extra_info
from optkit.record.timing import Timing
from optkit.runtime.chosen import Load, loader
from optkit.spec.running import PLAIN, Running

_LEAST_ROUND = 1e-3
"""Seconds of a round at least: in the least of pytest-benchmark's own, 5 µs, a round is one call and mostly noise."""


@dataclass(frozen=True)
class TimedJob:
    """A job ready to be timed, with what a record says of it.

    `cpu_clock` is set where the job runs in the thread that calls it: a .tflite file on one thread.
    """

    case: Case
    job: Job
    trial: Trial | None
    batch: int
    samples: int
    cpu_clock: Clock | None
    running: Running = PLAIN


def time_case(case: Case, bench: Bench, benchmark: Any, config: pytest.Config) -> None:
    """Time `case` and keep its record: in the session, and in the JSON that pytest-benchmark saves."""
    with ending():
        found = bench.facts
    facts = found[case.variant]
    benchmark.group = f"{case.mode}, {case.threads} thread{'s' if case.threads > 1 else ''}"
    running = running_of(bench, case)
    with _ready(case, bench, running) as timed:
        blocks = time_job(timed, benchmark, config)
    if blocks is None:
        return
    paired = paired_timings(bench, case.variant, case.mode, case.threads, timed.samples)
    timing = timing_of(timed, blocks, benchmark, paired)
    benchmark.extra_info["optkit"] = extra_info(facts, timing, bench.suite.baseline)
    bench.timings.append(timing)


@contextmanager
def _ready(case: Case, bench: Bench, running: Running) -> Iterator[TimedJob]:
    """Give the case's artifact, loaded and warmed up; for a full set, in the way that a short trial chose."""
    artifact, x = bench.artifacts[case.variant], bench.dataset.x_test
    full, tflite = case.mode == "full_set", artifact.kind == "tflite"
    load = loader(running)
    trial = _trial(bench, case, artifact, load) if full and tflite else None
    strategy = trial.chosen if trial else None
    job = set_up(artifact, case.mode, case.threads, x, bench.keras_workers, strategy=strategy, load=load)
    total = count(x)
    samples = {"single_sample": 1, "single_batch": min(BATCH, total), "full_set": total}[case.mode]
    batch = trial.chosen.batch if trial else min(BATCH, samples)
    name, clock = clock_for(threads=case.threads, tflite=tflite and in_calling_thread(running))
    try:
        yield TimedJob(case, job, trial, batch, samples, clock if name == "cpu" else None, running)
    finally:
        job.close()


def _trial(bench: Bench, case: Case, artifact: Artifact, load: Load) -> Trial:
    x, planned = bench.dataset.x_test, bench.strategy(case.variant, case.threads)
    if planned is None:
        return choose_strategy(artifact.path, x, case.threads, load=load)
    with ending():
        return planned_strategy(artifact.path, x, case.threads, planned)
    raise AssertionError("the session has ended")


@cache
def reference() -> Reference:
    """Return the reference model, loaded in this process once."""
    with ending():
        return load_reference()
    raise AssertionError("the session has ended")


def limits(config: pytest.Config) -> Limits:
    """Return how long to time, from pytest-benchmark's options."""
    options = config.option
    return Limits(
        min_time=max(float(options.benchmark_min_time), _LEAST_ROUND),
        max_time=float(options.benchmark_max_time),
        min_rounds=options.benchmark_min_rounds,
        warmup_calls=options.benchmark_warmup_iterations if options.benchmark_warmup else 0,
    )


def time_job(timed: TimedJob, benchmark: Any, config: pytest.Config) -> ReferenceBlocks | None:
    """Time a job by pytest-benchmark and return the reference's blocks beside its rounds.

    pytest-benchmark times the call alone: the reference's blocks run in its teardown of each round, and so is the CPU
    clock read. They could not in its automatic mode; so rounds are planned here, as it plans them. With
    --benchmark-disable the job runs once, and there is nothing to return.
    """
    call = timed.job.run
    if not benchmark.enabled:
        benchmark(call)
        return None
    clock = load_timer(config.option.benchmark_timer).target  # both on one clock
    plan = plan_rounds(call, reference(), limits(config), clock)
    blocks = ReferenceBlocks(call, reference(), plan, clock, timed.cpu_clock)
    blocks.between()
    rounds = {"rounds": plan.rounds, "iterations": plan.calls, "warmup_rounds": plan.warmup_rounds}
    benchmark.pedantic(call, teardown=blocks.between, **rounds)
    return blocks


def timing_of(timed: TimedJob, blocks: ReferenceBlocks, benchmark: Any, paired: dict[str, Any]) -> Timing:
    """Return the timing of a finished benchmark."""
    stats, case = benchmark.stats.stats, timed.case
    return Timing(
        variant=case.variant,
        mode=case.mode,
        threads=case.threads,
        batch=timed.batch,
        samples=timed.samples,
        seconds=stats.median,
        strategy=timed.trial.chosen.name if timed.trial else None,
        trial=timed.trial.seconds if timed.trial else {},
        rounds=tuple(stats.data),
        reference=reference().sha256,
        reference_seconds=statistics.median(blocks.rounds()),
        reference_rounds=blocks.rounds(),
        cpu_rounds=blocks.cpu_rounds(),
        reference_cpu_rounds=blocks.reference_cpu_rounds(),
        paired=paired,
        running=timed.running,
    )
