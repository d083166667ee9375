"""The sampler: Optuna by ask and tell. The same seed and the same answers give the same questions.

Bergstra et al. 2011 (tree-structured Parzen estimators); Watanabe 2023 (arXiv:2304.11127) for their constraints.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from optkit.errors import OptkitError
from optkit.search.holes import Hole, Range, told

_VIOLATION = "violation"
_FIRST = 10
"""Trials that are drawn at random before the sampler has learned anything."""


def load_optuna() -> ModuleType:
    """Return the module `optuna`, quiet. Raises OptkitError when it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise OptkitError("a search needs Optuna; pip install 'optkit[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Asked:
    """One trial: asks its study for the value of each hole as it comes."""

    def __init__(self, trial: Any) -> None:
        self.trial = trial
        self.values: dict[str, Any] = {}

    def __call__(self, name: str, hole: Hole) -> Any:
        """Choose a value for `hole`."""
        if not isinstance(hole, Range):
            # A choice may be a list or a table, which Optuna does not take: it is asked for the place.
            place = self.trial.suggest_categorical(name, list(range(len(hole.choices))))
            found = hole.choices[place]
        elif hole.whole:
            found = self.trial.suggest_int(name, hole.low, hole.high, log=hole.log)
        else:
            found = round(float(self.trial.suggest_float(name, hole.low, hole.high, log=hole.log)), 6)
        self.values[name] = told(hole, found)
        return found


class Sampler:
    """Asks for trials that make `objectives` numbers small, within constraints, and is told what came of each."""

    def __init__(self, seed: int, objectives: int, *, random: bool = False, at_a_time: int = 1) -> None:
        optuna = load_optuna()
        if random:
            sampler = optuna.samplers.RandomSampler(seed=seed)
        else:
            with warnings.catch_warnings():  # of what Optuna calls experimental
                warnings.simplefilter("ignore")
                sampler = optuna.samplers.TPESampler(
                    seed=seed,
                    n_startup_trials=_FIRST,
                    multivariate=True,
                    group=True,
                    constant_liar=at_a_time > 1,
                    constraints_func=lambda trial: trial.user_attrs.get(_VIOLATION, (0.0,)),
                )
        self._study = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL

    def begin_with(self, points: Iterable[Mapping[str, Any]]) -> None:
        """Ask for these points first, in this order; each has values by the holes' names, of a choice its place."""
        for point in points:
            self._study.enqueue_trial(dict(point))

    def ask(self) -> Asked:
        """Return the next trial."""
        return Asked(self._study.ask())

    def tell(self, asked: Asked, values: Sequence[float], violation: Sequence[float]) -> None:
        """Say what came of a trial: what is to be small, and how far outside each constraint it is (inside: 0)."""
        asked.trial.set_user_attr(_VIOLATION, tuple(violation))
        self._study.tell(asked.trial, list(values))

    def refuse(self, asked: Asked) -> None:
        """Say that there is no such recipe."""
        self._study.tell(asked.trial, state=self._failed)
