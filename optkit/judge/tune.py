"""Find the settings of a runtime with which a file is fastest, and say how surely they beat the defaults.

Law: what is recommended in place of the defaults is faster by the test of `optkit ab`, at one rate of false alarms for
all settings that were tested together (Holm's method); else the defaults are recommended.

First each setting meets the file in a process of its own: what cannot run it is named, with the reason, and its outputs
are compared with those of the defaults. Then one process times each; what is slower there by a tenth is not tested. The
test uses none of that process' timings, so leaving settings out by it does not change the rate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from optkit.errors import ArtifactError, OptkitError
from optkit.judge.ab import Judgement, compare_pairs
from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.measure.latency import BATCH
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process
from optkit.runtime.attempt import Attempt, attempt
from optkit.runtime.chosen import check_running
from optkit.spec.running import Running, said
from optkit.tflite.interface import read_interface

TuneMode = Literal["single_sample", "single_batch"]
MODES: tuple[TuneMode, ...] = ("single_sample", "single_batch")
_SCREEN_SECONDS = 0.2
_MUCH_SLOWER = math.log(1.1)
Told = Callable[[float, str], None]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One way to run the file. `ratio` is its time over that of the defaults.

    `refusal` says why it cannot run the file. `judgement` is the test; None when it was not tested, and `ratio` is then
    of one process. `difference` is the largest change of an output from what the defaults give, for random samples, as
    a share of the outputs' range.
    """

    settings: Mapping[str, Any]
    ratio: float | None = None
    judgement: Judgement | None = None
    difference: float | None = None
    refusal: str = ""

    @property
    def name(self) -> str:
        """The settings as a suite file writes them."""
        return said(self.settings)

    @property
    def faster(self) -> bool:
        """Whether it is surely faster than the defaults."""
        return self.judgement is not None and self.judgement.verdict == "better"


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What was found for one file, mode and number of threads. `best` are the settings to use: {} for the defaults.

    `seconds` is the time of one call with the defaults, while this was measured. `samples` are in a call.
    """

    path: str
    mode: TuneMode
    threads: int
    samples: int
    runtime: str
    version: str
    seconds: float
    tried: tuple[Setting, ...]

    @property
    def chosen(self) -> Setting | None:
        """The fastest of those that are surely faster than the defaults; None when none is."""
        return min((one for one in self.tried if one.faster), key=lambda one: one.ratio or 1.0, default=None)

    @property
    def best(self) -> Mapping[str, Any]:
        """The settings to use."""
        return self.chosen.settings if self.chosen else {}


def tune(
    path: str | Path,
    *,
    mode: TuneMode = "single_sample",
    threads: int = 1,
    runtime: str = "litert",
    tolerances: Tolerances | None = None,
    seconds: float = 60.0,
    limit: float | None = None,
    told: Told = lambda share, state: None,
) -> Tuning:
    """Find the fastest settings of `runtime` for the .tflite file at `path`, within some `seconds` for each setting.

    `mode` is single_sample (one sample a call) or single_batch (32); a file whose batch is fixed is run with that.
    `limit` is how long the file may take to load and run once. Raises ArtifactError when the file cannot be run with
    the defaults, OptkitError for an unknown mode or runtime.
    """
    path = Path(path)
    if mode not in MODES:
        raise OptkitError(f"mode is {mode!r}; expected {' or '.join(MODES)}")
    found = check_running(Running(runtime=runtime))
    if not found.times or not found.tunable:
        raise OptkitError(f"runtime {runtime!r} has nothing to tune; known: litert")
    samples = read_interface(path).batch or {"single_sample": 1, "single_batch": BATCH}[mode]
    ways = [Running(runtime=runtime, settings=settings) for settings in found.tunable]
    told(0.0, "trying the file with each setting")
    plain = attempt(path, Running(runtime=runtime), threads=threads, batch=samples, seconds=limit)
    if plain.refusal:
        raise ArtifactError(plain.refusal)
    attempts = [attempt(path, way, threads=threads, batch=samples, seconds=limit) for way in ways]
    running = [way for way, one in zip(ways, attempts, strict=True) if not one.refusal]
    more = {"threads": threads, "batch": samples, "limit": limit}
    screened = _screen(path, running, told, **more)
    near = [way for way in running if screened[way.name].effect < _MUCH_SLOWER]
    judged = _judge(path, near, tolerances or Tolerances(), seconds, told, **more)
    base = [timing.seconds for one in judged.values() for timing in one.timings]
    return Tuning(
        path=str(path),
        mode=mode,
        threads=threads,
        samples=samples,
        runtime=runtime,
        version=found.version(),
        seconds=float(np.median([one.seconds for one in screened.values()] + base)),
        tried=tuple(_settings(ways, attempts, plain, screened, judged)),
    )


def _screen(path: Path, ways: Sequence[Running], told: Told, **more: Any) -> dict[str, PairedTiming]:
    """Time each way once against the defaults."""
    found = {}
    for number, way in enumerate(ways):
        told(0.2 * (number + 1) / len(ways), f"one process: {said(way.settings)}")
        found[way.name] = _timed(path, way, number, seconds=_SCREEN_SECONDS, **more)
    return found


def _timed(path: Path, way: Running, number: int, **more: Any) -> PairedTiming:
    sides = {"base": Running(runtime=way.runtime), "head": way}
    return run_process(path, path, number=number, running=sides, **more)


def _judge(
    path: Path, ways: Sequence[Running], tolerances: Tolerances, budget: float, told: Told, **more: Any
) -> dict[str, Judgement]:
    """Test each way against the defaults, until there is a verdict or the time is up."""
    by_name = {way.name: way for way in ways}
    began: dict[str, float] = {}

    def measure(pair: Pair, number: int) -> PairedTiming:
        spent = time.monotonic() - began.setdefault(pair.name, time.monotonic())
        place = len(began) - 1 + min(spent / budget, 1.0)
        told(0.2 + 0.8 * place / len(ways), f"{said(by_name[pair.name].settings)}: process {number + 1}")
        return _timed(path, by_name[pair.name], number, **more)

    pairs = [Pair(name, path, path) for name in by_name]
    return {one.name: one for one in compare_pairs(pairs, measure, tolerances, budget)}


def _settings(
    ways: Sequence[Running],
    attempts: Sequence[Attempt],
    plain: Attempt,
    screened: Mapping[str, PairedTiming],
    judged: Mapping[str, Judgement],
) -> Iterator[Setting]:
    for way, one in zip(ways, attempts, strict=True):
        settings: Any = way.settings
        if one.refusal:
            yield Setting(settings=settings, refusal=one.refusal)
            continue
        judgement = judged.get(way.name)
        yield Setting(
            settings=settings,
            ratio=judgement.ratio if judgement else math.exp(screened[way.name].effect),
            judgement=judgement,
            difference=_difference(plain.outputs, one.outputs),
        )


def _difference(base: Mapping[str, Any], head: Mapping[str, Any]) -> float:
    """Return the largest difference of the outputs as a share of the range of the base's."""
    found = 0.0
    for name, values in base.items():
        span = float(np.ptp(values)) or 1.0
        found = max(found, float(np.max(np.abs(values - head[name]))) / span)
    return found
