"""Is HEAD slower than BASE? Paired timings of fresh processes, taken until there is a verdict or the time is up.

Law: the chance that anything is called slower which is not, over all pairs and all looks of one invocation, is held
below the rate asked for; what the data cannot tell is inconclusive and never the same.

What is tested. One model loaded twice reads up to half a per cent apart for as long as its process lives, so "not
exactly equal" is always true in the end and H0: ratio <= 1 is the wrong question. H0: ratio <= 1 + margin is the
strict one, but a change of 3 % against a margin of 2 % then leaves 1 % to be resolved, out of reach on a loaded
machine. `slower` therefore says two things: H0: ratio <= 1 + margin / 2 is rejected, at the rate asked for, *and* the
estimate lies beyond 1 + margin. A true change below half the margin is called slower at most at that rate, one of
exactly the margin half to three quarters of the time (it has no right answer), one of 1.5 margins nearly always.
`faster` mirrors it on the log scale. `same` is equivalence by two one-sided tests (Schuirmann 1987): the ratio lies
within the margin, with an error rate (`miss`) of its own. A control that moves by more than half the margin makes its
pair inconclusive: what moved it may as well have moved the head.

When to stop. Group-sequential with planned looks: each look has a share of the error rate, spent when it is taken;
the last one, when time or processes end, takes what is left, whatever number of processes it comes at (an
error-spending function in the sense of Lan and DeMets 1983, Biometrika 70:659-663, of the share of the budget used;
that may depend on time but never on what was measured). Shares are joined by Bonferroni's inequality (Slud and Wei
1982, JASA 77:862-868, spend the rate by look) in place of the joint normal distribution: it costs some 4 % of a
bound's width with six looks (normal quantile 3.14 against Pocock's 3.02 at 1 %) and holds for Student's t with few
degrees of freedom. So the smallest of p(look) / share(look) is a p-value of the whole sequence, and Holm's method
over the pairs may use it like any other.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.judge.verdicts import ChangeVerdict
from optkit.measure.paired import PairedTiming, load_places
from optkit.stats.estimates import Estimate, adjusted_mean, equivalent, holm, minimum_detectable_effect

LOOKS = (6, 12, 18, 24, 36, 48)
"""After how many processes to look: multiples of six, which go through all orders of loading."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One pair: ratio head / base with its interval, the control's ratio, processes used, and the verdict.

    The verdict `worse` says slower. `p_slower` and `p_faster` are adjusted for looks and for the number of pairs.
    `minimum_detectable_effect` is the smallest slow-down, as a ratio, that this much data would have shown nine times
    of ten. `confidence` is the interval's.
    """

    name: str
    verdict: ChangeVerdict
    ratio: float
    low: float
    high: float
    confidence: float
    control: float
    control_low: float
    control_high: float
    p_slower: float
    p_faster: float
    processes: int
    minimum_detectable_effect: float
    seconds: float
    reason: str = ""
    timings: tuple[PairedTiming, ...] = ()


@dataclass
class Series:
    """The processes of one pair so far, and what its looks have found and spent."""

    tolerances: Tolerances
    pairs: int
    looks: tuple[int, ...] = LOOKS
    timings: list[PairedTiming] = field(default_factory=list)
    spent: float = 0.0
    share: float = 1.0
    p_slower: float = 1.0
    p_faster: float = 1.0
    p_same: float = 1.0

    @property
    def effect(self) -> Estimate:
        """log(head / base), the order of loading accounted for."""
        return adjusted_mean([t.effect for t in self.timings], load_places(self.timings, "head"))

    @property
    def control(self) -> Estimate:
        """log(copy / base), the order of loading accounted for."""
        return adjusted_mean([t.control for t in self.timings], load_places(self.timings, "copy"))

    @property
    def control_moved(self) -> bool:
        """Whether the same model against its copy differs by more than half the margin."""
        return abs(self.control.mean) > self.tolerances.alarm_bound

    def look(self, *, last: bool) -> None:
        """Test with what there is, and spend this look's share of the rates: all that is left of them at the last."""
        tolerances, effect = self.tolerances, self.effect
        left = 1.0 - self.spent
        self.share = left if last else min(left, 1 / len(self.looks))
        self.spent += self.share
        if self.share <= 0:
            return
        bound, margin = tolerances.alarm_bound, tolerances.log_margin
        self.p_slower = min(self.p_slower, effect.p_above(bound) / self.share)
        self.p_faster = min(self.p_faster, effect.p_below(-bound) / self.share)
        self.p_same = min(self.p_same, equivalent(effect, margin) / self.share)

    def verdict(self, p_slower: float, p_faster: float) -> ChangeVerdict:
        """Return the verdict by these adjusted p-values."""
        tolerances, mean = self.tolerances, self.effect.mean
        if self.control_moved or not self.timings:
            return "inconclusive"
        if p_slower <= tolerances.family_alpha and mean > tolerances.log_margin:
            return "worse"
        if p_faster <= tolerances.family_alpha and mean < -tolerances.log_margin:
            return "better"
        return (
            "same"
            if self.p_same <= tolerances.equivalence_alpha and abs(mean) <= tolerances.log_margin
            else "inconclusive"
        )

    @property
    def decided(self) -> bool:
        """Whether more processes could not change the verdict, whatever the other pairs show (Bonferroni's bound)."""
        return self.verdict(self.pairs * self.p_slower, self.pairs * self.p_faster) != "inconclusive"


Measure = Callable[[Pair, int], PairedTiming]
Clock = Callable[[], float]


def compare_pairs(
    pairs: Sequence[Pair],
    measure: Measure,
    tolerances: Tolerances,
    budget: float,
    *,
    looks: tuple[int, ...] = LOOKS,
    clock: Clock = time.monotonic,
) -> list[Judgement]:
    """Judge each pair by `measure(pair, number of the process)`, within `budget` seconds a pair.

    No process is begun that, going by the longest so far, would end after the budget; the first always is.
    """
    done = [_run_series(pair, Series(tolerances, len(pairs), looks), measure, budget, clock) for pair in pairs]
    slower = holm([series.p_slower for series, _ in done])
    faster = holm([series.p_faster for series, _ in done])
    return [
        _judgement(pair, series, slower[i], faster[i], seconds)
        for i, (pair, (series, seconds)) in enumerate(zip(pairs, done, strict=True))
    ]


def _run_series(pair: Pair, series: Series, measure: Measure, budget: float, clock: Clock) -> tuple[Series, float]:
    began = clock()
    elapsed = longest = 0.0
    while True:
        series.timings.append(measure(pair, len(series.timings)))
        now = clock() - began
        longest, elapsed = max(longest, now - elapsed), now
        last = elapsed + longest > budget or len(series.timings) >= series.looks[-1]
        if last or len(series.timings) in series.looks:
            series.look(last=last)
            if last or series.decided:
                return series, elapsed


def _judgement(pair: Pair, series: Series, p_slower: float, p_faster: float, seconds: float) -> Judgement:
    tolerances, effect, control = series.tolerances, series.effect, series.control
    verdict = series.verdict(p_slower, p_faster)
    alarm = tolerances.family_alpha * series.share / series.pairs
    level = tolerances.equivalence_alpha * series.share if verdict == "same" else alarm
    least = minimum_detectable_effect(effect, tolerances.alarm_bound, tolerances.log_margin, alarm)
    return Judgement(
        name=pair.name,
        verdict=verdict,
        ratio=math.exp(effect.mean),
        low=math.exp(effect.lower(level)),
        high=_exp(effect.upper(level)),
        confidence=1 - 2 * level,
        control=math.exp(control.mean),
        control_low=math.exp(control.lower(level)),
        control_high=_exp(control.upper(level)),
        p_slower=p_slower,
        p_faster=p_faster,
        processes=len(series.timings),
        minimum_detectable_effect=_exp(least),
        seconds=seconds,
        reason=_reason(series) if verdict == "inconclusive" else "",
        timings=tuple(series.timings),
    )


def _exp(log_ratio: float) -> float:
    return math.exp(log_ratio) if log_ratio < 700 else math.inf


def _reason(series: Series) -> str:
    if series.effect.df <= 0:
        return f"{len(series.timings)} processes are too few to tell; give a larger budget"
    if series.control_moved:
        percent = 100 * math.expm1(series.control.mean)
        return f"the control moved: the base against its own copy differs by {percent:+.2f} %"
    return ""
