"""Compare what two runs say of files on the targets of a suite: bytes, cycles and shares, which have no noise.

Law: a file that no longer runs on a target is worse. What other versions or settings said is not comparable. Accuracy
on a target is left to its limit: a run keeps no samples of it, so that a difference could not be tested.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator

from optkit.judge.deltas import Delta
from optkit.judge.tolerances import Tolerances
from optkit.judge.verdicts import ChangeVerdict
from optkit.measure.targets import TargetFacts
from optkit.record.run import Run
from optkit.spec.metrics import METRICS
from optkit.spec.running import said

FIGURES = tuple(name for name, metric in METRICS.items() if metric.on_target)
"""What is compared on a target, and followed by a history."""
RUNS = "runs"
"""Whether a file runs on a target at all: 1 or 0."""
RUN_TO_RUN = 0.05
"""`peak_bytes` of one file differs by up to this share from run to run."""


def name_there(variant: str, target: str) -> str:
    """Return what a variant on a target is called, beside `variant/mode/threads` of a timing."""
    return f"{variant}/{target}"


def names_there(run: Run) -> list[str]:
    """Return the names of all variants on all targets that a run has."""
    return [name_there(facts.variant, target) for facts in run.variants.values() for target in facts.targets]


def target_deltas(base: Run, head: Run, tolerances: Tolerances, *, across: bool) -> Iterator[Delta]:
    """Yield a delta for each figure on each target that both runs have. `across`: of different environments."""
    for variant, facts in base.variants.items():
        other = head.variants[variant].targets if variant in head.variants else {}
        for target, old in facts.targets.items():
            if target in other:
                yield from _on_target(name_there(variant, target), old, other[target], tolerances, across)


def _on_target(name: str, old: TargetFacts, new: TargetFacts, tolerances: Tolerances, across: bool) -> Iterator[Delta]:
    if old.missing and new.missing:  # neither run knows anything: no figure of the base is lost
        return
    runs = Delta(
        name=name, metric=RUNS, verdict="same", base=_runs(old), head=_runs(new), change=_runs(old) - _runs(new)
    )
    if why_not := _not_comparable(old, new, across):
        yield dataclasses.replace(runs, verdict="not comparable", reason=why_not)
        return
    if old.refused or new.refused:
        word: ChangeVerdict = "same" if old.refused and new.refused else "worse" if new.refused else "better"
        yield dataclasses.replace(runs, verdict=word, fails=word == "worse", reason=new.refused or old.refused)
        return
    for metric in FIGURES:
        if metric in old.figures and metric in new.figures:
            yield _figure(name, metric, old, new, tolerances)
        elif metric in old.figures:
            reason = f"{metric} was measured in the base only; give the target its limit again"
            yield dataclasses.replace(runs, metric=metric, verdict="not comparable", reason=reason)


def _runs(there: TargetFacts) -> float:
    return float(bool(there.figures))


def _not_comparable(old: TargetFacts, new: TargetFacts, across: bool) -> str:
    """Say why the figures of two sides are not of one thing; empty when they are."""
    for side, there in (("base", old), ("head", new)):
        if there.missing:
            return f"nothing is known in the {side}: {there.missing}"
    if old.by != new.by:
        return f"{old.by} in the base, {new.by} in the head"
    if old.settings != new.settings:
        return f"other settings of {old.by}: {said(old.settings)} and {said(new.settings)}"
    if old.version != new.version and not across:
        return f"other versions of {old.by}: {old.version} and {new.version} (compare them: --across-environments)"
    return ""


def _figure(name: str, metric: str, old: TargetFacts, new: TargetFacts, tolerances: Tolerances) -> Delta:
    """Compare one figure: any difference of a count is real; one that was measured must be beyond its scatter."""
    base, head = old.figures[metric], new.figures[metric]
    found = Delta(name=name, metric=metric, verdict="same", base=base, head=head, change=_change(metric, base, head))
    grown = growth(metric, base, head)
    limit = limit_of(metric, tolerances)
    word: ChangeVerdict = "worse" if grown > 0 else "better" if grown < 0 else "same"
    if metric == "peak_bytes" and word != "same":
        (low, high), (least, most) = old.ranges.get(metric, (base, base)), new.ranges.get(metric, (head, head))
        reason = (
            f"processes grew by {low:,.0f} to {high:,.0f} bytes in the base, {least:,.0f} to {most:,.0f} in the head"
        )
        found = dataclasses.replace(found, reason=reason)
        apart = least > high or most < low
        if abs(grown) <= limit:
            word = "same"
        elif not apart:
            word = "inconclusive"
    return dataclasses.replace(found, verdict=word, fails=word == "worse" and grown > limit)


def limit_of(metric: str, tolerances: Tolerances) -> float:
    """Return how much worse a figure may be: the growth of a size, and of what is measured at least its scatter."""
    return max(RUN_TO_RUN, tolerances.max_growth) if metric == "peak_bytes" else tolerances.max_growth


def _change(metric: str, base: float, head: float) -> float:
    """Return head / base; of a share base - head."""
    if METRICS[metric].unit == "fraction":
        return base - head
    return head / base if base else 1.0 if not head else math.inf


def growth(metric: str, base: float, head: float) -> float:
    """Return how much worse `head` is than `base`, as a fraction: negative is better."""
    if METRICS[metric].unit == "fraction":
        return base - head if METRICS[metric].better == "higher" else head - base
    return _change(metric, base, head) - 1.0
