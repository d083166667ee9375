"""Decisions on intervals: error rates of the whole sequential procedure, its bookkeeping, and what never happens."""

import dataclasses
import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import Gate
from optkit.judge.confidence import (
    LOOKS,
    Interval,
    accuracy_interval,
    decide,
    drop_interval,
    paired_gates,
    speedup_interval,
    time_until_decided,
)
from optkit.measure.paired import PairedTiming
from optkit.suites import read_suite, tomllib
from tests.builders import NOISE, process
from tests.conftest import SUITE

FASTER = Gate(metric="speedup", min=1.0, modes=("single_batch",), at="95%")
DROP = Gate(metric="accuracy_drop", max=0.01, at="95%")
NUMBERS = st.floats(-10, 10)
BOUNDS = st.sampled_from(["min", "max", "above", "below"])
LEVELS = st.sampled_from(["50%", "90%", "95%", "99%", "99.9%"])


def speedup_gate(at: str = "95%", **bounds: Any) -> Gate:
    return Gate(metric="speedup", modes=("single_batch",), at=at, **bounds)


def series(speedup: float, seed: int, noise: float = NOISE, control: float = 0.0) -> list[PairedTiming]:
    rng = np.random.default_rng(seed)
    return [
        process(number, -math.log(speedup) + float(rng.normal(0, noise)), control + float(rng.normal(0, noise)))
        for number in range(LOOKS[-1])
    ]


def decision(gate: Gate, timings: list[PairedTiming]) -> str:
    found = speedup_interval(gate, timings)
    assert found
    return decide(gate, found)


@given(st.dictionaries(BOUNDS, NUMBERS, min_size=1), NUMBERS, NUMBERS, NUMBERS)
def test_a_gate_never_both_passes_and_fails(bounds: dict[str, Any], a: float, b: float, inside: float) -> None:
    gate = speedup_gate(**bounds)
    low, high = min(a, b), max(a, b)
    both = gate.holds(low) and gate.holds(high), gate.excludes(low, high)
    assert both != (True, True)
    word = decide(gate, Interval(value=low, low=low, high=high))
    value = min(max(inside, low), high)
    if word != "inconclusive":
        assert gate.holds(value) == (word == "pass"), "what is decided is so for every value of the interval"


@given(st.dictionaries(BOUNDS, NUMBERS, min_size=1, max_size=1), NUMBERS)
def test_an_interval_of_one_value_is_the_point(bounds: dict[str, Any], value: float) -> None:
    gate = speedup_gate(**bounds)
    assert decide(gate, Interval(value=value, low=value, high=value)) == ("pass" if gate.holds(value) else "fail")


@pytest.mark.parametrize(
    ("bound", "low", "high", "word"),
    [
        ({"min": 1.0}, 1.0, 2.0, "pass"),
        ({"above": 1.0}, 1.0, 2.0, "inconclusive"),
        ({"min": 1.0}, 0.5, 1.0, "inconclusive"),
        ({"above": 1.0}, 0.5, 1.0, "fail"),
        ({"max": 1.0}, 0.5, 1.0, "pass"),
        ({"below": 1.0}, 0.5, 1.0, "inconclusive"),
        ({"max": 1.0}, 1.0, 2.0, "inconclusive"),
        ({"below": 1.0}, 1.0, 2.0, "fail"),
        ({"min": 1.0, "max": 2.0}, 1.0, 2.0, "pass"),
        ({"min": 1.0, "max": 2.0}, 0.9, 2.1, "inconclusive"),
        ({"min": 1.0, "max": 2.0}, 2.1, 2.2, "fail"),
        ({"min": 1.0}, 0.0, math.inf, "inconclusive"),
        ({"min": 1.0}, math.nan, math.nan, "inconclusive"),
    ],
)
def test_a_limit_at_the_end_of_the_interval(bound: dict[str, Any], low: float, high: float, word: str) -> None:
    assert decide(speedup_gate(**bound), Interval(value=1.0, low=low, high=high)) == word


TIMINGS = st.lists(st.tuples(st.floats(-0.05, 0.05), st.floats(-0.02, 0.02)), min_size=2, max_size=12)


@given(TIMINGS, st.floats(0.95, 1.05), LEVELS, LEVELS)
def test_wider_confidence_never_turns_inconclusive_into_a_decision(
    values: list[tuple[float, float]], limit: float, one: str, other: str
) -> None:
    timings = [process(i, effect, control) for i, (effect, control) in enumerate(values)]
    lower, higher = sorted((one, other), key=lambda at: float(at[:-1]))
    if decision(speedup_gate(lower, min=limit), timings) == "inconclusive":
        assert decision(speedup_gate(higher, min=limit), timings) == "inconclusive"


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.floats(-0.1, 0.1), LEVELS, LEVELS)
def test_intervals_of_accuracy_grow_with_the_confidence(
    lost: int, gained: int, both: int, limit: float, one: str, other: str
) -> None:
    base = np.array([True] * (lost + both) + [False] * (gained + 10))
    own = np.array([False] * lost + [True] * (both + gained) + [False] * 10)
    lower, higher = sorted((one, other), key=lambda at: float(at[:-1]))
    for metric in ("accuracy", "accuracy_drop"):
        gates = [Gate(metric=metric, max=limit, at=at) for at in (lower, higher)]
        found = [accuracy_interval(g, own) if metric == "accuracy" else drop_interval(g, base, own) for g in gates]
        assert found[1].low <= found[0].low <= found[0].value <= found[0].high <= found[1].high
        if decide(gates[0], found[0]) == "inconclusive":
            assert decide(gates[1], found[1]) == "inconclusive"


@pytest.mark.parametrize(("speedup", "wrong"), [(1.0, "pass"), (0.9999, "pass"), (1.0001, "fail")])
@pytest.mark.parametrize("noise", [0.002, NOISE, 0.02])
def test_at_the_limit_a_wrong_word_is_as_rare_as_was_asked(speedup: float, wrong: str, noise: float) -> None:
    """Catches a level that each look spends anew, and a bound that forgets the order of loading."""
    words = Counter(decision(FASTER, series(speedup, seed, noise)) for seed in range(600))
    assert words[wrong] / 600 <= 0.05


@pytest.mark.parametrize(("speedup", "word"), [(1.03, "pass"), (0.97, "fail")])
def test_what_is_five_scatters_from_the_limit_is_told(speedup: float, word: str) -> None:
    words = Counter(decision(FASTER, series(speedup, seed)) for seed in range(200))
    assert words[word] / 200 >= 0.95


def test_a_control_that_moved_makes_what_is_near_the_limit_inconclusive_and_says_so() -> None:
    still, moved = series(1.03, 1), series(1.03, 1, control=0.04)
    assert decision(FASTER, still) == "pass"
    found = speedup_interval(FASTER, moved)
    assert found
    assert decide(FASTER, found) == "inconclusive"
    assert "the control moved" in found.reason
    assert "control +4" in found.data
    assert decision(FASTER, series(3.0, 1, control=0.04)) == "pass", "far from the limit it does not matter"
    assert decision(FASTER, series(1.03, 1, control=-0.04)) == "inconclusive", "a move in either direction counts"


def test_a_verdict_stands_whatever_was_measured_after_it() -> None:
    early = series(2.0, 3)
    later = early[:2] + [dataclasses.replace(t, effect=1.0) for t in early[2:]]
    assert speedup_interval(FASTER, early[:2]) == speedup_interval(FASTER, later)
    assert speedup_interval(FASTER, early[:1]) is None


def test_processes_are_taken_until_every_gate_is_decided() -> None:
    taken: list[int] = []

    def measure(number: int) -> PairedTiming:
        taken.append(number)
        return series(1.03, 1)[number]

    far, near = speedup_gate(min=0.5), speedup_gate(min=1.0)
    assert len(time_until_decided([far], measure)) == 2
    assert len(time_until_decided([far, near], measure)) == 6
    hopeless = speedup_gate(at="99.9%", min=1.03)
    assert len(time_until_decided([hopeless], measure)) == LOOKS[-1]
    assert taken == [*range(2), *range(6), *range(12)]


def test_no_look_is_begun_that_would_end_after_the_budget() -> None:
    clock = map(float, itertools.count(0, 5))  # each reading is 5 s later, so that a process takes 5 s
    hopeless = speedup_gate(min=1.03)
    timings = time_until_decided([hopeless], series(1.03, 1).__getitem__, budget=20, clock=clock.__next__)
    assert len(timings) == 2


def test_drops_are_paired_and_accuracy_is_exact() -> None:
    base = np.ones(10_000, bool)
    own = base.copy()
    own[:50] = False
    found = drop_interval(DROP, base, own)
    assert found.value == 0.005
    assert 0.0035 < found.low < found.value < found.high < 0.0065
    accuracy = accuracy_interval(Gate(metric="accuracy", min=0.99, at="95%"), np.ones(59, bool))
    assert accuracy.low == pytest.approx(0.05 ** (1 / 59))  # the rule of three: 59 of 59 shows 95 %
    assert accuracy.high == 1.0
    assert "test samples would tell" in accuracy.reason


def test_what_is_inconclusive_says_how_many_samples_would_tell() -> None:
    base = np.ones(1000, bool)
    own = base.copy()
    own[:6] = False
    found = drop_interval(DROP, base, own)
    assert decide(DROP, found) == "inconclusive"
    assert "if the value stayed, some 2,000 test samples would tell" in found.reason
    limit = dataclasses.replace(DROP, max=0.006)
    assert drop_interval(limit, base, own).reason.startswith("the value is on the limit")


def test_pairs_are_needed_by_the_gates_with_confidence_only() -> None:
    gates = """
[[gates]]
metric = "speedup"
variants = ["int8", "float_tflite"]
relative_to = "float_tflite"
modes = ["single_batch"]
threads = [1]
min = 0.5
at = "95%"

[[gates]]
metric = "speedup"
variants = ["int8"]
modes = ["single_batch", "single_sample"]
min = 0.6
at = "90%"
"""
    suite = read_suite(tomllib.loads(SUITE + gates))
    int8 = suite.variant("int8")
    assert {name: len(g) for name, g in paired_gates(suite, int8, "single_batch", 1).items()} == {
        "float_tflite": 1,
        "baseline": 1,
    }
    assert set(paired_gates(suite, int8, "single_batch", 2)) == {"baseline"}
    assert set(paired_gates(suite, int8, "single_sample", 1)) == {"baseline"}
    assert not paired_gates(suite, int8, "full_set", 1)
    assert not paired_gates(suite, suite.variant("float_tflite"), "single_batch", 1), "nothing is timed against itself"
