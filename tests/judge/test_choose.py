"""What is chosen, checked by going through all variants one by one; and what is said of the others."""

import dataclasses
import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from optkit import OptkitError, RecordError, choose, make_run, read_run
from optkit.judge.advise import Wish
from optkit.judge.front import dominates
from optkit.record.run import Run
from tests.builders import COMPARED, MACHINE, benchmark, variant
from tests.isolation import ROOT

MNIST = read_run(ROOT / "tests" / "judge" / "mnist_run.json")


def timed_run(*found: tuple[Any, tuple[float, ...]], mode: str = "single_sample", threads: int = 1) -> Run:
    """Return a run with one session for each of a variant's seconds."""
    benchmarks = [benchmark(v, s, mode, threads) for v, all_seconds in found for s in all_seconds]
    return make_run(json.loads(json.dumps(benchmarks)), MACHINE)


BASE = variant("baseline", wrong=0, size=2000)
SMALL = variant("small", wrong=40, size=500)  # drop 0.02
EXACT = variant("exact", wrong=4, size=900)  # drop 0.002
SLOW = variant("slow", wrong=4, size=950)
RUN = timed_run((BASE, (30e-6,)), (SMALL, (9e-6,)), (EXACT, (12e-6,)), (SLOW, (25e-6,)))


@pytest.mark.parametrize("wish", ["smallest", "fastest", "accuracy"])
@pytest.mark.parametrize(
    ("zip_bytes", "drop", "us"), list(itertools.product([8000, 20_000, 90_000], [0.0, 0.003, 0.02], [300, 600, 1e9]))
)
def test_the_choice_is_that_of_going_through_all(wish: Wish, zip_bytes: int, drop: float, us: float) -> None:
    """A second implementation, on a run that was recorded. Catches a bound that is not applied, and another order."""
    found = choose(MNIST, max_zip_bytes=zip_bytes, max_drop=drop, max_single_batch_us=us, threads=(1,), wish=wish)
    fitting = {}
    for name, facts in MNIST.variants.items():
        timing = MNIST.timing(name, "single_batch", 1)
        if timing is None or facts.accuracy_drop is None:
            continue
        figures = (facts.artifact.zip_bytes, facts.accuracy_drop, timing.seconds)
        if figures[0] <= zip_bytes and figures[1] <= drop and figures[2] * 1e6 <= us:
            fitting[name] = figures
    place = ["smallest", "accuracy", "fastest"].index(wish)
    assert (found.chosen is None) == (not fitting)
    assert {one.variant for one in found.candidates if one.place != "removed"} == set(fitting)
    if found.chosen:
        assert fitting[found.chosen][place] == min(figures[place] for figures in fitting.values())
        assert not any(dominates(other, fitting[found.chosen]) for other in fitting.values())


def test_every_other_variant_has_a_reason() -> None:
    found = choose(RUN, max_drop=0.005, max_single_sample_us=26)
    assert found.chosen == "exact"
    assert found.candidate("exact").place == "chosen"
    [miss] = found.candidate("small").missed
    assert (miss.bound.key, miss.word, miss.value) == ("max_drop", "missed", 0.02)
    [miss] = found.candidate("baseline").missed
    assert (miss.bound.key, miss.value) == ("max_single_sample_us", pytest.approx(30))
    assert found.candidate("slow").place == "fits"
    assert found.candidate("slow").dominated_by == "exact"
    assert found.front == ("baseline", "small", "exact")
    with pytest.raises(KeyError, match="did you mean 'exact'"):
        found.candidate("exat")


def test_without_bounds_the_wish_alone_decides() -> None:
    assert choose(RUN).chosen == "small"
    assert choose(RUN, wish="accuracy").chosen == "baseline"
    assert choose(RUN, wish="fastest").chosen == "small"


def test_a_drop_within_the_bound_by_luck_is_said_so_and_refused_at_95() -> None:
    """Of 2,000 samples 4 are lost: Tango's upper bound at 95 % is 0.0042, by a root of his score."""
    found = choose(RUN, max_drop=0.003).candidate("exact").checks[0]
    assert (found.word, found.fits) == ("met by luck", True)
    assert found.high == pytest.approx(_tango_upper(4, 0, COMPARED), abs=1e-6)
    assert choose(RUN, max_drop=0.005).candidate("exact").checks[0].word == "met"
    assert choose(RUN, max_drop=0.005, at="95%").chosen == "exact"
    strict = choose(RUN, max_drop=0.003, at="95%")
    assert strict.candidate("exact").checks[0].word == "not shown"
    assert strict.chosen == "baseline", "its drop is 0 by definition"


def _tango_upper(lost: int, gained: int, n: int) -> float:
    """Return the bound by a grid over the restricted likelihood, not by the formula under test."""
    drops = np.linspace(0, 0.02, 40_001)
    for drop in drops[drops > (lost - gained) / n]:
        grid = np.linspace(max(0.0, -drop), (1 - drop) / 2, 4001)  # the share that only the head gets right
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = lost * np.log(grid + drop) + gained * np.log(np.maximum(grid, 1e-300)) * (gained > 0)
            likelihood += (n - lost - gained) * np.log(1 - drop - 2 * grid)
        share = grid[np.nanargmax(likelihood)]
        if (n * drop - (lost - gained)) / math.sqrt(n * (2 * share + drop * (1 - drop))) > stats.norm.ppf(0.95):
            return float(drop)
    raise AssertionError


def test_an_accuracy_bound_has_the_interval_of_a_proportion() -> None:
    check = choose(RUN, min_accuracy=0.995).candidate("exact").checks[0]
    low = stats.beta.ppf(0.05, 1996, 5)  # Clopper and Pearson, by its definition
    assert check.low == pytest.approx(low, abs=1e-9)
    assert check.word == "met"
    assert choose(RUN, min_accuracy=0.9979).candidate("exact").checks[0].word == "met by luck"


def test_a_time_of_one_session_is_met_without_assurance_and_never_at_95() -> None:
    assert choose(RUN, max_single_sample_us=10).candidate("small").checks[0].word == "met, how surely is not known"
    found = choose(RUN, max_single_sample_us=1000, at="95%")
    assert found.chosen is None
    assert found.candidate("small").checks[0].word == "not shown"
    assert found.nearest is None, "no bound would do: only more sessions would"


def test_times_of_several_sessions_have_the_interval_of_their_logarithms() -> None:
    seconds = (9.0e-6, 9.5e-6, 10.2e-6, 9.1e-6, 9.4e-6)
    run = timed_run((BASE, (30e-6,) * 5), (SMALL, seconds))
    check = choose(run, max_single_sample_us=9.6).candidate("small").checks[0]
    logs = np.log(np.array(seconds) * 1e6)
    low, high = np.exp(stats.t.interval(0.9, 4, logs.mean(), stats.sem(logs)))
    assert (check.low, check.high) == (pytest.approx(low), pytest.approx(high))
    assert (check.word, check.data) == ("met by luck", "5 sessions")
    assert choose(run, max_single_sample_us=high * 1.001, at="95%").chosen == "small"
    assert choose(run, max_single_sample_us=high * 0.999, at="95%").chosen is None


def test_a_time_must_be_met_on_every_thread_count_but_for_those_that_are_asked_for() -> None:
    benchmarks = [benchmark(v, s, "single_sample", t) for v in (BASE, SMALL) for t, s in ((1, 9e-6), (2, 30e-6))]
    run = make_run(benchmarks, MACHINE)
    found = choose(run, max_single_sample_us=10)
    assert found.chosen is None
    assert [check.where for check in found.candidate("small").checks] == ["1 thread", "2 threads"]
    assert found.nearest is not None
    assert found.nearest.bounds == {"max_single_sample_us": pytest.approx(30, rel=1e-3)}
    assert choose(run, max_single_sample_us=10, threads=(1,)).chosen == "small"
    with pytest.raises(RecordError, match="no timing on 4 threads; it has 1, 2"):
        choose(run, max_drop=1, threads=(4,))


def test_a_speed_up_is_over_the_baseline_when_there_is_no_float_file() -> None:
    assert choose(RUN, min_single_sample_speedup=2.6).chosen == "small"
    assert choose(RUN, min_single_sample_speedup=2.4, wish="accuracy").chosen == "exact"
    assert choose(MNIST, min_single_batch_speedup=1.0, threads=(1,)).candidate("float_tflite").checks[0].value == 1.0


@pytest.mark.parametrize("at", [None, "95%"])
@pytest.mark.parametrize(
    "bounds",
    [
        {"max_zip_bytes": 7000, "max_drop": 0.001},
        {"max_zip_bytes": 1},
        {"max_single_batch_us": 0.001, "max_zip_bytes": 20_000},
        {"min_accuracy": 0.99},
        {"min_size_ratio": 1000, "max_drop": -0.05},
    ],
)
def test_what_is_said_to_relax_does_let_the_variant_in(bounds: dict[str, Any], at: str | None) -> None:
    """Catches a bound that is rounded to the wrong side, and one that leaves out the interval."""
    found = choose(MNIST, **bounds, at=at, threads=(1,))
    assert found.chosen is None
    ways = [way for way in (found.nearest, *found.relaxations) if way]
    assert ways or at
    for way in ways:
        again = choose(MNIST, **{**bounds, **way.bounds}, at=at, threads=(1,))
        assert again.candidate(way.variant).place in ("chosen", "fits"), way
        for key, value in way.bounds.items():  # and no looser than by its fourth digit
            tighter = value - math.copysign(abs(value) * 2e-3 or 1e-9, 1 if key.startswith("max") else -1)
            tight: dict[str, Any] = {**bounds, **way.bounds, key: tighter}
            strict = choose(MNIST, **tight, at=at, threads=(1,))
            assert strict.candidate(way.variant).place == "removed", (way, key)


def test_the_nearest_miss_misses_the_fewest_bounds_and_then_by_the_least() -> None:
    found = choose(RUN, max_zip_bytes=880, max_drop=0.001)
    assert found.nearest is not None
    assert (found.nearest.variant, found.nearest.bounds) == ("baseline", {"max_zip_bytes": 2000.0})
    assert {one.variant: one.bounds for one in found.relaxations} == {
        "baseline": {"max_zip_bytes": 2000.0},
        "small": {"max_drop": 0.02},
    }


def test_a_variant_without_a_figure_is_removed_and_never_nearest() -> None:
    run = make_run([benchmark(BASE, 1.0, "single_sample"), benchmark(SMALL, 1.0, "single_batch")], MACHINE)
    found = choose(run, max_single_sample_us=10)
    assert found.candidate("small").missed[0].word == "not measured"
    assert found.nearest is not None
    assert found.nearest.variant == "baseline"


def test_only_what_a_runtime_ran() -> None:
    other = dataclasses.replace(SMALL, runtime=dataclasses.replace(SMALL.runtime, name="tf_keras"))
    run = timed_run((BASE, (30e-6,)), (other, (9e-6,)), (EXACT, (12e-6,)))
    assert choose(run, max_drop=0.1).chosen == "small"
    found = choose(run, max_drop=0.1, runtime="litert")
    assert found.chosen == "exact"
    assert found.candidate("small").why == "it runs on tf_keras"
    with pytest.raises(RecordError, match="did you mean 'litert'"):
        choose(run, runtime="litret")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"max_full_set_s": 1}, "the run has no full_set_s: full_set was not timed; it has accuracy, "),
        ({"max_mse": 1}, "the run has no mse: its metric is accuracy; it has accuracy, "),
        ({"max_zip_bytes": 1, "min_zip_bytes": 2}, "nothing can be both"),
        ({"max_zip": 1}, "did you mean 'max_zip_bytes'|did you mean 'max_"),
        ({"at": "5%"}, "at is '5%'"),
        ({"at": "x"}, "at is 'x'"),
        ({"wish": "best"}, "wish is 'best'"),
    ],
)
def test_bad_questions_are_errors_that_name_what_there_is(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(OptkitError, match=words):
        choose(RUN, **asked)


def test_a_run_without_accuracy_or_times_says_so() -> None:
    unlabelled = [dataclasses.replace(v, accuracy=None, accuracy_drop=None, correct=None) for v in (BASE, SMALL)]
    run = timed_run(*((v, (1e-6,)) for v in unlabelled))
    with pytest.raises(RecordError, match="accuracy was not measured, as the data have no labels; it has file_bytes"):
        choose(run, max_drop=0.1)
    with pytest.raises(RecordError, match="the run has no accuracy, so nothing"):
        choose(run, wish="accuracy")
    assert choose(run, max_zip_bytes=600).chosen == "small"
    bare = dataclasses.replace(run, timings=())
    with pytest.raises(RecordError, match="nothing was timed"):
        choose(bare, max_single_sample_us=5)
    assert choose(bare).objectives == ("zip_bytes",)


def test_it_takes_less_than_a_second(tmp_path: Path) -> None:
    import time

    began = time.perf_counter()
    choose(MNIST, max_zip_bytes=10_000, max_drop=0.005, max_single_batch_us=900)
    assert time.perf_counter() - began < 1
