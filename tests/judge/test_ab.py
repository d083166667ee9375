"""Verdicts on simulated processes: error rates and power of the whole sequential procedure, and its bookkeeping."""

import itertools
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from optkit import OptkitError
from optkit.judge.ab import LOOKS, Judgement, Series, compare_pairs
from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.judge.verdicts import exit_code
from optkit.measure.paired import LOADS, PairedTiming
from optkit.stats.estimates import holm
from tests.builders import NOISE, process

LOADED = 1
Noise = Callable[[np.random.Generator], float]


@pytest.fixture(params=[1, LOADS])
def loads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How often each process loads its files: once, as large and slow ones, or in each order once."""
    monkeypatch.setitem(globals(), "LOADED", request.param)


def simulate(
    ratio: float,
    invocations: int,
    *,
    pairs: int = 1,
    noise: float = NOISE,
    tolerances: Tolerances | None = None,
    drawn: Noise | None = None,
    control: float = 0.0,
    budget: float = math.inf,
) -> list[list[Judgement]]:
    """Run whole invocations on processes whose log ratios scatter by `noise`; each takes one second."""
    rng = np.random.default_rng(7)

    def draw() -> float:
        return drawn(rng) if drawn else float(rng.normal(0, noise))

    def measure(pair: Pair, number: int) -> PairedTiming:
        return process(number, math.log(ratio) + draw(), control + draw(), loads=LOADED)

    named = [Pair(str(i), Path("base"), Path("head")) for i in range(pairs)]
    return [
        compare_pairs(named, measure, tolerances or Tolerances(), budget, clock=map(float, itertools.count()).__next__)
        for _ in range(invocations)
    ]


def shares(found: list[list[Judgement]]) -> Counter[str]:
    words = Counter(one.verdict for judgements in found for one in judgements)
    return Counter({word: count / sum(words.values()) for word, count in words.items()})


@pytest.mark.usefixtures("loads")
def test_identical_models_are_the_same_and_an_invocation_is_hardly_ever_red() -> None:
    found = simulate(1.0, 400, pairs=8)
    assert sum(exit_code(one.verdict for one in judgements) == 1 for judgements in found) == 0
    assert shares(found)["same"] > 0.99
    assert np.mean([one.processes for judgements in found for one in judgements]) < 8


@pytest.mark.parametrize(
    ("ratio", "margin", "least"), [(1.03, 0.02, 0.9), (1.05, 0.02, 0.99), (1.02, 0.01, 0.9)]
)  # fmt: skip
@pytest.mark.parametrize("pairs", [1, 8])
def test_injected_slowdowns_are_found(ratio: float, margin: float, least: float, pairs: int) -> None:
    found = simulate(ratio, 300 // pairs, pairs=pairs, tolerances=Tolerances(margin=margin))
    assert shares(found)["worse"] >= least
    mirrored = simulate(1 / ratio, 300 // pairs, pairs=pairs, tolerances=Tolerances(margin=margin))
    assert shares(mirrored)["better"] >= least


@pytest.mark.usefixtures("loads")
def test_at_the_bound_of_the_hypothesis_false_alarms_stay_below_their_rate() -> None:
    # The margin's other condition is out of the way here: H0 alone must hold the rate, over all looks and pairs.
    tolerances = Tolerances(margin=0.02, family_alpha=0.05)
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(600):
        smallest = []
        for _ in range(4):
            series = Series(tolerances, 4)
            for number in range(LOOKS[-1]):
                series.timings.append(process(number, tolerances.alarm_bound + rng.normal(0, NOISE), loads=LOADED))
                if len(series.timings) in LOOKS:
                    series.look(last=len(series.timings) == LOOKS[-1])
            assert series.spent == pytest.approx(1)
            smallest.append(series.p_slower)
        alarms += min(smallest) * 4 <= tolerances.family_alpha
    assert 0.01 < alarms / 600 < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 600)


@pytest.mark.usefixtures("loads")
def test_a_change_of_the_margin_is_called_the_same_no_more_often_than_asked_for() -> None:
    assert shares(simulate(1.02, 400))["same"] < 0.05 + 2 * math.sqrt(0.05 * 0.95 / 400)


def test_outlying_processes_cost_decisions_not_errors() -> None:
    def drawn(rng: np.random.Generator) -> float:
        return float(rng.normal(0, 0.06 if rng.random() < 0.1 else NOISE))

    words = shares(simulate(1.0, 300, drawn=drawn))
    assert words["worse"] + words["better"] <= 0.01
    words = shares(simulate(1.05, 300, drawn=drawn))
    assert words["same"] + words["better"] <= 0.01


def test_without_balance_the_order_of_loading_would_be_taken_for_a_change() -> None:
    assert shares(simulate(1.0, 50, noise=1e-4))["same"] == 1
    judged = simulate(1.0, 1, noise=1e-4)[0][0]
    assert abs(judged.ratio - 1) < 0.001
    unaccounted = np.std([t.effect for t in judged.timings])
    assert unaccounted > 20 * (judged.high - judged.low) / 10


def test_a_control_that_moves_makes_its_run_inconclusive() -> None:
    for ratio in (1.0, 1.1):
        judged = simulate(ratio, 1, control=0.03)[0][0]
        assert judged.verdict == "inconclusive"
        assert judged.processes == LOOKS[-1]
        assert "the control moved" in judged.reason
        assert judged.control == pytest.approx(1.03, abs=0.005)


def test_the_time_budget_ends_a_series_and_its_last_look_takes_what_is_left() -> None:
    judged = simulate(1.02, 1, noise=0.012, budget=8)[0][0]
    assert (judged.processes, judged.seconds) == (8, 8.0)
    assert judged.confidence == pytest.approx(1 - 2 * 0.01 * 5 / 6)  # one of six shares went to the look at six
    few = simulate(1.1, 1, budget=2)[0][0]
    assert (few.processes, few.verdict) == (2, "inconclusive")
    assert "too few" in few.reason
    assert not few.minimum_detectable_effect < 10


def test_noise_beyond_the_budget_is_inconclusive_and_says_what_could_have_been_seen() -> None:
    judged = simulate(1.0, 1, noise=0.1)[0][0]
    assert (judged.verdict, judged.processes) == ("inconclusive", LOOKS[-1])
    assert 1.05 < judged.minimum_detectable_effect < 1.4


def test_p_values_are_those_of_the_looks_corrected_for_the_number_of_pairs() -> None:
    judgements = simulate(1.016, 1, pairs=5)[0]
    raw = []
    for one in judgements:
        looks = [n for n in LOOKS if n <= one.processes]
        series = [Series(Tolerances(), 5, timings=list(one.timings[:n])) for n in looks]
        raw.append(min(1.0, *(6 * s.effect.p_above(math.log(1.01)) for s in series)))  # each look has a sixth
    assert [one.p_slower for one in judgements] == pytest.approx(holm(raw))


def test_a_pair_alone_is_judged_as_strictly_as_its_company_demands() -> None:
    alone, among = (simulate(1.03, 1, pairs=n)[0][0] for n in (1, 20))
    assert among.confidence > alone.confidence
    assert among.processes >= alone.processes


@pytest.mark.parametrize("bad", [{"margin": 0.0}, {"margin": 1.5}, {"family_alpha": 0.0}, {"equivalence_alpha": -1.0}])
def test_tolerances_that_make_no_sense(bad: dict[str, float]) -> None:
    with pytest.raises(OptkitError, match="expected a fraction above 0"):
        Tolerances(**bad)
