"""Time a .tflite file here and now: what `optkit.time` does, and the times of a `Study`.

For a verdict on two files use `optkit ab`: it takes turns, in fresh processes.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optkit.data.dataset import count
from optkit.measure.clocks import clock_for
from optkit.measure.latency import Samples, Strategy, TFLiteJob
from optkit.measure.reference import Limits, ReferenceBlocks, load_reference, plan_rounds
from optkit.runtime.trial import check_runs

LIMITS = Limits(min_time=0.001, max_time=0.5, min_rounds=5)


@dataclass(frozen=True, kw_only=True)
class Latency:
    """How long a call takes: seconds, the median of `rounds`; `samples` in a call, on `threads` threads.

    `reference_rounds` are the seconds of a call of the reference model beside each round: a time divided by them
    means more on another day than a time alone. `cpu_rounds`, on one thread, are the same rounds in CPU seconds.
    """

    seconds: float
    samples: int
    threads: int
    rounds: tuple[float, ...]
    reference_rounds: tuple[float, ...]
    cpu_rounds: tuple[float, ...] = ()
    reference_cpu_rounds: tuple[float, ...] = ()

    @property
    def spread(self) -> float:
        """The distance between the quartiles of the rounds, as a share of their median."""
        low, high = np.quantile(self.rounds, (0.25, 0.75))
        return float((high - low) / self.seconds)

    def __str__(self) -> str:
        unit, scale = ("µs", 1e6) if self.seconds < 1e-3 else ("ms", 1e3) if self.seconds < 1 else ("s", 1.0)
        of = "1 sample" if self.samples == 1 else f"{self.samples} samples"
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        rounds = f"spread {self.spread:.1%} of {len(self.rounds)} rounds"
        return f"{self.seconds * scale:.4g} {unit} for {of}, {threads} ({rounds})"


def time(path: str | Path, x: Samples, *, threads: int = 1, limits: Limits = LIMITS) -> Latency:
    """Time one call of the .tflite file at `path` over all of `x`: (samples, *sample shape), of several inputs by name.

    The file meets the runtime in a process of its own first, so that a damaged one cannot end this process. Raises
    ArtifactError when it cannot be run, or `x` does not fit it.
    """
    path = Path(path)
    x = x if isinstance(x, Mapping) else np.asarray(x)
    samples = count(x)
    check_runs(path, threads=threads)
    job = TFLiteJob(path, x, Strategy(name="loop", batch=samples, interpreters=1, threads=threads))
    try:
        job.run()
        name, clock = clock_for(threads=threads, tflite=True)
        reference = load_reference()
        plan = plan_rounds(job.run, reference, limits)
        blocks = ReferenceBlocks(job.run, reference, plan, cpu_clock=clock if name == "cpu" else None)
        rounds = _rounds(blocks)
    finally:
        job.close()
    return Latency(
        seconds=statistics.median(rounds),
        samples=samples,
        threads=threads,
        rounds=rounds,
        reference_rounds=blocks.rounds(),
        cpu_rounds=blocks.cpu_rounds(),
        reference_cpu_rounds=blocks.reference_cpu_rounds(),
    )


def _rounds(blocks: ReferenceBlocks) -> tuple[float, ...]:
    """Run the planned rounds, a block of the reference around each; return the seconds of a call, by round."""
    found: list[float] = []
    blocks.between()
    for _ in range(blocks.plan.warmup_rounds + blocks.plan.rounds):
        began = blocks.clock()
        for _ in range(blocks.plan.calls):
            blocks.call()
        found.append((blocks.clock() - began) / blocks.plan.calls)
        blocks.between()
    return tuple(found[blocks.plan.warmup_rounds :])
