"""Rounds of a pair: two models and a copy of the first, in short alternating blocks in one process.

Law: what is compared is timed within a millisecond of each other, in balanced order, by the same code and on one clock
(`optkit.measure.clocks`): CPU time of the calling thread where it does all the work.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from optkit.measure.clocks import Clock, ClockName
from optkit.measure.paired import ROLES, PairedTiming

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

Call = Callable[[], object]

Round = Mapping[str, Sequence[float]]
"""The seconds of the two blocks of each role."""


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
