"""What several sessions say together: medians of theirs, quotients within each, and no mixing of references."""

from typing import Any

import pytest

from optkit import RecordError, Run, Timing
from optkit.measure.paired import LOAD_ORDERS, PairedTiming
from optkit.record.timing import check_timing, over_sessions, session_quotients


def timing(variant: str = "int8", seconds: float = 1.0, session: int = 0, **more: Any) -> Timing:
    known = {"mode": "full_set", "threads": 1, "batch": 32, "samples": 70}
    return Timing(**{"variant": variant, "seconds": seconds, "session": session, **known, **more})


def run(*timings: Timing) -> Run:
    return Run(suite="s", baseline="baseline", dataset=None, variants={}, timings=timings)  # type: ignore[arg-type]


def test_one_session_is_given_as_it_is() -> None:
    one = timing(rounds=(1.0, 2.0), reference_rounds=(0.1, 0.1), reference_seconds=0.1, reference="a")
    assert over_sessions([one]) == (one,)
    assert run(one).timing("int8", "full_set", 1) is one


def test_several_sessions_give_the_median_and_none_of_their_rounds() -> None:
    more: dict[str, Any] = {"rounds": (9.0,), "reference_rounds": (0.1,), "reference_seconds": 0.1, "reference": "a"}
    timings = [timing(seconds=s, session=i, **more) for i, s in enumerate((3.0, 1.0, 2.0))]
    (found,) = over_sessions(timings)
    assert (found.seconds, found.rounds, found.normalized) == (2.0, (), None)
    assert run(*timings).normalized(found) == pytest.approx(90.0)


def test_a_speed_up_is_taken_within_sessions() -> None:
    """The second session was twice as slow as the first, the third four times: the quotient of medians would be 4."""
    base = [timing("baseline", 8.0 * slow, i) for i, slow in enumerate((1, 2, 4))]
    mine = [timing("int8", slow * s, i) for i, (slow, s) in enumerate(zip((1, 2, 4), (4.0, 1.0, 1.0), strict=True))]
    both = run(*base, *mine)
    assert session_quotients(both.timings, base[0].benchmark, mine[0].benchmark) == [2.0, 8.0, 8.0]
    assert both.speedup(mine[0]) == 8.0
    assert run(*mine, *base[:1]).speedup(mine[0]) == 2.0, "sessions without the baseline have no part"
    assert run(*mine).speedup(mine[0]) is None


def test_each_round_is_divided_by_the_reference_beside_it() -> None:
    one = timing(seconds=3.0, rounds=(2.0, 3.0, 9.0), reference_rounds=(0.2, 0.3, 0.3), reference_seconds=0.3)
    assert one.normalized == pytest.approx(10.0)
    assert timing(seconds=3.0, reference_seconds=0.3).normalized == pytest.approx(10.0), "where no rounds were saved"
    assert timing().normalized is None


CPU: dict[str, Any] = {"cpu_rounds": (1.0, 1.2, 1.1), "reference_cpu_rounds": (0.1, 0.1, 0.1)}
WALL: dict[str, Any] = {
    "rounds": (1.0, 9.0, 8.0),
    "reference_rounds": (0.1, 0.1, 0.2),
    "reference_seconds": 0.1,
    "reference": "a",
}


def test_cpu_time_goes_before_wall_clock_where_rounds_and_reference_have_it() -> None:
    both = timing(**WALL, **CPU)
    assert (both.clock, both.normalized) == ("cpu", pytest.approx(11.0))
    assert (both.seconds, both.normalized_by("wall")) == (1.0, pytest.approx(40.0))
    half = timing(**WALL, cpu_rounds=CPU["cpu_rounds"])
    assert (half.clock, half.normalized, half.normalized_by("cpu")) == ("wall", pytest.approx(40.0), None)


def test_sessions_are_normalized_by_a_clock_that_all_of_them_have() -> None:
    new, old = timing(**WALL, **CPU), timing(session=1, **WALL)
    assert run(new).normalized(new) == pytest.approx(11.0)
    assert run(new, old).normalized(new) == pytest.approx(40.0), "the median of two clocks says nothing"
    (found,) = over_sessions([new, old])
    assert (found.cpu_rounds, found.reference_cpu_rounds) == ((), ())


@pytest.mark.parametrize("other", [{"reference": "b", "reference_seconds": 0.1}, {}])
def test_sessions_of_different_references_have_no_normalized_figure(other: dict[str, Any]) -> None:
    both = run(timing(reference="a", reference_seconds=0.1), timing(session=1, **other))
    assert both.normalized(both.benchmarks[0]) is None


def pair(**changes: Any) -> PairedTiming:
    known = {"effect": 0.0, "control": 0.0, "load_order": LOAD_ORDERS[0], "rounds": 6, "calls": 1, "seconds": 1.0}
    return PairedTiming(**{**known, **changes})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"seconds": 0.0}, "took 0.0 s"),
        ({"seconds": float("nan")}, "took nan s"),
        ({"reference_seconds": -1.0}, "took -1.0 s"),
        ({"reference_rounds": (0.1, 0.0)}, "took 0.0 s"),
        ({"reference_seconds": 0.0}, "took 0.0 s"),
        ({"seconds": float("inf")}, "took inf s"),
        ({"rounds": (1.0, -1.0)}, "took -1.0 s"),
        ({"trial": {"loop of 32": 0.0}}, "took 0.0 s"),
        ({"mode": "half_set"}, "has mode 'half_set'; expected single_sample"),
        ({"threads": 0}, "has threads 0; expected 1 or more"),
        ({"session": -1}, "has session -1; expected 0 or more"),
        ({"seconds": 1.0, "rounds": (1.0, 2.0, 3.0)}, "median is 1 s; expected 2, the median of its 3 rounds"),
        ({"reference_seconds": 0.1, "reference_rounds": (0.2,)}, "reference_seconds is 0.1 s; expected 0.2"),
        ({"paired": {"base": (pair(effect=float("inf")),)}}, "a paired timing of effect inf"),
        ({"paired": {"base": (pair(control=1e4),)}}, "control 10000.0"),
        ({"paired": {"base": (pair(rounds=0),)}}, "0 rounds of 1 calls"),
        ({"rounds": (1.0, 1.0), "reference_rounds": (0.1,)}, "has 2 rounds and 1 of the reference"),
        ({"cpu_rounds": (1.0, 0.0)}, "took 0.0 s"),
        ({"cpu_rounds": (1.0, 1.0), "reference_cpu_rounds": (0.1,)}, "has 2 rounds and 1 of the reference"),
    ],
)
def test_what_no_run_saved_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        check_timing(timing(**wrong), "test_latency[x]")
