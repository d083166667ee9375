"""Blocks alternate in balanced order under one clock without garbage collection; a real process answers in kind."""

import gc
import math
from collections import Counter
from itertools import pairwise, permutations

import msgspec
import numpy as np
import pytest

from optkit.measure.clocks import ClockName
from optkit.measure.paired import LOAD_ORDERS, ROLES, PairedTiming, load_places
from optkit.measure.paired_rounds import round_orders, summarize, time_rounds


class Machine:
    """A clock, and calls that take time on it: seconds by role, slower the later it is, and a cost after another.

    With a `share`, the core is given to another for that share of the time, in slices of 3 ms: `now` goes on, as wall
    clock does, and `used` stands, as CPU time does. After a slice one call takes a tenth longer on both: cold caches.
    """

    def __init__(self, seconds: dict[str, float], drift: float = 0.0, switch: float = 0.0, share: float = 0.0) -> None:
        self.now, self.log, self.collecting = 0.0, list[str](), set[bool]()
        self.used, self.slices, self._left = 0.0, 0, 0.003
        self._cold = False
        self._seconds, self._drift, self._switch, self._share = seconds, drift, switch, share
        self.calls = {role: self._call(role) for role in seconds}

    def _call(self, role: str):
        def call() -> None:
            moved = self._switch if self.log and self.log[-1] != role else 0.0
            taken = self._seconds[role] * (1 + self._drift * self.now) + moved
            taken *= 1.1 if self._cold else 1.0
            self._cold = False
            self.now += taken
            self.used += taken
            self._left -= taken
            while self._share and self._left < 0:
                self._left += 0.003 * (1 - self._share) / self._share
                self.now += 0.003
                self.slices += 1
                self._cold = True
            self.log.append(role)
            self.collecting.add(gc.isenabled())

        return call

    def clock(self) -> float:
        return self.now

    def cpu_clock(self) -> float:
        return self.used


def timed(machine: Machine, seconds: float = 0.5, clock: ClockName = "wall") -> PairedTiming:
    clocks = {"wall": machine.clock, "cpu": machine.cpu_clock}
    rounds, calls = time_rounds(machine.calls, seconds, clock=clocks[clock])
    return summarize(rounds, calls, LOAD_ORDERS[0], clock)


def test_a_round_is_a_palindrome_of_all_three_and_places_rotate() -> None:
    orders = [round_orders(i, LOAD_ORDERS[0]) for i in range(6)]
    assert all(order == order[::-1] and Counter(order) == dict.fromkeys(ROLES, 2) for order in orders)
    for place in range(3):
        assert Counter(order[place] for order in orders) == dict.fromkeys(ROLES, 2)


def test_no_role_is_met_again_sooner_than_another() -> None:
    log = [role for number in range(12) for role in round_orders(number, LOAD_ORDERS[0])]
    began, again = len(log) // 2, {role: Counter[int]() for role in ROLES}  # the second of two cycles
    for position in range(began, len(log)):
        role = log[position]
        before = max(earlier for earlier in range(position) if log[earlier] == role)
        again[role][position - before - 1] += 1
    assert again["base"] == again["head"] == again["copy"]


def test_places_go_by_the_order_of_loading() -> None:
    for loaded in LOAD_ORDERS:
        machine = Machine(dict.fromkeys(loaded, 1e-3))
        _, calls = time_rounds(machine.calls, 0.0, clock=machine.clock)
        assert calls == 1  # and one before that is not timed
        orders = [round_orders(number, loaded) for number in range(6)]
        assert orders[0][:3] == loaded
        assert machine.log[-6 * 6 * 2 :: 2] == [role for order in orders for role in order]


def test_loading_is_balanced_over_six_processes_and_over_the_first_two() -> None:
    assert set(LOAD_ORDERS) == {tuple(np.array(ROLES)[list(p)]) for p in permutations(range(3))}
    first, second = ([role for role in order if role != "copy"] for order in LOAD_ORDERS[:2])
    assert first == second[::-1]
    timings = [PairedTiming(effect=0, control=0, load_order=o, rounds=1, calls=1, seconds=1) for o in LOAD_ORDERS]
    for role in ("head", "copy"):
        places = load_places(timings, role)
        assert places.sum(axis=0).tolist() == [0, 0]
        assert np.linalg.matrix_rank(np.column_stack([np.ones(6), places])) == 3


def test_ratios_are_found_whatever_the_drift_and_what_ran_before() -> None:
    machine = Machine({"base": 1e-5, "head": 1.05e-5, "copy": 1e-5}, drift=0.5, switch=3e-5)
    found = timed(machine)
    assert found.effect == pytest.approx(math.log(1.05), abs=1e-4)
    assert found.control == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("a_call", [1e-5, 5e-4, 2e-3, 0.1])
def test_what_another_process_took_of_the_core_is_not_counted(a_call: float) -> None:
    machine = Machine({"base": a_call, "head": 1.05 * a_call, "copy": a_call}, share=0.5)
    found = timed(machine, clock="cpu")
    assert machine.slices > 50
    assert machine.now > 1.5 * machine.used, "wall clock jumps meanwhile"
    assert found.clock == "cpu"
    assert found.effect == pytest.approx(math.log(1.05), abs=1e-6)
    assert found.control == pytest.approx(0, abs=1e-6)
    assert found.seconds == pytest.approx(a_call, rel=0.11)


def test_by_wall_clock_the_shorter_of_two_blocks_is_mostly_a_whole_one() -> None:
    found = timed(Machine({"base": 1e-5, "head": 1.05e-5, "copy": 1e-5}, share=0.5))
    assert found.effect == pytest.approx(math.log(1.05), abs=1e-6)
    assert found.seconds == pytest.approx(1e-5)


def test_what_was_saved_without_a_clock_was_timed_by_wall_clock() -> None:
    saved = {"effect": 0.0, "control": 0.0, "load_order": ROLES, "rounds": 6, "calls": 1, "seconds": 1.0}
    assert msgspec.convert(saved, PairedTiming).clock == "wall"
    assert msgspec.convert({**saved, "clock": "cpu"}, PairedTiming).clock == "cpu"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**saved, "clock": "sun"}, PairedTiming)


def test_blocks_are_sized_by_the_slowest_and_of_equal_calls() -> None:
    machine = Machine({"base": 1e-5, "head": 6e-5, "copy": 1e-5})
    found = timed(machine)
    assert found.calls == 5
    blocks = [1]
    for before, after in pairwise(machine.log):
        blocks = [*blocks[:-1], blocks[-1] + 1] if before == after else [*blocks, 1]
    assert set(blocks[4:-1]) == {6, 12}  # one that is not timed and five that are, once or, at a turn, twice
    assert found.seconds == pytest.approx(1e-5)


@pytest.mark.parametrize(("a_call", "seconds", "rounds"), [(1.0, 0.5, 6), (0.01, 0.5, 6), (0.01, 1.0, 12)])
def test_every_role_has_every_place_equally_often_also_when_models_are_slow(
    a_call: float, seconds: float, rounds: int
) -> None:
    found = timed(Machine(dict.fromkeys(ROLES, a_call)), seconds)  # a round is six times a warm and a timed call
    assert (found.calls, found.rounds) == (1, rounds)


def test_nothing_is_collected_while_timing_and_collection_goes_on_after() -> None:
    machine = Machine(dict.fromkeys(ROLES, 1e-3))
    assert gc.isenabled()
    time_rounds(machine.calls, 0.1, clock=machine.clock)
    assert gc.isenabled()
    calibration = 3 * 10
    machine.collecting.clear()
    rounds, _ = time_rounds(machine.calls, 0.1, clock=machine.clock)
    assert len(rounds) * 6 > calibration / 6
    assert False in machine.collecting
