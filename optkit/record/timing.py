"""Timings of benchmarks: one a session, and what several sessions say together.

Law: the sample is the session; a figure of several sessions is the median of theirs, and a quotient is taken within a
session before anything is taken over them.
"""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from optkit.errors import RecordError
from optkit.measure.clocks import ClockName
from optkit.measure.paired import LOADS, PairedTiming
from optkit.measure.reference import normalized
from optkit.spec.metrics import MODES
from optkit.spec.running import PLAIN, Running

BenchmarkName = tuple[str, str, int]

_LEAST, _MOST = 1e-12, 1e9
"""Seconds that a call can take at all: a picosecond to thirty years."""
_MOST_LOG_RATIO = 50.0
"""Of two times that a call can take: exp(50) is 5e21."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One benchmark of one session: seconds of a call of `samples` samples, the median of its rounds.

    `rounds` are the raw values when they were saved; `reference_rounds` the seconds of a call of the reference model
    beside each of them, `reference_seconds` their median and `reference` that model's sha256, when there was one.
    `cpu_rounds` and `reference_cpu_rounds` are the same rounds in CPU seconds of the thread that ran both (.tflite
    files on one thread only). `session` counts the sessions of a merged run from 0. `paired` are fresh processes that
    timed this variant (head) against another (base), by the other's name, when a gate asks for confidence. `running`
    are the runtime and settings that it was timed with; those that tuning chose, where it did.
    """

    variant: str
    mode: str
    threads: int
    batch: int
    samples: int
    seconds: float
    strategy: str | None = None
    trial: dict[str, float] = field(default_factory=dict)
    rounds: tuple[float, ...] = ()
    reference: str | None = None
    reference_seconds: float | None = None
    reference_rounds: tuple[float, ...] = ()
    cpu_rounds: tuple[float, ...] = ()
    reference_cpu_rounds: tuple[float, ...] = ()
    session: int = 0
    paired: dict[str, tuple[PairedTiming, ...]] = field(default_factory=dict)
    running: Running = PLAIN

    @property
    def runs_on(self) -> str:
        """What ran it; empty for LiteRT with its defaults, as all was before there was a choice, and for Keras."""
        return "" if self.running.plain else self.running.name

    @property
    def benchmark(self) -> tuple[str, str, int]:
        """What tells one benchmark of a run from the others: variant, mode, threads."""
        return self.variant, self.mode, self.threads

    @property
    def clock(self) -> ClockName:
        """The clock that `normalized` goes by: CPU time where the rounds and the reference have it."""
        return "cpu" if self.cpu_rounds and self.reference_cpu_rounds else "wall"

    @property
    def normalized(self) -> float | None:
        """The median of the rounds' times, each divided by the reference's beside it; None without a reference."""
        return self.normalized_by(self.clock)

    def normalized_by(self, clock: ClockName) -> float | None:
        """Return the same by `clock`; None without a reference, or when that clock was not read."""
        if clock == "cpu":
            return normalized(self.cpu_rounds, self.reference_cpu_rounds) if self.clock == "cpu" else None
        if self.rounds and self.reference_rounds:
            return normalized(self.rounds, self.reference_rounds)
        return self.seconds / self.reference_seconds if self.reference_seconds else None


def benchmark_name(timing: Timing) -> str:
    """Return what tells one benchmark of a run from the others: `variant/mode/threads`."""
    return "/".join(map(str, timing.benchmark))


def common_clock(timings: Iterable[Timing]) -> ClockName:
    """Return the clock by which all of `timings` can be normalized: CPU time when each has it."""
    return "cpu" if all(timing.clock == "cpu" for timing in timings) else "wall"


def _median(timings: Sequence[Timing]) -> Timing:
    if len(timings) == 1:
        return timings[0]
    seconds = statistics.median(timing.seconds for timing in timings)
    rounds = ("rounds", "reference_rounds", "cpu_rounds", "reference_cpu_rounds")
    nothing: dict[str, Any] = {"reference": None, "reference_seconds": None, **dict.fromkeys(rounds, ())}
    return dataclasses.replace(timings[0], seconds=seconds, **nothing)


def over_sessions(timings: Iterable[Timing]) -> tuple[Timing, ...]:
    """Return one timing a benchmark, in their order: over several sessions, the median of their seconds."""
    by_name: dict[BenchmarkName, list[Timing]] = {}
    for timing in timings:
        by_name.setdefault(timing.benchmark, []).append(timing)
    return tuple(_median(found) for found in by_name.values())


def session_quotients(timings: Sequence[Timing], over: BenchmarkName, under: BenchmarkName) -> list[float]:
    """Return the seconds of `over` divided by those of `under`, in each session that timed both."""
    return [top.seconds / timing.seconds for top, timing in _pairs(timings, over, under)]


def judged_quotients(
    timings: Sequence[Timing], over: BenchmarkName, under: BenchmarkName
) -> tuple[list[float], ClockName]:
    """Return the same for a verdict, and the clock: CPU time where both have it in each session, else wall clock."""
    pairs = _pairs(timings, over, under)
    if not pairs or not all(top.cpu_rounds and timing.cpu_rounds for top, timing in pairs):
        return session_quotients(timings, over, under), "wall"
    medians = [tuple(statistics.median(one.cpu_rounds) for one in pair) for pair in pairs]
    return [top / timing for top, timing in medians], "cpu"


def _pairs(timings: Sequence[Timing], over: BenchmarkName, under: BenchmarkName) -> list[tuple[Timing, Timing]]:
    tops = {timing.session: timing for timing in timings if timing.benchmark == over}
    return [(tops[t.session], t) for t in timings if t.benchmark == under and t.session in tops]


def check_timing(timing: Timing, name: str) -> None:
    """Raise RecordError when the timing of the benchmark called `name` cannot be what a run saved."""
    cpu = (*timing.cpu_rounds, *timing.reference_cpu_rounds)
    figures = (timing.seconds, *timing.rounds, *timing.reference_rounds, *cpu, *timing.trial.values())
    if timing.reference_seconds is not None:
        figures += (timing.reference_seconds,)
    if wrong := [seconds for seconds in figures if not _LEAST <= seconds <= _MOST]:
        raise RecordError(f"benchmark {name!r} took {wrong[0]} s; expected more than 0: from {_LEAST:g} to {_MOST:g}")
    if timing.mode not in MODES:
        raise RecordError(f"benchmark {name!r} has mode {timing.mode!r}; expected {', '.join(MODES)}")
    for what in ("threads", "batch", "samples"):
        if not 1 <= getattr(timing, what) <= _MOST:
            raise RecordError(f"benchmark {name!r} has {what} {getattr(timing, what)}; expected 1 or more")
    if timing.session < 0:
        raise RecordError(f"benchmark {name!r} has session {timing.session}; expected 0 or more")
    for rounds, beside in (
        (timing.rounds, timing.reference_rounds),
        (timing.cpu_rounds, timing.reference_cpu_rounds),
        (timing.rounds, timing.cpu_rounds),
    ):
        if rounds and beside and len(rounds) != len(beside):
            raise RecordError(
                f"benchmark {name!r} has {len(rounds)} rounds and {len(beside)} of the reference, or by CPU time, "
                "beside them; the record was changed; run again to save one"
            )
    if bool(timing.cpu_rounds) != bool(timing.reference_cpu_rounds):
        raise RecordError(
            f"benchmark {name!r} has CPU time of its own rounds or of the reference's only; expected both or none; the "
            "record was changed; run again to save one"
        )
    _check_median(name, "median", timing.seconds, timing.rounds)
    _check_median(name, "reference_seconds", timing.reference_seconds, timing.reference_rounds)
    for pair in (pair for pairs in timing.paired.values() for pair in pairs):
        _check_pair(name, pair)


def _check_median(name: str, what: str, got: float | None, rounds: Sequence[float]) -> None:
    median = statistics.median(rounds) if rounds else got
    if got is not None and median is not None and not math.isclose(got, median, rel_tol=1e-6):
        raise RecordError(
            f"benchmark {name!r}: {what} is {got:.6g} s; expected {median:.6g}, the median of its {len(rounds)} "
            "rounds; the record was changed; run again to save one"
        )


def _check_pair(name: str, pair: PairedTiming) -> None:
    ratios = abs(pair.effect) <= _MOST_LOG_RATIO and abs(pair.control) <= _MOST_LOG_RATIO
    counts = pair.rounds >= 1 and pair.calls >= 1 and pair.loads in (1, LOADS)
    if not (ratios and _LEAST <= pair.seconds <= _MOST and counts):
        raise RecordError(
            f"benchmark {name!r} has a paired timing of effect {pair.effect}, control {pair.control}, seconds "
            f"{pair.seconds}, {pair.rounds} rounds of {pair.calls} calls, {pair.loads} loads; expected log ratios "
            f"within {_MOST_LOG_RATIO:g}, seconds from {_LEAST:g} to {_MOST:g}, rounds and calls of 1 or more, 1 or "
            f"{LOADS} loads; run again"
        )
