"""The front: by its definition over random figures, and the knee of curves whose knee is known."""

import math

from hypothesis import given
from hypothesis import strategies as st

from optkit.judge.front import dominates, dominators, knee, objectives_of
from tests.builders import a_run, benchmark, facts, sized

COSTS = st.lists(st.tuples(*[st.sampled_from([1.0, 2.0, 3.0, math.inf])] * 3), min_size=1, max_size=12)


@given(COSTS)
def test_the_front_is_what_nothing_dominates_and_others_name_one_of_it(costs: list[tuple[float, ...]]) -> None:
    named = {str(place): cost for place, cost in enumerate(costs)}
    found = dominators(named)
    for name, by in found.items():
        worse = [
            o for o in named.values() if all(a <= b for a, b in zip(o, named[name], strict=True)) and o != named[name]
        ]
        assert (by is None) == (not worse)
        if by is not None:
            assert found[by] is None
            assert dominates(named[by], named[name])
            assert not dominates(named[name], named[by])


def test_equal_figures_dominate_nothing() -> None:
    assert dominators({"a": (1, 2), "b": (1, 2)}) == {"a": None, "b": None}


def test_a_figure_that_is_missing_never_wins() -> None:
    assert dominators({"a": (1, math.inf), "b": (1, 5)}) == {"a": "b", "b": None}


def test_the_knee_is_where_the_curve_bends() -> None:
    """Of y = 1/x on 1, 2, 4, 8, 16 the symmetric point, 4 (scaled to the ends), is the farthest from the chord."""
    points = {str(x): (float(x), 16.0 / x) for x in (1, 2, 4, 8, 16)}
    assert knee(points) == "4"
    assert knee({**points, "beaten": (5.0, 5.0)}) == "4"
    assert knee({**points, "unknown": (0.1, math.inf)}) == "4"


def test_a_line_and_two_points_have_no_knee() -> None:
    assert knee({"a": (0, 2), "b": (1, 1), "c": (2, 0)}) is None
    assert knee({"a": (0, 2), "b": (2, 0)}) is None
    assert knee({}) is None


def test_variants_compete_on_size_drop_and_the_smallest_benchmark() -> None:
    timed = ((3.0, "full_set", 1), (2.0, "single_batch", 2), (1.0, "single_batch", 1))
    run = a_run(
        *(benchmark(facts(), *one) for one in timed),
        benchmark(facts("int8", artifact=sized(4), accuracy_drop=1 / 70), 0.5, "single_batch", 1),
    )
    found = objectives_of(run)
    assert found.names == ("zip_bytes", "drop", "single_batch on 1 thread")
    assert found.costs["int8"] == (213_750, 1 / 70, 0.5)
    assert objectives_of(run, threads=2).costs["int8"][-1] == math.inf
    assert objectives_of(run, mode="full_set").names[-1] == "full_set on 1 thread"


def test_a_run_without_accuracy_or_times_competes_on_what_it_has() -> None:
    import dataclasses

    run = a_run(benchmark(facts(accuracy=None, accuracy_drop=None, correct=None), 1.0))
    assert objectives_of(run).names == ("zip_bytes", "single_batch on 1 thread")
    assert objectives_of(dataclasses.replace(run, timings=())).names == ("zip_bytes",)
