"""Estimates and tests agree with scipy's where it has them, and with their definitions where it has not."""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import optimize, stats

from optkit.measure.paired import LOAD_ORDERS, PairedTiming, load_places
from optkit.stats.estimates import (
    Estimate,
    adjusted_mean,
    equivalent,
    holm,
    mcnemar,
    mean_difference,
    median_interval,
    minimum_detectable_effect,
    paired_drop_interval,
    proportion_interval,
    smallest_certified_drop,
)

LEVEL = st.floats(0.0005, 0.2)
VALUES = st.lists(st.integers(-1000, 1000).map(lambda i: i / 1000), min_size=3, max_size=20)
COUNT = st.integers(0, 60)
KNOWN: dict[str, Any] = {"control": 0.0, "rounds": 36, "calls": 1, "seconds": 1.0}


@given(VALUES, st.floats(-1, 1))
def test_p_values_are_those_of_the_t_test(values: list[float], bound: float) -> None:
    assume(np.ptp(values) > 0)
    found = adjusted_mean(values, np.empty((len(values), 0)))
    expected = stats.ttest_1samp(values, bound, alternative="greater").pvalue
    assert found.p_above(bound) == pytest.approx(expected, rel=1e-6)
    assert found.p_below(bound) == pytest.approx(1 - expected, rel=1e-6, abs=1e-12)


@given(VALUES, LEVEL)
def test_a_bound_is_where_the_p_value_is_its_level(values: list[float], level: float) -> None:
    assume(np.ptp(values) > 0)
    found = adjusted_mean(values, np.empty((len(values), 0)))
    assert found.p_above(found.lower(level)) == pytest.approx(level)
    assert found.p_below(found.upper(level)) == pytest.approx(level)


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4), st.floats(-5, 5))
def test_what_balanced_covariates_explain_is_no_part_of_the_error(noise: list[float], bias: float) -> None:
    signs = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    plain, biased = (adjusted_mean(list(np.array(noise) + extra * signs[:, 0]), signs) for extra in (0.0, bias))
    assert biased.mean == pytest.approx(plain.mean, abs=1e-9) == pytest.approx(np.mean(noise), abs=1e-9)
    assert biased.error == pytest.approx(plain.error, abs=1e-6)
    assert biased.df == 2


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_too_few_values_tell_nothing(count: int) -> None:
    places = np.array([[1, 0], [0, 1], [-1, -1]])[:count].reshape(count, 2)
    found = adjusted_mean([0.1] * count, places)
    assert (found.p_above(-9), found.p_below(9)) == (1.0, 1.0)
    assert not count or (found.lower(0.1), found.upper(0.1)) == (-math.inf, math.inf)


def test_values_without_any_scatter_decide_by_their_mean() -> None:
    exact = Estimate(0.1, 0.0, 3)
    assert (exact.p_above(0.05), exact.p_above(0.1), exact.p_below(0.2)) == (0.0, 1.0, 0.0)


@given(VALUES, VALUES)
def test_welch(base: list[float], head: list[float]) -> None:
    assume(np.ptp(base) > 0 and np.ptp(head) > 0)
    expected = stats.ttest_ind(head, base, equal_var=False, alternative="greater")
    found = mean_difference(base, head)
    assert found.p_above(0) == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.df == pytest.approx(expected.df)
    assert mean_difference(base[:1], head).df == 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_lies_between_no_correction_and_bonferroni_s_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))
    assert all(a <= min(1, len(p) * b) + 1e-12 for a, b in zip(adjusted, p, strict=True))
    assert adjusted[int(np.argmin(p))] == pytest.approx(min(1, len(p) * min(p)))
    assert [adjusted[i] for i in np.argsort(p)] == sorted(adjusted)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])


@given(COUNT, COUNT)
def test_mcnemar_is_the_binomial_test(lost: int, gained: int) -> None:
    assume(lost + gained)
    expected = stats.binomtest(lost, lost + gained, 0.5, alternative="greater").pvalue
    assert mcnemar(lost, gained) == pytest.approx(expected)


def test_mcnemar_without_a_disagreement() -> None:
    assert mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("lost", "gained", "samples", "level", "published"),
    [
        (9, 3, 32, 0.025, (-0.027, 0.390)),
        (0, 1, 44, 0.05, (-0.096, 0.037)),
        (16, 8, 86, 0.025, (-0.020, 0.207)),
        (1, 7, 21, 0.025, (-0.517, -0.026)),
        (25, 2, 102, 0.025, (0.139, 0.321)),
        (3, 1, 14, 0.025, (-0.1670, 0.4327)),
        (6, 16, 161, 0.025, (-0.1240, -0.0054)),
    ],
    ids=["Tango 1998 a", "Tango 1998 b", "Agresti 2005", "Fagerland 2014", "Chang 2024", "Tang 2010", "Cavo 2012"],
)
def test_the_paired_interval_is_the_published_one(
    lost: int, gained: int, samples: int, level: float, published: tuple[float, float]
) -> None:
    """Examples of the papers, as the R packages ratesci and contingencytables (the last one) hold themselves to them.

    Tango 1998, Statistics in Medicine 17:891-908; Agresti and Min 2005, 24:729-740; Fagerland, Lydersen and Laake 2014,
    33:2850-2875, of Bentur et al. 2009; what ratesci cites as Tang 2010 and Chang 2024; data of Cavo et al. 2012.
    """
    digits = 4 if any(round(end, 3) != end for end in published) else 3
    assert paired_drop_interval(lost, gained, samples, level) == pytest.approx(published, abs=0.501 * 10**-digits)


def score_by_optimizer(lost: int, gained: int, samples: int, drop: float) -> float:
    """Return the score of a supposed `drop`, its nuisance found by maximizing the likelihood: no formula of Tango's."""
    counts = np.array([lost, gained, samples - lost - gained])

    def chances(share: float) -> Any:
        return np.array([share + drop, share, 1 - 2 * share - drop])

    def surprise(share: float) -> float:
        return -float(np.sum(np.where(counts, counts * np.log(np.maximum(chances(share), 1e-300)), 0)))

    ends = max(0.0, -drop), (1 - drop) / 2
    found = optimize.minimize_scalar(surprise, bounds=ends, method="bounded", options={"xatol": 1e-13}).x
    share = min((found, *ends), key=surprise)
    own, other, _ = chances(share)
    return float(((lost - gained) / samples - drop) / math.sqrt((own + other - drop**2) / samples))


@given(COUNT, COUNT, st.integers(0, 5000), LEVEL)
def test_the_paired_interval_ends_where_the_score_is_the_normal_quantile(
    lost: int, gained: int, others: int, level: float
) -> None:
    samples = lost + gained + others
    assume(samples)
    z = stats.norm.isf(level)
    low, high = paired_drop_interval(lost, gained, samples, level)
    assert -1 <= low <= (lost - gained) / samples <= high <= 1
    for end, sign in ((low, 1), (high, -1)):
        if abs(end) < 0.999:
            assert score_by_optimizer(lost, gained, samples, end) == pytest.approx(sign * z, abs=1e-3)
    mirrored = paired_drop_interval(gained, lost, samples, level)
    assert (-mirrored[1], -mirrored[0]) == pytest.approx((low, high), abs=1e-9)


def test_the_paired_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    draws = rng.multinomial(1000, [0.02, 0.012, 0.968], 600)
    intervals = [paired_drop_interval(lost, gained, 1000, 0.05) for lost, gained, _ in draws]
    covered = np.mean([low <= 0.008 <= high for low, high in intervals])
    assert 0.87 < covered < 0.93


@given(st.integers(0, 80), st.integers(100, 10_000), LEVEL)
def test_the_smallest_certified_drop_is_significant_and_the_next_smaller_is_not(
    discordant: int, samples: int, level: float
) -> None:
    drop = round(smallest_certified_drop(discordant, samples, level) * samples)
    pairs = max(discordant, math.ceil(-math.log2(level)))
    lost = (pairs + drop) // 2
    assert mcnemar(lost, pairs - lost) <= level
    assert mcnemar(lost - 1, pairs - lost + 1) > level


def test_a_tiny_set_certifies_nothing() -> None:
    assert smallest_certified_drop(0, 5, 0.01) == 1.0


def test_equivalence_needs_both_sides() -> None:
    assert equivalent(Estimate(0.0, 0.005, 20), 0.02) < 0.001
    assert equivalent(Estimate(0.019, 0.005, 20), 0.02) > 0.4
    assert equivalent(Estimate(-0.019, 0.005, 20), 0.02) > 0.4


def test_the_detectable_change_is_detected_nine_times_of_ten() -> None:
    rng = np.random.default_rng(3)
    none = np.empty((12, 0))
    true = minimum_detectable_effect(Estimate(0.0, 0.01 / math.sqrt(12), 11), 0.01, 0.02, 0.002)
    found = [adjusted_mean(list(rng.normal(true, 0.01, 12)), none) for _ in range(2000)]
    power = np.mean([e.p_above(0.01) <= 0.002 and e.mean > 0.02 for e in found])
    assert 0.85 < power < 0.95


@given(COUNT, COUNT, LEVEL)
def test_the_interval_of_a_proportion_is_scipys_exact_one(right: int, wrong: int, level: float) -> None:
    assume(right + wrong)
    found = proportion_interval(right, right + wrong, level)
    expected = stats.binomtest(right, right + wrong).proportion_ci(1 - 2 * level, "exact")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_interval_of_a_median_lies_between_order_statistics() -> None:
    assert median_interval(range(10)) == (1, 8)  # ranks 2 and 9: 97.9 % (David and Nagaraja 2003, section 7.1)
    assert median_interval([3, 1, 2, 6, 5, 4]) == (1, 6)
    assert median_interval(range(5)) is None
    rng = np.random.default_rng(0)
    inside = [low <= 0 <= high for low, high in (median_interval(list(rng.normal(size=20))) for _ in range(2000))]  # type: ignore[misc]
    assert 0.95 <= np.mean(inside) <= 0.975


@pytest.mark.parametrize("alone", [(0,), (0, 1), (2, 3)])
def test_a_mean_is_known_though_few_processes_tell_what_the_order_of_loading_is_worth(alone: tuple[int, ...]) -> None:
    """Catches a series in which one slow process was loaded once: with six others it must not be undecided for ever."""
    orders = [PairedTiming(effect=0.01 + 0.001 * i, load_order=LOAD_ORDERS[i], loads=6, **KNOWN) for i in range(6)]
    mixed = [dataclasses.replace(one, loads=1) if i in alone else one for i, one in enumerate(orders)]
    found = adjusted_mean([one.effect for one in mixed], load_places(mixed, "head"))
    assert found.df == 4
    assert found.mean == pytest.approx(0.0125, abs=0.002)
    assert math.isfinite(found.error)
