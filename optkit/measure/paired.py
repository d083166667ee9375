"""Paired timing: two models, and a copy of the first as a control, in short alternating blocks in one process.

Law: what is compared is timed within a millisecond of each other, in balanced order, by the same code and on one clock
(`optkit.measure.clocks`): CPU time of the calling thread where it does all the work. The sample is the process. The
clock of a shared machine changes by a third within seconds, so nothing else is comparable; and
where a model lies in memory stays the same for a whole process and moves its time by half a per cent (Mytkowicz et
al. 2009, "Producing Wrong Data Without Doing Anything Obviously Wrong"), so only fresh processes are independent.
"""

from __future__ import annotations

import dataclasses
import gc
import math
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import ArtifactError
from optkit.measure.clocks import Clock, ClockName, clock_for

ROLES = ("base", "head", "copy")
LOAD_ORDERS: tuple[tuple[str, ...], ...] = (
    ("base", "head", "copy"),
    ("head", "base", "copy"),
    ("copy", "base", "head"),
    ("copy", "head", "base"),
    ("base", "copy", "head"),
    ("head", "copy", "base"),
)
"""Every order of loading; six processes in a row are balanced, and the first two in which of the pair comes first."""

_BLOCK_SECONDS = 0.0003
"""Far below a scheduler's slice of some 3 ms, so that most blocks are whole when other processes want the cores. By
wall clock, with five to seven others on two cores, twelve processes of identical models scattered by 11 to 14 % with
blocks of 2 ms, by 0.5 to 4 % with 0.5 ms and by 0.3 to 2.4 % with 0.2 ms. Reading the CPU clock takes 0.4 µs."""
_CYCLE = 6
"""Rounds after which each role has had each place equally often. Part of a cycle would favour a role: the second of two
blocks of the same model in a row was faster by 4 % for MobileNet v1 (size 96), whose weights fill a cache."""
_TURNS = ((0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1), (2, 0, 1), (1, 0, 2))
"""First halves of the rounds of a cycle. Every second one is the one two before with each role in the place of the
next, so each role is as often as the others met again after none, one or two of them. One that was met again sooner
at the turn of two rounds was 0.7 % faster (the same MobileNet: 102 processes of identical files)."""
SECONDS = 0.4
"""What a process times for, on the clock that it times with. It also starts and loads, for some 0.5 s."""
LOADS = len(LOAD_ORDERS)
"""How often a process loads the three, in each order once. Where a model lies in memory is worth more than all else,
and no further round averages it out: on an Intel Xeon two copies of a MobileNet differed by 3.7 % from one loading to
the next (standard deviation), in one process as between processes. Means of six loadings differed by 0.9 %."""
_MOST_BYTES = 24 << 20
"""Of a file that is loaded more than once: what was loaded before stays, so that its place is not used again."""

Call = Callable[[], object]


Round = Mapping[str, Sequence[float]]
"""The seconds of the two blocks of each role."""


@dataclass(frozen=True, kw_only=True)
class PairedTiming:
    """One process: medians over its rounds of log(head / base) and, the control, of log(copy / base).

    With several `loads` they are means over the loadings. `load_order` is the order the three were first loaded in;
    `calls` the calls in a block; `seconds` of one call of the
    base is for information: it holds for the moment only. `clock` took all of them; what was saved before there was a
    choice was taken by wall clock.
    """

    effect: float
    control: float
    load_order: tuple[str, ...]
    rounds: int
    calls: int
    seconds: float
    clock: ClockName = "wall"
    loads: int = 1

    def __post_init__(self) -> None:
        if self.load_order not in LOAD_ORDERS:
            raise ValueError(f"load_order is {self.load_order}; expected an order of {', '.join(ROLES)}")


def round_orders(number: int, load_order: Sequence[str]) -> tuple[str, ...]:
    """Return the order of the six blocks of a round: each of the three once, then again in reverse.

    The reverse cancels a linear drift of the clock (ABBA); from round to round each takes each place in turn. Places
    go by the order of loading, so what they are worth is told, and taken out, with what that order is worth.
    """
    turn = tuple(load_order[place] for place in _TURNS[number % _CYCLE])
    return turn + turn[::-1]


def time_rounds(
    calls: Mapping[str, Call], seconds: float, *, clock: Clock = time.perf_counter
) -> tuple[list[Round], int]:
    """Time rounds of alternating blocks for about `seconds` of `clock`; return the rounds, and the calls in a block.

    `calls` has one call by role, in the order of loading. The number of rounds is a multiple of six, so that no role
    gains by its places. A block is some 0.3 ms of the slowest of them, and the same number of calls for all. Before
    each block is one call that is not timed, so that no role pays for what the one before left in the caches.
    """
    count, load_order = calls_in_a_block(calls, clock), tuple(calls)
    rounds: list[Round] = []
    collected = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        began = clock()
        while not rounds or len(rounds) % _CYCLE or clock() - began < seconds:
            blocks: dict[str, list[float]] = {role: [] for role in ROLES}
            for role in round_orders(len(rounds), load_order):
                blocks[role].append(_block(calls[role], count, clock))
            rounds.append(blocks)
    finally:
        if collected:
            gc.enable()
    return rounds, count


def _block(call: Call, count: int, clock: Clock) -> float:
    call()
    repeats = range(count)
    began = clock()
    for _ in repeats:
        call()
    return clock() - began


def calls_in_a_block(calls: Mapping[str, Call], clock: Clock) -> int:
    """Return how many calls of the slowest of `calls` take about a block, 1 at least."""

    def shortest(call: Call) -> float:
        return min(_block(call, 1, clock) for _ in range(5))

    return max(1, round(_BLOCK_SECONDS / max(*map(shortest, calls.values()), 1e-9)))


def summarize(rounds: Sequence[Round], count: int, load_order: Sequence[str], clock: ClockName) -> PairedTiming:
    """Return the medians of the ratios of `rounds`, whose blocks are of `count` calls, timed by `clock`.

    Of the two blocks of a role in a round the shorter counts, since whatever disturbs makes a block longer. By CPU
    time too: a process that gets its core back finds the caches filled by another.
    """
    times = {role: np.array([min(one[role]) for one in rounds]) for role in ROLES}

    def log_ratio(role: str) -> float:
        return math.log(float(np.median(times[role] / times["base"])))

    return PairedTiming(
        effect=log_ratio("head"),
        control=log_ratio("copy"),
        load_order=tuple(load_order),
        rounds=len(rounds),
        calls=count,
        seconds=float(np.median(times["base"])) / count,
        clock=clock,
    )


def time_pair(
    base: Path,
    head: Path,
    *,
    threads: int,
    batch: int,
    seconds: float,
    load_order: Sequence[str],
    entering: Callable[[str | None], None] = lambda role: None,
) -> PairedTiming:
    """Load `base`, `head` and a copy of `base`, first in `load_order`, and time them in this process for `seconds`.

    They are loaded `LOADS` times, in each order once, and the means over the loadings are returned. They are loaded
    once, in `load_order`, when they are large or slow, and Keras files always. A .h5 file is a Keras model, timed in
    `predict()`; any other is a .tflite file. Two .tflite files on one thread are timed by CPU time, all else by wall
    clock. `entering` is told as `prepared_calls` tells it. Raises ArtifactError as that does.
    """
    keras = any(_is_keras(path) for path in (base, head))
    name, clock = clock_for(threads=threads, tflite=not keras)
    small = not keras and max(_bytes(base), _bytes(head)) <= _MOST_BYTES
    loads, first = LOADS if small else 1, LOAD_ORDERS.index(tuple(load_order))
    kept: list[dict[str, Call]] = []
    found: list[PairedTiming] = []
    while len(found) < loads:
        order = LOAD_ORDERS[(first + len(found)) % LOADS]
        kept.append(
            prepared_calls(
                base,
                head,
                threads=threads,
                batch=batch,
                load_order=order,
                entering=entering,
                verified=bool(kept),
            )
        )
        began = clock()
        rounds, count = time_rounds(kept[-1], seconds / loads, clock=clock)
        found.append(summarize(rounds, count, order, name))
        if len(found) == 1 and clock() - began > seconds:  # six rounds of slow calls: all that there is time for
            break
    return mean_of(found)


def mean_of(loadings: Sequence[PairedTiming]) -> PairedTiming:
    """Return the timings of all loadings of a process as one: means of the log ratios, the median of the seconds."""
    return dataclasses.replace(
        loadings[0],
        effect=float(np.mean([one.effect for one in loadings])),
        control=float(np.mean([one.control for one in loadings])),
        rounds=sum(one.rounds for one in loadings),
        seconds=float(np.median([one.seconds for one in loadings])),
        loads=len(loadings),
    )


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # loading it says what is wrong
        return 0


def prepared_calls(
    base: Path,
    head: Path,
    *,
    threads: int,
    batch: int,
    load_order: Sequence[str],
    entering: Callable[[str | None], None] = lambda role: None,
    verified: bool = False,
) -> dict[str, Call]:
    """Load `base`, `head` and a copy of `base` in `load_order`; return what runs each once, by role in that order.

    `entering` is told the role before each is loaded and before each is first called, and None when all have been.
    Files that were `verified` before are not verified again. Raises ArtifactError when a file cannot be run with
    `batch` samples a call, or the two take different samples.
    """

    def load(role: str) -> Any:
        entering(role)
        return _load(sources[role], copies[role], threads, batch, verified)

    sources = {"base": base, "head": head, "copy": base}
    with tempfile.TemporaryDirectory(prefix="optkit-ab-") as folder:
        copies = {role: _copy(path, Path(folder) / f"{role}{path.suffix}") for role, path in sources.items()}
        runners = {role: load(role) for role in load_order}
    if runners["base"].sample_shape != runners["head"].sample_shape:
        raise ArtifactError(
            f"{base} takes samples of shape {runners['base'].sample_shape} and {head} of shape "
            f"{runners['head'].sample_shape}; compare two forms of one model"
        )
    x = np.random.default_rng(0).random((batch, *runners["base"].sample_shape), np.float32)
    calls = {role: _caller(runner, runner.prepare(x)) for role, runner in runners.items()}
    for role, call in calls.items():
        entering(role)
        call()
    entering(None)
    return calls


def _copy(path: Path, to: Path) -> Path:
    """Copy a model, so that all three have paths of one length.

    A longer one shifts what is allocated after it: with longer paths for base and head, a model of 8 µs a call was
    0.5 to 1 % slower than its copy, and being loaded first was worth 2 %.
    """
    try:
        to.write_bytes(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path} cannot be copied: {error.strerror}; give a .tflite file") from error
    return to


def _is_keras(path: Path) -> bool:
    return path.suffix == ".h5"


def _load(source: Path, copy: Path, threads: int, batch: int, verified: bool) -> Any:
    try:
        if _is_keras(copy):
            from optkit.runtime.keras_runner import KerasRunner

            return KerasRunner(copy, threads=threads, batch=batch)
        from optkit.runtime import TFLiteRunner

        return TFLiteRunner(copy, threads=threads, batch=batch, verified=verified)
    except ArtifactError as error:
        raise ArtifactError(str(error).replace(str(copy), str(source))) from error


def _caller(runner: Any, prepared: Any) -> Call:
    return lambda: runner.invoke(prepared)


def load_places(timings: Sequence[PairedTiming], role: str) -> Any:
    """Return what loading order does to log(role / base): covariates (processes, 2) that sum to 0 over six orders.

    Column k is +1 where `role` was loaded as number k + 1, -1 where the base was (from 0). A process that loaded in all
    orders has zeros; where all have, there is nothing to account for: (processes, 0).
    """
    places = np.array([_places(timing, role) for timing in timings], np.float64).reshape(len(timings), 2)
    return places if places.any() else places[:, :0]


def _places(timing: PairedTiming, role: str) -> list[int]:
    if timing.loads == LOADS:
        return [0, 0]
    return [(timing.load_order[k] == role) - (timing.load_order[k] == "base") for k in (1, 2)]
