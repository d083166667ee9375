"""The reference model, and rounds of a job timed with a block of it before and after each.

Law: a time is divided only by what the same process measured right beside it, on the same clock; times divided by
different references are never compared, so each record names the reference's sha256.

The reference is a small float network on one thread (made by `benchmarks/studies/make_reference.py`). What the
machine's clock and its other users do to a job they do to the reference too, so the ratio holds better than either
time.
"""

from __future__ import annotations

import gc
import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from optkit.errors import ArtifactError
from optkit.measure.clocks import Clock

REFERENCE = Path(__file__).with_name("reference.tflite")
REFERENCE_SHA256 = "6a905de090525113ccda177a4b4d5821f2606666a9313a00b38e3d8c64450353"

_BLOCK_SECONDS = 0.0002
"""The shortest block: some two calls of the reference."""
_BLOCK_SHARE = 0.1
"""A block's length as a part of the round's, when that is longer: a long round is compared with more than a moment."""
_FINEST_ROUND = 1e-6
"""No round is planned shorter: the clock's own steps are some 0.05 microseconds."""

Call = Callable[[], object]


@dataclass(frozen=True)
class Reference:
    """The reference model, loaded for one thread: `call` runs it once."""

    sha256: str
    call: Call


def load_reference(path: Path = REFERENCE) -> Reference:
    """Load and warm up the reference model. Raises ArtifactError when `path` is not the file that optkit names."""
    from optkit.runtime import TFLiteRunner

    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ArtifactError(f"the reference model {path} cannot be read: {error.strerror}; reinstall optkit") from error
    if found != REFERENCE_SHA256:
        raise ArtifactError(
            f"the reference model {path} has sha256 {found}, expected {REFERENCE_SHA256}; reinstall optkit"
        )
    runner = TFLiteRunner(path, threads=1, batch=1)
    prepared = runner.prepare(np.random.default_rng(0).random((1, *runner.sample_shape), np.float32))
    runner.invoke(prepared)
    return Reference(found, lambda: runner.invoke(prepared))


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long to time, in pytest-benchmark's terms: seconds of a round and of all, rounds, and calls to warm up."""

    min_time: float
    max_time: float
    min_rounds: int
    warmup_calls: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Rounds to time, calls in each, rounds before that only warm up, and calls in a block of the reference."""

    rounds: int
    calls: int
    warmup_rounds: int
    block_calls: int


def plan_rounds(call: Call, reference: Reference, limits: Limits, clock: Clock = time.perf_counter) -> Plan:
    """Plan as pytest-benchmark does: calls enough for `min_time` a round, rounds to fill `max_time`.

    The reference's blocks count towards `max_time`, so that pairing costs rounds and not time.
    """
    calls, seconds = _calibrate(call, max(limits.min_time, _FINEST_ROUND), clock)
    one = max(min(_block(reference.call, 1, clock) for _ in range(5)), _FINEST_ROUND)
    block_calls = math.ceil(max(_BLOCK_SECONDS, _BLOCK_SHARE * seconds) / one)
    between = (block_calls + 1) * one + (seconds / calls if calls > 1 else 0.0)
    rounds = max(limits.min_rounds, math.ceil(limits.max_time / (seconds + between)))
    warmup = min(rounds, max(1, limits.warmup_calls // calls)) if limits.warmup_calls else 0
    return Plan(rounds=rounds, calls=calls, warmup_rounds=warmup, block_calls=block_calls)


@dataclass
class ReferenceBlocks:
    """Blocks of the reference around the rounds of a job: call `between` before the first round and after each.

    With a `cpu_clock`, the CPU seconds of the blocks and of the rounds between them are kept, too. What the caller
    does between a round and `between` (pytest-benchmark: some microseconds a round) counts towards the round.
    """

    call: Call
    reference: Reference
    plan: Plan
    clock: Clock = time.perf_counter
    cpu_clock: Clock | None = None
    blocks: list[float] = field(default_factory=list)
    """Seconds of a call of the reference, by block."""
    cpu_blocks: list[float] = field(default_factory=list)
    """The same by `cpu_clock`."""
    cpu_spans: list[float] = field(default_factory=list)
    """CPU seconds from the end of each block to the beginning of the next: a round of calls."""
    _ended: float | None = None

    def between(self) -> None:
        """Time a block. Its first call is not timed: it pays for what the job left in the caches.

        So that the round does not pay in turn for the reference, the job is called once, when a round has several
        calls; where it has one, that call takes far longer than to fill the caches.
        """
        if self.cpu_clock and self._ended is not None:
            self.cpu_spans.append(self.cpu_clock() - self._ended)
        self.reference.call()
        began = self.cpu_clock() if self.cpu_clock else 0.0
        self.blocks.append(_block(self.reference.call, self.plan.block_calls, self.clock) / self.plan.block_calls)
        if self.cpu_clock:
            self.cpu_blocks.append((self.cpu_clock() - began) / self.plan.block_calls)
        if self.plan.calls > 1:
            self.call()
        if self.cpu_clock:
            self._ended = self.cpu_clock()

    def rounds(self) -> tuple[float, ...]:
        """Return, for each timed round, the mean of the blocks before and after: a steady drift cancels (ABA)."""
        return self._around(self.blocks)

    def cpu_rounds(self) -> tuple[float, ...]:
        """Return the CPU seconds of a call of the job, by timed round; nothing without a CPU clock."""
        first = self.plan.warmup_rounds
        return tuple(span / self.plan.calls for span in self.cpu_spans[first : first + self.plan.rounds])

    def reference_cpu_rounds(self) -> tuple[float, ...]:
        """Return what `rounds` does, in CPU seconds; nothing without a CPU clock."""
        return self._around(self.cpu_blocks)

    def _around(self, blocks: Sequence[float]) -> tuple[float, ...]:
        first = self.plan.warmup_rounds
        before, after = (blocks[first + k :][: self.plan.rounds] for k in (0, 1))
        return tuple((a + b) / 2 for a, b in zip(before, after, strict=True))


def normalized(rounds: Sequence[float], reference_rounds: Sequence[float]) -> float:
    """Return the median over rounds of a round's seconds divided by those of the reference beside it."""
    return float(np.median(np.asarray(rounds, np.float64) / np.asarray(reference_rounds, np.float64)))


def _calibrate(call: Call, min_time: float, clock: Clock) -> tuple[int, float]:
    """Return how many calls take `min_time` seconds, and how long they took."""
    calls = 1
    while True:
        seconds = _block(call, calls, clock)
        if seconds >= min_time and (calls > 1 or seconds < 10 * min_time):
            # where it costs little: a moment's stall must not pass for a long call
            seconds = min(seconds, *(_block(call, calls, clock) for _ in range(2)))
        if seconds >= min_time:
            return calls, seconds
        calls = calls * 10 if seconds < min_time / 2 else math.ceil(calls * min_time / seconds)


def _block(call: Call, count: int, clock: Clock) -> float:
    """Return the seconds of `count` calls, with garbage collection off."""
    collected = gc.isenabled()
    gc.disable()
    try:
        repeats = range(count)
        began = clock()
        for _ in repeats:
            call()
        return clock() - began
    finally:
        if collected:
            gc.enable()
