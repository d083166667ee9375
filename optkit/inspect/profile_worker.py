"""The process that profiles a file with LiteRT's own profiler: one JSON request in, one JSON answer out.

Rounds of calls without the profiler and rounds with it take turns, so that both feel the same clock. What the profiler
adds to each operator is measured on chains of operators that do next to nothing.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

_BLOCK_SECONDS = 0.002
_LEAST_ROUNDS = 4
_MOST_EVENTS = 1500
"""LiteRT's profiler keeps some 2,000 events; more would push out the first."""
_LARGE = 24 << 20
"""A larger file is not held twice at once."""


def main() -> None:
    """Read the request, profile, answer."""
    from optkit.inspect.litert_c import Failed
    from optkit.process.exchange import received
    from optkit.process.limits import limit_memory, limit_time

    request, answers = received()
    limit_time(request.pop("limit"))
    limit_memory(2 * os.stat(request["path"]).st_size, request["batch"])
    gc.disable()
    try:
        answer = profile(**request)
    except (Failed, AttributeError, OSError, ValueError) as error:
        answer = {"error": f"{error}"}
    answers.write(json.dumps(answer))
    answers.close()


def profile(path: str, threads: int, batch: int, kernels: Any, seconds: float, chains: list[str]) -> dict[str, Any]:
    """Profile `path` for some `seconds`.

    Returns seconds of a call without the profiler, by round (`whole`), and for each place in a call's events its tag,
    type, node, subgraph and mean seconds (`places`); what the profiler adds to an operator on LiteRT's own kernels
    (`event_cost`), and with it to a call (`added`).
    """
    from optkit.inspect.litert_c import Session

    ways: dict[str, Any] = {"threads": threads, "batch": batch, "kernels": kernels}
    cost = _event_cost(chains)
    large = os.stat(path).st_size > _LARGE
    plain = Session(path, **ways)
    call_cost = _fastest(plain.call_nothing, 200)
    if large:  # one after the other
        whole = _timed(plain, seconds / 2)
        plain.close()
        watched = _Watched(Session(path, **ways, profiled=True))
        watched.fill(seconds / 2)
    else:
        session = Session(path, **ways, profiled=True)
        watched = _Watched(session)
        # without a delegate a profiler that is off costs nothing, and one session has one place in memory
        whole = _in_turns(plain if watched.has_kernels() else session, watched, seconds)
    return {
        "whole": [one - call_cost for one in whole],
        "places": watched.places(),
        "event_cost": cost,
        "added": watched.seconds() - statistics.median(whole),
    }


def _timed(session: Any, seconds: float) -> list[float]:
    """Return the seconds of a call, by block, after the first calls have warmed up."""
    calls = _calls(session)
    found: list[float] = []
    ends = time.perf_counter() + seconds
    while len(found) < _LEAST_ROUNDS or time.perf_counter() < ends:
        found.append(_block(session.run, calls))
    return found


def _in_turns(plain: Any, watched: _Watched, seconds: float) -> list[float]:
    calls = _calls(plain)
    found: list[float] = []
    ends = time.perf_counter() + seconds
    while len(found) < _LEAST_ROUNDS or time.perf_counter() < ends:
        plain.run()
        found.append(_block(plain.run, calls))
        watched.take()
    return found


def _calls(session: Any) -> int:
    for _ in range(2):
        session.run()
    return max(1, min(200, int(_BLOCK_SECONDS / max(1e-7, _block(session.run, 2)))))


def _block(call: Callable[[], None], calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - began) / calls


def _fastest(call: Callable[[], None], calls: int) -> float:
    return min(_block(call, calls) for _ in range(5))


class _Watched:
    """A session with the profiler on: batches of calls, and the mean of each place in a call's events."""

    def __init__(self, session: Any) -> None:
        self._session, self._noted = session, 0.0
        session.run()
        first = self._note(1)
        self._marks = [one[:4] for one in first]
        self._at_once = max(1, min(16, _MOST_EVENTS // max(1, len(first))))
        if len(first) > _MOST_EVENTS:
            raise ValueError(f"a call has {len(first)} events, more than the profiler keeps")
        self._means: list[list[float]] = []
        self._seconds: list[float] = []

    def _note(self, calls: int) -> list[tuple[str, int, int, int, int]]:
        self._session.start()
        self._noted = _block(self._session.run, calls)
        self._session.stop()
        found: list[tuple[str, int, int, int, int]] = self._session.events()
        return found

    def take(self) -> None:
        """Run a batch of calls, after one that is not noted: it finds the caches as others left them."""
        self._session.run()
        events, length = self._note(self._at_once), len(self._marks)
        self._seconds.append(self._noted)
        calls = [events[start : start + length] for start in range(0, len(events), length)]
        if len(calls) != self._at_once or any([one[:4] for one in call] != self._marks for call in calls):
            raise ValueError("the calls of the file do not do the same each time")
        columns = zip(*[[one[4] for one in call] for call in calls], strict=True)
        self._means.append([statistics.fmean(column) * 1e-6 for column in columns])

    def has_kernels(self) -> bool:
        """Tell whether a delegate runs a part of the graph."""
        from optkit.inspect.litert_c import DELEGATED

        return any(mark[1] in DELEGATED for mark in self._marks)

    def fill(self, seconds: float) -> None:
        """Run batches for so many seconds."""
        ends = time.perf_counter() + seconds
        while len(self._means) < _LEAST_ROUNDS or time.perf_counter() < ends:
            self.take()

    def seconds(self) -> float:
        """Return the seconds of a call while it is profiled."""
        return statistics.median(self._seconds)

    def places(self) -> list[dict[str, Any]]:
        """Return each place of a call's events, with the median over the batches of its mean seconds."""
        seconds = [statistics.median(column) for column in zip(*self._means, strict=True)]
        names = ("tag", "kind", "node", "subgraph")
        return [
            {**dict(zip(names, mark, strict=True)), "seconds": s} for mark, s in zip(self._marks, seconds, strict=True)
        ]


def _event_cost(chains: list[str]) -> float:
    """Return what the profiler adds to an operator on LiteRT's own kernels.

    `chains` are a short and a long chain of operators that do next to nothing: the time of one more of them without the
    profiler, and the time that the profiler notes.
    """
    from optkit.inspect.litert_c import OPERATOR, Session

    sessions = [Session(path, threads=1, batch=1) for path in chains]
    for session in sessions:
        session.run()
    rounds = [[_block(session.run, 50) for session in sessions] for _ in range(15)]
    watched = _Watched(Session(chains[1], threads=1, batch=1, profiled=True))
    for _ in range(15):
        watched.take()
    noted = [place["seconds"] for place in watched.places() if place["kind"] == OPERATOR]
    if len(noted) < 2:
        return 0.0
    true = statistics.median(long - short for short, long in rounds) / (len(noted) - 1)
    return max(0.0, statistics.fmean(noted) - true)
