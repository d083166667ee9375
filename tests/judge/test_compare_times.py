"""Times of two runs: by which reference and clock they are compared, and how many sessions they need."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from optkit import Run
from optkit.judge.tolerances import Tolerances
from optkit.report.comparison import comparison_text
from tests.builders import MACHINE, compared, run, variant
from tests.judge.comparisons import SESSIONS, only


def test_times_by_different_references_are_not_compared_as_normalized() -> None:
    """The head's model took twice the time, but so did its reference; another reference proves nothing of that."""
    base = run(variant(), seconds=SESSIONS, references=(0.1,) * 6, reference="a")
    head: dict[str, Any] = {"seconds": tuple(2 * s for s in SESSIONS), "references": (0.2,) * 6}
    same = only(compared(base, run(variant(), reference="a", **head)), "seconds")
    assert (same.verdict, same.reason) == ("same", "times the reference model")
    other = only(compared(base, run(variant(), reference="b", **head)), "seconds")
    assert (other.verdict, other.reason) == ("worse", "seconds, not normalized: the reference models differ")
    elsewhere = run(variant(), reference="b", machine={**MACHINE, "python_version": "3.12"}, **head)
    delta = only(compared(base, elsewhere, across_environments=True), "seconds")
    assert delta.verdict == "not comparable"
    assert "the reference models differ" in delta.reason


def test_a_run_with_cpu_time_is_compared_with_an_older_one_by_wall_clock() -> None:
    cpu: dict[str, Any] = {"cpu_rounds": (1.0, 1.0), "reference_cpu_rounds": (0.05, 0.05)}
    old = run(variant(), seconds=SESSIONS, references=(0.1,) * 6, reference="a")
    new = run(variant(), seconds=SESSIONS, references=(0.1,) * 6, reference="a", **cpu)
    mixed = only(compared(old, new), "seconds")
    assert (mixed.verdict, mixed.head_normalized, mixed.reason) == (
        "same",
        pytest.approx(10.0),
        "times the reference model",
    )
    both = only(compared(new, new), "seconds")
    assert (both.head_normalized, both.reason) == (pytest.approx(20.0), "times the reference model by CPU time")


def test_rounds_are_normalized_one_by_one() -> None:
    """Half of the head's rounds fell in a slow moment, as the reference beside them shows."""
    base, head = run(variant(), seconds=SESSIONS), run(variant(), seconds=tuple(2 * s for s in SESSIONS))

    def with_rounds(one: Run, slow: float) -> Run:
        more = [
            dataclasses.replace(
                t,
                rounds=(1.0, 1.0, *[slow] * 3),
                reference_rounds=(0.1, 0.1 * SESSIONS[t.session], *[0.1 * slow] * 3),
                reference_seconds=0.1,
            )
            for t in one.timings
        ]
        return dataclasses.replace(one, timings=tuple(more))

    delta = only(compared(with_rounds(base, 1.0), with_rounds(head, 2.0)), "seconds")
    assert (delta.verdict, delta.base, delta.head) == ("same", pytest.approx(1.0), pytest.approx(2.0))
    assert (delta.base_normalized, delta.head_normalized) == (pytest.approx(10.0), pytest.approx(10.0))


def test_seconds_are_seconds_and_multiples_of_the_reference_are_named_so() -> None:
    """8.6 µs are not 0.1346 seconds."""
    few = [6.4e-5 * s for s in SESSIONS]
    base = run(variant(), seconds=tuple(8.6e-6 * s for s in SESSIONS), references=tuple(few))
    head = run(variant(), seconds=tuple(8.7e-6 * s for s in SESSIONS), references=tuple(few))
    found = compared(base, head)
    delta = only(found, "seconds")
    assert (delta.base, delta.head) == (pytest.approx(8.6e-6), pytest.approx(8.7e-6))
    assert delta.base_normalized == pytest.approx(0.1344, rel=1e-3)
    assert delta.change == pytest.approx(8.7 / 8.6)
    lines = [line.split() for line in comparison_text(found, Tolerances()).splitlines()]
    assert "int8/single_batch/1 seconds 8.60 µs 8.70 µs +1.16 % same".split() in lines
    assert ["×", "reference", "0.1344", "0.1359"] in lines
    absolute = only(compared(run(variant(), seconds=SESSIONS), run(variant(), seconds=SESSIONS)), "seconds")
    assert (absolute.base_normalized, absolute.base) == (None, 1.0)


def test_instead_of_an_interval_that_says_nothing_it_says_how_many_sessions_would() -> None:
    scattered = (1.0, 1.5, 0.7)
    base, head = run(variant(), seconds=scattered), run(variant(), seconds=scattered[::-1])
    found = compared(base, head)
    delta = only(found, "seconds")
    assert delta.high is not None
    assert delta.high > 3, "the JSON keeps it"
    assert delta.is_wide
    text = comparison_text(found, Tolerances())
    assert f"inconclusive ({delta.needed} sessions each would show {100 * (delta.needed_for or 0):g} %)" in text
    assert f"{100 * (delta.high - 1):+.2f}" not in text
    near = only(compared(run(variant(), seconds=SESSIONS), run(variant(), seconds=SESSIONS)), "seconds")
    assert not near.is_wide


@pytest.mark.parametrize(("scatter", "change"), [(0.01, 0.05), (0.05, 0.05), (0.3, 0.25)])
def test_as_many_sessions_as_are_said_to_be_needed_show_the_change(scatter: float, change: float) -> None:
    """Of that many sessions of the same scatter, nine of ten comparisons call that change worse; of a third not."""

    def sessions(count: int, rng: np.random.Generator) -> tuple[float, ...]:
        return tuple(np.exp(rng.normal(0, scatter, count)))

    few = [1.0, float(np.exp(scatter * 2**0.5))]  # their variance is scatter squared
    delta = only(compared(run(variant(), seconds=tuple(few)), run(variant(), seconds=tuple(few))), "seconds")
    assert delta.needed_for == change
    rng = np.random.default_rng(1)
    shown = {}
    for count in (delta.needed or 0, max(2, (delta.needed or 0) // 3)):
        found = []
        for _ in range(25):
            head = tuple((1 + change) * s for s in sessions(count, rng))
            pair = (run(variant(), seconds=sessions(count, rng)), run(variant(), seconds=head))
            found.append(only(compared(*pair), "seconds").verdict == "worse")
        shown[count] = float(np.mean(found))
    assert shown[delta.needed or 0] >= 0.75
    assert min(shown.values()) < 0.7


def test_the_text_of_long_names_fits_a_hundred_columns() -> None:
    long = variant("pruned_dynamic_range")
    found = compared(run(long, seconds=SESSIONS), run(long, seconds=(1, 3, 9)))
    assert max(map(len, comparison_text(found, Tolerances()).splitlines())) <= 100
