"""Jobs to be timed: everything is set up outside `run`, which is the timed call.

For the full test set there are several ways to run a .tflite file; `choose_strategy` tries them and keeps the figures.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from optkit.build.artifact import Artifact
from optkit.data.dataset import count, take
from optkit.errors import ArtifactError, nearest
from optkit.runtime import KerasWorkers, TFLiteRunner
from optkit.runtime.chosen import Load

BATCH = 32
"""Samples in one call of single_batch, of the plain loop, and of Keras' `predict()`."""
_MEMORY_FOR_TENSORS = 512 << 20
_TRIAL_ROUNDS = 3
_TRIAL_SECONDS = 0.5
"""A set that takes longer is tried on its first samples: int16x8 in reference kernels takes seconds."""
_LARGER_BATCHES = (100, 500)

Floats = npt.NDArray[np.float32]
Samples = Any
"""Samples of a model: an array (samples, *sample shape); of several inputs a dict of such arrays by name."""


class Job(Protocol):
    """Something set up to be timed. `run` does the work once; `scores` are those of the last run."""

    def run(self) -> None: ...  # noqa: D102
    def scores(self) -> Floats: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True)
class Strategy:
    """A way to run a whole set: samples a call, interpreters side by side, and threads of each."""

    name: str
    batch: int
    interpreters: int
    threads: int


@dataclass(frozen=True, kw_only=True)
class Trial:
    """The strategy that was fastest, and the median seconds of each that was tried (none when it was given)."""

    chosen: Strategy
    seconds: dict[str, float]


class TFLiteJob:
    """A set of samples through one or more interpreters, each with its slice cut into prepared batches.

    `load` loads the file into a runtime with its settings.
    A file whose batch is fixed is called with that one, whatever the strategy says.
    """

    def __init__(self, path: Path, x: Samples, strategy: Strategy, load: Load = TFLiteRunner) -> None:
        batch = TFLiteRunner.fixed_batch(path) or strategy.batch
        parts = np.array_split(np.arange(count(x)), strategy.interpreters)
        self._slices = [
            _prepared_slice(path, take(x, slice(part[0], part[-1] + 1)), strategy, batch, load)
            for part in parts
            if len(part)
        ]
        self._outputs: list[list[Any]] = []
        self._pool = ThreadPoolExecutor(len(self._slices)) if len(self._slices) > 1 else None

    def run(self) -> None:
        """Run all samples once."""
        if self._pool:
            self._outputs = list(self._pool.map(_run_slice, self._slices))
        else:
            self._outputs = [_run_slice(self._slices[0])]

    def scores(self) -> Floats:
        """Return the scores of the last run, float32, shape (samples, outputs)."""
        return np.concatenate(
            [
                runner.scores(raw)[:samples]
                for calls, outputs in zip(self._slices, self._outputs, strict=True)
                for (runner, _, samples), raw in zip(calls, outputs, strict=True)
            ]
        )

    def close(self) -> None:
        """End the pool's threads."""
        if self._pool:
            self._pool.shutdown()


_Call = tuple[Any, Any, int]
"""A runner, what it is called with, and how many samples of that count: the last call may be filled up."""


def _prepared_slice(path: Path, x: Samples, strategy: Strategy, batch: int, load: Load) -> list[_Call]:
    total = count(x)
    fixed = TFLiteRunner.fixed_batch(path) is not None
    whole = -(-total // batch) * batch if fixed else total // batch * batch
    x = take(x, np.resize(np.arange(total), whole)) if whole > total else x
    calls: list[_Call] = []
    for start, stop, size in ((0, whole, batch), (whole, total, total - whole)):
        if stop > start:
            shapes = {name: array.shape[1:] for name, array in x.items()} if isinstance(x, Mapping) else None
            runner = load(path, threads=strategy.threads, batch=size, sample_shapes=shapes)
            for i in range(start, stop, size):
                calls.append((runner, runner.prepare(take(x, slice(i, i + size))), min(size, total - i)))
    return calls


def _run_slice(calls: Sequence[_Call]) -> list[Any]:
    return [runner.invoke(prepared) for runner, prepared, _ in calls]


def set_up(
    artifact: Artifact,
    mode: str,
    threads: int,
    x: Samples,
    workers: KerasWorkers,
    *,
    batch: int = BATCH,
    strategy: Strategy | None = None,
    load: Load = TFLiteRunner,
) -> Job:
    """Return `artifact`, warmed up, as a job of `mode` on `threads` threads over samples `x`.

    single_sample takes the first of `x`, single_batch the first `batch`, full_set all, in calls of `batch` or as
    `strategy` says (TFLite only). `load` loads a .tflite file into its runtime.
    """
    samples = {"single_sample": take(x, slice(1)), "single_batch": take(x, slice(batch)), "full_set": x}[mode]
    job: Job
    if artifact.kind == "keras":
        job = workers.job(artifact.path, samples, threads=threads, batch=batch)
    else:
        plain = Strategy(name="loop", batch=min(batch, count(samples)), interpreters=1, threads=threads)
        job = TFLiteJob(artifact.path, samples, strategy or plain, load)
    job.run()
    return job


def strategies(threads: int, samples: int, bytes_per_sample: int) -> tuple[Strategy, ...]:
    """Return the ways worth trying to run `samples` samples on `threads` threads.

    The plain loop of 32 is always among them; larger batches only while their tensors stay within 512 MiB.
    """
    largest = max(1, _MEMORY_FOR_TENSORS // max(1, bytes_per_sample * threads))
    batches = [size for size in _LARGER_BATCHES if BATCH < size <= min(largest, samples)]
    found = [Strategy(name=f"loop of {BATCH}", batch=min(BATCH, samples), interpreters=1, threads=threads)]
    found += [Strategy(name=f"batch {size}", batch=size, interpreters=1, threads=threads) for size in batches]
    if threads > 1:
        found += [
            Strategy(name=f"{threads} interpreters, batch {size}", batch=size, interpreters=threads, threads=1)
            for size in (BATCH, *batches)
            if size * threads <= samples
        ]
    return tuple(found)


def planned_strategy(path: Path, x: Samples, threads: int, name: str) -> Trial:
    """Return the strategy called `name` without a trial. Raises ArtifactError when `path` and `x` have none such."""
    known = {strategy.name: strategy for strategy in _strategies_of(path, x, threads)}
    if name not in known:
        raise ArtifactError(
            f"{path} cannot be run over {count(x)} samples on {threads} threads by {name!r}; {nearest(name, known)}"
        )
    return Trial(chosen=known[name], seconds={})


def _strategies_of(path: Path, x: Samples, threads: int) -> tuple[Strategy, ...]:
    """Return the ways worth trying for the file at `path`; of one whose batch is fixed, those with that batch."""
    fixed = TFLiteRunner.fixed_batch(path)
    found = strategies(threads, count(x), TFLiteRunner(path, threads=1, batch=fixed or 1).bytes_per_sample)
    if fixed is None:
        return found
    names = {1: f"loop of {fixed}", threads: f"{threads} interpreters, batch {fixed}"}
    kinds = dict.fromkeys((way.interpreters, way.threads) for way in found if way.interpreters * fixed <= count(x))
    return tuple(
        Strategy(name=names[interpreters], batch=fixed, interpreters=interpreters, threads=each)
        for interpreters, each in kinds or {(1, threads): None}
    )


def choose_strategy(
    path: Path,
    x: Samples,
    threads: int,
    *,
    clock: Callable[[], float] = time.perf_counter,
    load: Load = TFLiteRunner,
) -> Trial:
    """Time each strategy on `x`, interleaved, and return the fastest by its median with all figures.

    One that takes over twice the best in the first round is not run again. A set that takes the plain loop over half
    a second is tried on its first samples only, and the figures are scaled to the whole.
    """
    left = list(_strategies_of(path, x, threads))
    part = _trial_part(path, x, threads, clock, load)
    jobs = {strategy: TFLiteJob(path, part, strategy, load) for strategy in left}
    seconds: dict[Strategy, list[float]] = {strategy: [] for strategy in left}
    for job in jobs.values():
        job.run()
    for _ in range(_TRIAL_ROUNDS):
        for strategy in left:
            seconds[strategy].append(_seconds(jobs[strategy], clock))
        best = min(seconds[strategy][0] for strategy in left)
        left = [strategy for strategy in left if seconds[strategy][0] <= 2 * best]
    for job in jobs.values():
        job.close()
    scale = count(x) / count(part)
    medians = {strategy: statistics.median(values) * scale for strategy, values in seconds.items()}
    chosen = min(left, key=lambda strategy: medians[strategy])
    return Trial(chosen=chosen, seconds={strategy.name: medians[strategy] for strategy in seconds})


def _trial_part(path: Path, x: Samples, threads: int, clock: Callable[[], float], load: Load) -> Samples:
    """Return `x`, or its first samples when all would take too long: one of the largest batches for each thread."""
    samples = max(_LARGER_BATCHES) * threads
    if count(x) <= samples:
        return x
    part = take(x, slice(samples))
    job = TFLiteJob(path, part, Strategy(name="loop", batch=BATCH, interpreters=1, threads=threads), load)
    job.run()
    return part if _seconds(job, clock) * count(x) / samples > _TRIAL_SECONDS else x


def _seconds(job: TFLiteJob, clock: Callable[[], float]) -> float:
    began = clock()
    job.run()
    return clock() - began
