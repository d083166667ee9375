"""Time per operator, by LiteRT's own profiler, in several processes: medians, scatter, and what lies outside.

What the profiler notes is corrected:
- An operator on LiteRT's own kernels is noted with what noting it costs; that is measured in the same process and
  taken off.
- A kernel of XNNPACK is noted in whole microseconds, cut off and not rounded. Half of one is added. A kernel that is
  always noted as 0 took less than one: such kernels share what is left of the whole, at most half a microsecond each.

Law: the whole is always timed without the profiler. What the operators do not add up to is shown, and never shared out.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from optkit.errors import ArtifactError
from optkit.inspect.inspection import Inspection
from optkit.inspect.kernels import assign
from optkit.inspect.litert_c import DELEGATED, OPERATOR, why_not
from optkit.inspect.loading import Kernels
from optkit.inspect.small_models import chain
from optkit.names import shown
from optkit.process.temporary import temporary_folder
from optkit.runtime.litert import runtime_version
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch, too_slow

PROCESSES = 5
SECONDS = 0.6
"""What a process measures for, without its start."""
ENOUGH = 0.1
"""Operators that miss the whole by more than this share do not add up."""
_WORKER = "optkit.inspect.profile_worker"
_CHAINS = (1, 33)
_TICK = 1e-6
_NEVER = 0.02
"""A kernel whose mean is under this share of a tick was noted as 0 nearly always."""


@dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds of one operator, or of several that run as one (`operators`, numbers in subgraph 0).

    `seconds` is the median over the processes, `low` and `high` the least and the most, `spread` the distance between
    their quartiles. `kernels` are the kernels of XNNPACK that it ran; without any, LiteRT's own ran. `guessed`: it
    took less than the profiler can tell, a microsecond, and its seconds are a share of what is left.
    """

    operators: tuple[int, ...]
    seconds: float
    low: float
    high: float
    spread: float
    kernels: tuple[str, ...] = ()
    guessed: bool = False


@dataclass(frozen=True, kw_only=True)
class Profile:
    """Where the time of a call goes. `whole` is timed without a profiler: the median over `processes`, its least and
    most, and the distance between its quartiles (`spread`).

    `method` is `profiler` or `prefixes`; `note` says why it is not the profiler. `kernels` says what ran operators:
    `default` is XNNPACK where it can. Operators that are in no `timed` took no time of their own: their work is done
    in another's kernel, or not at all. `added` is what profiling added to a call; it is in no other figure.
    """

    method: Literal["profiler", "prefixes"]
    kernels: Kernels
    threads: int
    batch: int
    processes: int
    whole: float
    low: float
    high: float
    spread: float
    timed: tuple[Timed, ...]
    added: float = 0.0
    note: str = ""

    @property
    def outside(self) -> float:
        """Seconds of a call that are in no operator; less than 0 when operators add up to more than the whole."""
        return self.whole - sum(one.seconds for one in self.timed)

    @property
    def adds_up(self) -> bool:
        """Whether the operators add up to the whole within 10 %."""
        return abs(self.outside) <= ENOUGH * self.whole

    def of(self, operator: int) -> Timed | None:
        """Return the time that `operator` is in."""
        return next((one for one in self.timed if operator in one.operators), None)


class NoProfiler(Exception):
    """LiteRT's profiler cannot be used on this file, or here. The text says why."""


def profile_model(
    found: Inspection, *, kernels: Kernels = "default", processes: int = PROCESSES, seconds: float = SECONDS
) -> Profile:
    """Return the time of each operator of an inspected file, by LiteRT's own profiler, in `processes` processes.

    Threads and batch are those that it was inspected with. Raises NoProfiler when the profiler cannot be used, and
    ArtifactError when the file does not run here.
    """
    return profile_models([found], kernels=kernels, processes=processes, seconds=seconds)[0]


def profile_models(
    found: Sequence[Inspection], *, kernels: Kernels = "default", processes: int = PROCESSES, seconds: float = SECONDS
) -> list[Profile]:
    """Return what `profile_model` does for several files, whose processes take turns. Raises as that does."""
    if reason := why_not(runtime_version()):
        raise NoProfiler(reason)
    for one in found:
        if one.running.error:
            raise ArtifactError(f"{one.path} cannot be timed: {one.running.error}")
    answers: list[list[dict[str, Any]]] = [[] for _ in found]
    with temporary_folder("profile") as folder:
        chains = [folder / f"{length}.tflite" for length in _CHAINS]
        for path, length in zip(chains, _CHAINS, strict=True):
            path.write_bytes(chain(length))
        for _ in range(processes):
            for one, its in zip(found, answers, strict=True):
                its.append(_ask(one, kernels, seconds, chains))
    return [combined(one, kernels, its) for one, its in zip(found, answers, strict=True)]


def _ask(found: Inspection, kernels: Kernels, seconds: float, chains: Iterable[Path]) -> dict[str, Any]:
    path = Path(found.path)
    limit = 4 * default_seconds(path) + 2 * seconds + 30
    ways = {"threads": found.running.threads, "batch": found.running.batch, "kernels": kernels, "seconds": seconds}
    request = {"path": str(path.absolute()), **ways, "limit": limit, "chains": [str(one) for one in chains]}
    try:
        done = launch(_WORKER, request, limit + 30)
    except subprocess.TimeoutExpired:
        raise NoProfiler(too_slow(path, limit)) from None
    if killed_by_alarm(done.returncode):
        raise NoProfiler(too_slow(path, limit))
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise NoProfiler(crashed(path, done.returncode, done.stderr)) from None
    if "error" in answer:
        raise NoProfiler(shown(answer["error"]))
    return answer


def combined(found: Inspection, kernels: Kernels, answers: Sequence[dict[str, Any]]) -> Profile:
    """Return one profile of what several processes noted: medians, and the least and the most."""
    each, guesses = [], []
    for answer in answers:
        its, unseen = _one_process(found, answer)
        each.append(its)
        guesses.append(unseen)
    keys = [key for key in each[0] if all(key in one for one in each)]
    wholes = [statistics.median(answer["whole"]) for answer in answers]
    timed = []
    for key in keys:
        seconds = [one[key] for one in each]
        guessed = all(key in one for one in guesses)
        timed.append(Timed(operators=key[0], kernels=key[1], guessed=guessed, **scattered(seconds)))
    return Profile(
        method="profiler",
        kernels=kernels,
        threads=found.running.threads,
        batch=found.running.batch,
        processes=len(answers),
        whole=statistics.median(wholes),
        low=min(wholes),
        high=max(wholes),
        spread=scattered(wholes)["spread"],
        timed=tuple(sorted(timed, key=lambda one: one.operators)),
        added=statistics.median(answer["added"] for answer in answers),
    )


def scattered(seconds: Sequence[float]) -> dict[str, Any]:
    """Return the median of several processes' seconds, their least and most, and the distance of their quartiles."""
    low, middle, high = (float(one) for one in np.quantile(seconds, (0.25, 0.5, 0.75)))
    return {"seconds": middle, "low": min(seconds), "high": max(seconds), "spread": high - low}


_Key = tuple[tuple[int, ...], tuple[str, ...]]


def _one_process(found: Inspection, answer: dict[str, Any]) -> tuple[dict[_Key, float], set[_Key]]:
    """Return the seconds of each operator in one process, corrected, and those that are a guess."""
    own, groups = _events(answer["places"])
    seconds: dict[_Key, float] = {}
    for node, noted in own:
        key: _Key = ((node,), ())
        seconds[key] = seconds.get(key, 0.0) + max(0.0, noted - answer["event_cost"])
    unseen: list[_Key] = []
    for operators, inside in _parts(found, groups):
        for key, ticks in _part(found, operators, inside):
            if ticks < _NEVER * _TICK:
                unseen.append(key)
            else:
                seconds[key] = seconds.get(key, 0.0) + ticks
    left = statistics.median(answer["whole"]) - sum(seconds.values())
    share = min(_TICK / 2, max(0.0, left) / len(unseen)) if unseen else 0.0
    for key in unseen:
        seconds[key] = seconds.get(key, 0.0) + share
    return seconds, set(unseen)


_Kernels = list[tuple[str, float]]


def _events(places: Sequence[dict[str, Any]]) -> tuple[list[tuple[int, float]], list[_Kernels]]:
    """Return (node, seconds) of each operator on LiteRT's own kernels, and the kernels of each part of a delegate.

    A delegate's node is not noted itself, only its kernels, numbered from 0. So a part begins behind an operator, and
    where the numbers begin anew.
    """
    own: list[tuple[int, float]] = []
    groups: list[_Kernels] = []
    last = -1
    for place in places:
        if place["kind"] == OPERATOR:
            last = -1
            if place["subgraph"] == 0:
                own.append((place["node"], place["seconds"]))
        elif place["kind"] in DELEGATED:
            if last < 0 or place["node"] <= last:
                groups.append([])
            last = place["node"]
            groups[-1].append((shown(place["tag"]), place["seconds"]))
    return own, groups


def _parts(found: Inspection, groups: Sequence[_Kernels]) -> list[tuple[tuple[int, ...], _Kernels]]:
    """Return the operators and the kernels of each part; all together where they are not as many as LiteRT told."""
    parts = found.running.parts or ()
    if len(parts) == len(groups):
        return [(part.operators, group) for part, group in zip(parts, groups, strict=True)]
    inside = tuple(sorted(index for part in parts for index in part.operators))
    return [(inside, [kernel for group in groups for kernel in group])] if groups else []


def _part(found: Inspection, operators: tuple[int, ...], inside: _Kernels) -> list[tuple[_Key, float]]:
    """Return the seconds of the operators of a part: one by one where its kernels tell."""
    kinds = [found.main.operators[index].kind for index in operators]
    names = [name for name, _ in inside]
    places = assign(names, kinds)
    if places is None:
        return [((operators, tuple(names)), _seen([ticks for _, ticks in inside]))]
    by_operator: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        by_operator.setdefault(operators[place], []).append(number)
    return [
        (((operator,), tuple(names[number] for number in numbers)), _seen([inside[number][1] for number in numbers]))
        for operator, numbers in by_operator.items()
    ]


def _seen(ticks: Sequence[float]) -> float:
    """Return the seconds of kernels, with half a tick for each that was noted as more than nothing."""
    return sum((one + _TICK / 2 for one in ticks if one >= _NEVER * _TICK), 0.0)
