"""The reference model is the one that is named; its blocks stand around each round, and a drifting clock cancels."""

import gc
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import ArtifactError
from optkit.measure.reference import (
    REFERENCE,
    REFERENCE_SHA256,
    Limits,
    Plan,
    Reference,
    ReferenceBlocks,
    load_reference,
    normalized,
    plan_rounds,
)

LIMITS = Limits(min_time=0.001, max_time=0.5, min_rounds=5)


class Machine:
    """A clock on which calls take time: `job` and `reference` seconds, both slower the later it is."""

    def __init__(self, job: float, reference: float = 0.0001, drift: float = 0.0) -> None:
        self.now, self.drift, self.log, self.collecting = 0.0, drift, list[str](), set[bool]()
        self.job = self._call("job", job)
        self.reference = Reference("sha", self._call("reference", reference))

    def _call(self, name: str, seconds: float):
        def call() -> None:
            for _ in range(steps := 50 if self.drift else 1):  # it slows down while the call runs, too
                self.now += seconds / steps * (1 + self.drift * self.now)
            self.log.append(name)
            if name == "reference":
                self.collecting.add(gc.isenabled())

        return call

    def clock(self) -> float:
        return self.now


def run_rounds(machine: Machine, plan: Plan, extra: int = 0) -> tuple[list[float], ReferenceBlocks]:
    """Time rounds as pytest-benchmark's pedantic mode does: warm-up rounds too are followed by the teardown."""
    blocks = ReferenceBlocks(machine.job, machine.reference, plan, machine.clock)
    blocks.between()
    rounds = []
    for _ in range(plan.warmup_rounds + plan.rounds):
        began = machine.now
        for _ in range(plan.calls):
            machine.job()
        rounds.append((machine.now - began) / plan.calls)
        blocks.between()
    for _ in range(extra):
        blocks.between()
    return rounds[plan.warmup_rounds :], blocks


def test_the_shipped_file_is_the_one_that_records_name() -> None:
    assert hashlib.sha256(REFERENCE.read_bytes()).hexdigest() == REFERENCE_SHA256
    assert load_reference().sha256 == REFERENCE_SHA256


def test_another_file_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "reference.tflite"
    other.write_bytes(REFERENCE.read_bytes() + b"\0")
    with pytest.raises(ArtifactError, match=f"expected {REFERENCE_SHA256}"):
        load_reference(other)
    with pytest.raises(ArtifactError, match="cannot be read"):
        load_reference(tmp_path / "missing.tflite")


def test_the_reference_computes_something() -> None:
    scores = np.asarray(load_reference().call())
    assert (scores.shape, scores.dtype) == ((1, 10), np.float32)
    assert np.all(np.isfinite(scores))
    assert np.ptp(scores) > 0.1, "all zeros or denormals would take another time than ordinary work"


@given(job=st.floats(1e-6, 2.0))
def test_rounds_are_long_enough_and_pairing_costs_no_time(job: float) -> None:
    machine = Machine(job)
    plan = plan_rounds(machine.job, machine.reference, LIMITS, machine.clock)
    assert plan.calls * job >= 0.999 * LIMITS.min_time
    assert plan.calls == 1 or plan.calls * job < 3 * LIMITS.min_time
    block = plan.block_calls * 0.0001
    assert block >= max(0.0002, 0.0999 * plan.calls * job), "a block is too short to be compared with"
    began = machine.now
    rounds, _ = run_rounds(machine, plan)
    one = (machine.now - began) / plan.rounds
    if plan.rounds > LIMITS.min_rounds:
        assert machine.now - began <= LIMITS.max_time + 2.5 * one, "the blocks come on top of the longest time"
    else:
        assert machine.now - began <= 1.15 * sum(rounds) * plan.calls + 0.01, "the blocks take over 15 %"


def test_a_stall_while_planning_does_not_pass_for_a_long_call() -> None:
    machine = Machine(0.00001)
    stalls = iter([0.0, 0.0, 0.0, 0.004])  # in the block of 100 calls

    def clock() -> float:
        machine.now += next(stalls, 0.0)
        return machine.now

    plan = plan_rounds(machine.job, machine.reference, LIMITS, clock)
    assert plan.calls * 0.00001 == pytest.approx(0.001, rel=0.1)


@given(job=st.floats(0.01, 0.3), change=st.floats(-0.04, 0.04))
def test_a_drifting_clock_cancels(job: float, change: float) -> None:
    machine = Machine(job, drift=change / job)  # so much slower from one round to the next
    plan = Plan(rounds=9, calls=1, warmup_rounds=0, block_calls=2)
    rounds, blocks = run_rounds(machine, plan)
    beyond = abs(normalized(rounds, blocks.rounds()) / (job / 0.0001) - 1)
    with_one = abs(normalized(rounds, blocks.blocks[:-1]) / (job / 0.0001) - 1)
    assert beyond <= 0.002
    if abs(change) > 0.01:
        assert beyond < with_one / 5, "a block before each round would do as well"


def test_blocks_stand_around_timed_rounds_only() -> None:
    machine = Machine(0.001, drift=0.5)
    plan = Plan(rounds=4, calls=1, warmup_rounds=3, block_calls=2)
    _, blocks = run_rounds(machine, plan, extra=2)  # pytest-benchmark's run for the result, and its profile
    expected = [(a + b) / 2 for a, b in zip(blocks.blocks[3:7], blocks.blocks[4:8], strict=True)]
    assert list(blocks.rounds()) == expected
    assert machine.collecting == {True, False}, "the untimed call apart, garbage was collected within a block"


@pytest.mark.parametrize(("calls", "warm"), [(1, 0), (20, 1)])
def test_a_round_of_short_calls_does_not_pay_for_the_reference_in_the_caches(calls: int, warm: int) -> None:
    machine = Machine(0.001 / calls)
    run_rounds(machine, Plan(rounds=1, calls=calls, warmup_rounds=0, block_calls=2))
    block = ["reference"] * 3 + ["job"] * warm
    assert machine.log == [*block, *["job"] * calls, *block]


def test_cpu_seconds_of_rounds_and_blocks_leave_out_what_another_process_took() -> None:
    machine = Machine(0.00005)
    plan = Plan(rounds=5, calls=20, warmup_rounds=2, block_calls=2)
    taken, used = 0.0, machine.clock
    turns = iter([0.0, 0.004, 0.0, 0.0, 0.007, 0.0, 0.0, 0.003] * 9)

    def wall() -> float:
        nonlocal taken
        taken += next(turns)
        return used() + taken

    blocks = ReferenceBlocks(machine.job, machine.reference, plan, wall, used)
    blocks.between()
    for _ in range(plan.warmup_rounds + plan.rounds):
        for _ in range(plan.calls):
            machine.job()
        blocks.between()
    blocks.between()  # pytest-benchmark's run for the result
    assert max(blocks.rounds()) > 0.001, "by wall clock another's turn counts"
    assert blocks.cpu_rounds() == pytest.approx([0.00005] * 5)
    assert blocks.reference_cpu_rounds() == pytest.approx([0.0001] * 5)
    assert normalized(blocks.cpu_rounds(), blocks.reference_cpu_rounds()) == pytest.approx(0.5)


def test_without_a_cpu_clock_there_are_no_cpu_seconds() -> None:
    _, blocks = run_rounds(Machine(0.001), Plan(rounds=2, calls=1, warmup_rounds=0, block_calls=2))
    assert (blocks.cpu_rounds(), blocks.reference_cpu_rounds()) == ((), ())
