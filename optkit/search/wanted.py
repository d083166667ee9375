"""What a search looks for, and what of its trials is best by that."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from optkit.search.state import Rung, Search, Trial
from optkit.spec.bounds import Bound, read_bounds

UNLIMITED = 10**9
"""Trials of a search that ends by its time alone."""
OUTSIDE = "outside_target"
"""Among the figures of a trial: how far it is outside the limits of the target."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for: `minimize` these quantities, the first one first, within `bounds`; and how long.

    `hints`: begin with the suite's own recipes, and with what each layer takes. `target`: a target of the suite whose
    limits hold, too.
    """

    bounds: tuple[Bound, ...]
    minimize: tuple[str, ...]
    trials: int
    seconds: float = float("inf")
    at_a_time: int = 1
    seed: int = 1
    random: bool = False
    hints: bool = True
    target: str = ""

    @property
    def quantities(self) -> tuple[str, ...]:
        """All that a trial is measured for."""
        return tuple(dict.fromkeys((*self.minimize, "drop", *(bound.quantity for bound in self.bounds))))

    @property
    def asked(self) -> dict[str, Any]:
        """What a search is begun with, as it is saved: it goes on only with the same."""
        return {
            "bounds": {bound.key: bound.value for bound in self.bounds},
            "minimize": list(self.minimize),
            "seed": self.seed,
            "at_a_time": self.at_a_time,
            "random": self.random,
            "hints": self.hints,
            "target": self.target,
        }

    def violations(self, rung: Rung) -> tuple[float, ...]:
        """Return for each bound how far a trial is outside, as a share of the bound (of 1 where that is 0)."""
        found = []
        for bound in self.bounds:
            beyond = rung.figures[bound.quantity] - bound.value
            found.append((beyond if bound.kind == "max" else -beyond) / (abs(bound.value) or 1.0))
        found += [rung.figures[OUTSIDE]] if self.target else []
        return tuple(found) or (0.0,)

    def rank(self, rung: Rung) -> tuple[float, float]:
        """Return what orders trials: how far they are outside the bounds, then the first objective."""
        return max(0.0, *self.violations(rung)), self.costs(rung)[0]

    def costs(self, rung: Rung) -> tuple[float, ...]:
        """Return the objectives: what is to be small."""
        return tuple(rung.figures[name] for name in self.minimize)

    def fits(self, rung: Rung) -> bool:
        """Tell whether a trial is within all bounds."""
        return self.rank(rung)[0] == 0


def wanted_of(search: Search) -> Wanted:
    """Return what a saved search looked for. Raises ValueError when its bounds are none."""
    asked = search.asked
    return Wanted(
        bounds=read_bounds(asked["bounds"]),
        minimize=tuple(asked["minimize"]),
        trials=len(search.trials),
        seed=asked["seed"],
        random=asked["random"],
        hints=asked.get("hints", False),
        target=asked.get("target", ""),
    )


def expected(rung: Rung, trials: Iterable[Trial]) -> Rung:
    """Return what a trial would give whole: its drop less what whole training gained others, by their median.

    A recipe that was trained for a part of its epochs loses more than it will. Judged so, the mildest would always be
    the best.
    """
    if rung.part == 1.0:
        return rung
    both = [trial.rungs for trial in trials if trial.whole and len(trial.rungs) > 1]
    gains = [rungs[0].figures["drop"] - rungs[-1].figures["drop"] for rungs in both]
    gain = max(statistics.median(gains), 0.0) if gains else 0.0
    signs = {"drop": -1, "accuracy_drop": -1, "accuracy": 1}
    figures = {name: value + gain * signs.get(name, 0) for name, value in rung.figures.items()}
    return replace(rung, figures=figures)


def front(trials: Iterable[Trial], wanted: Wanted) -> list[Trial]:
    """Return the trials that were trained whole and fit, of which none is as small in all objectives, by the first."""
    whole = [(trial, wanted.costs(trial.whole)) for trial in trials if trial.whole and wanted.fits(trial.whole)]
    found = [
        (trial, costs)
        for number, (trial, costs) in enumerate(whole)
        if not any(_beats(other, costs) or (other == costs and k < number) for k, (_, other) in enumerate(whole))
    ]
    return [trial for trial, _ in sorted(found, key=lambda one: one[1])]


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))
