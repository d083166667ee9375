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
from typing import Literal

from optkit.errors import OptkitError
from optkit.judge.pairs import Pair
from optkit.measure.paired import PairedTiming, load_places
from optkit.stats.estimates import Estimate, adjusted_mean, detectable, equivalent, holm

Word = Literal["slower", "faster", "same", "inconclusive"]


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is asked: margin and rates as fractions, and after how many processes to look (multiples of six).

    `false_alarm` is for the whole invocation and each direction; `miss` for each pair: the chance that a change
    of the margin is called the same. Raises OptkitError when one of them is out of range.
    """

    margin: float = 0.02
    false_alarm: float = 0.01
    miss: float = 0.05
    looks: tuple[int, ...] = (6, 12, 18, 24, 36, 48)

    def __post_init__(self) -> None:
        rates = (("false alarm", self.false_alarm, 0.5), ("miss", self.miss, 0.5))
        for name, value, most in (("margin", self.margin, 1), *rates):
            if not 0 < value < most:
                raise OptkitError(f"{name} is {value:g}; expected a fraction above 0 and below {most:g}, such as 1%")

    @property
    def log_margin(self) -> float:
        """The margin as a log ratio."""
        return math.log1p(self.margin)

    @property
    def alarm_bound(self) -> float:
        """The log ratio that a slower one must be shown to exceed: of half the margin."""
        return math.log1p(self.margin / 2)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One pair: ratio head / base with its interval, the control's ratio, processes used, and the verdict.

    `p_slower` and `p_faster` are adjusted for looks and for the number of pairs. `detectable` is the smallest
    slow-down, as a ratio, that this much data would have shown nine times of ten. `confidence` is the interval's.
    """

    name: str
    verdict: Word
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
    detectable: float
    seconds: float
    reason: str = ""
    timings: tuple[PairedTiming, ...] = ()


@dataclass
class Series:
    """The processes of one pair so far, and what its looks have found and spent."""

    design: Design
    pairs: int
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
        return abs(self.control.mean) > self.design.alarm_bound

    def look(self, *, last: bool) -> None:
        """Test with what there is, and spend this look's share of the rates: all that is left of them at the last."""
        design, effect = self.design, self.effect
        left = 1.0 - self.spent
        self.share = left if last else min(left, 1 / len(design.looks))
        self.spent += self.share
        if self.share <= 0:
            return
        bound, margin = design.alarm_bound, design.log_margin
        self.p_slower = min(self.p_slower, effect.p_above(bound) / self.share)
        self.p_faster = min(self.p_faster, effect.p_below(-bound) / self.share)
        self.p_same = min(self.p_same, equivalent(effect, margin) / self.share)

    def verdict(self, p_slower: float, p_faster: float) -> Word:
        """Return the verdict by these adjusted p-values."""
        design, mean = self.design, self.effect.mean
        if self.control_moved or not self.timings:
            return "inconclusive"
        if p_slower <= design.false_alarm and mean > design.log_margin:
            return "slower"
        if p_faster <= design.false_alarm and mean < -design.log_margin:
            return "faster"
        return "same" if self.p_same <= design.miss and abs(mean) <= design.log_margin else "inconclusive"

    @property
    def decided(self) -> bool:
        """Whether more processes could not change the verdict, whatever the other pairs show (Bonferroni's bound)."""
        return self.verdict(self.pairs * self.p_slower, self.pairs * self.p_faster) != "inconclusive"


Measure = Callable[[Pair, int], PairedTiming]
Clock = Callable[[], float]


def compare_pairs(
    pairs: Sequence[Pair], measure: Measure, design: Design, budget: float, *, clock: Clock = time.monotonic
) -> list[Judgement]:
    """Judge each pair by `measure(pair, number of the process)`, within `budget` seconds a pair.

    No process is begun that, going by the longest so far, would end after the budget; the first always is.
    """
    done = [_run_series(pair, len(pairs), measure, design, budget, clock) for pair in pairs]
    slower = holm([series.p_slower for series, _ in done])
    faster = holm([series.p_faster for series, _ in done])
    return [
        _judgement(pair, series, slower[i], faster[i], seconds)
        for i, (pair, (series, seconds)) in enumerate(zip(pairs, done, strict=True))
    ]


def _run_series(
    pair: Pair, pairs: int, measure: Measure, design: Design, budget: float, clock: Clock
) -> tuple[Series, float]:
    series = Series(design, pairs)
    began = clock()
    elapsed = longest = 0.0
    while True:
        series.timings.append(measure(pair, len(series.timings)))
        now = clock() - began
        longest, elapsed = max(longest, now - elapsed), now
        last = elapsed + longest > budget or len(series.timings) >= design.looks[-1]
        if last or len(series.timings) in design.looks:
            series.look(last=last)
            if last or series.decided:
                return series, elapsed


def _judgement(pair: Pair, series: Series, p_slower: float, p_faster: float, seconds: float) -> Judgement:
    design, effect, control = series.design, series.effect, series.control
    verdict = series.verdict(p_slower, p_faster)
    alarm = design.false_alarm * series.share / series.pairs
    level = design.miss * series.share if verdict == "same" else alarm
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
        detectable=_exp(detectable(effect, design.alarm_bound, design.log_margin, alarm)),
        seconds=seconds,
        reason=_reason(series) if verdict == "inconclusive" else "",
        timings=tuple(series.timings),
    )


def exit_code(judgements: Sequence[Judgement]) -> int:
    """Return 1 when a pair is slower, else 3 when one is inconclusive, else 0."""
    words = {judgement.verdict for judgement in judgements}
    return 1 if "slower" in words else 3 if "inconclusive" in words else 0


def _exp(log_ratio: float) -> float:
    return math.exp(log_ratio) if log_ratio < 700 else math.inf


def _reason(series: Series) -> str:
    if series.effect.df <= 0:
        return f"{len(series.timings)} processes are too few to tell; give a larger budget"
    if series.control_moved:
        percent = 100 * math.expm1(series.control.mean)
        return f"the control moved: the base against its own copy differs by {percent:+.2f} %"
    return ""
