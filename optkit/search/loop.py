"""The search: ask for recipes, build them, give up the hopeless early, choose on held-out samples, certify once.

Rungs: each recipe is trained for a quarter of its epochs first, and whole only when it is among the best third of those
so far (successive halving: Jamieson and Talwalkar 2016, arXiv:1502.07943).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import BuildError, OptkitError, SuiteError
from optkit.runtime import KerasWorkers
from optkit.search.default import float_table
from optkit.search.holes import filled
from optkit.search.measuring import chosen_by, drop_of, figures_of, outside_target, run_of_trials
from optkit.search.sampler import Asked, Sampler
from optkit.search.space import space_of
from optkit.search.state import Rung, Search, Trial, read_search, write_search
from optkit.search.trials import HOLDOUT, read_trials, shortened, validating, write_trials
from optkit.search.wanted import OUTSIDE, Wanted, expected
from optkit.spec import Suite

PARTS = (0.25, 1.0)
"""Of its epochs, what a recipe trains for at each rung."""
_BEST = 3
"""One of so many goes on to the next rung."""
_WHOLE = 3
"""So many of the points that a search begins with are trained whole in any case: what others are held against."""
_LEVEL = 0.05
_AGAIN = "it was tried before"
_PATIENCE = 5
"""So many times the trials that are wanted are asked for, where many are refused, or were tried before."""
TRIALS_FILE = "trials.toml"

Build = Callable[[Suite, Sequence[str]], Mapping[str, Artifact]]
"""Builds these variants of a suite, and its baseline; return all by name."""
Told = Callable[[float, str], None]


def search(
    suite: Suite,
    dataset: Dataset,
    store: Store,
    folder: Path,
    wanted: Wanted,
    build: Build,
    *,
    data: str = "auto",
    told: Told = lambda share, state: None,
) -> Search:
    """Search for the best recipe of `suite`, keep all of it in `folder`, and return what was found.

    `data` is what the data set was chosen by. A search in `folder` that was begun with the same is gone on with. Raises
    OptkitError when another one is there, the space is empty or nothing of it is a recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with KerasWorkers() as workers:
        one = _Search(suite, dataset, store, folder, wanted, build, workers, data)
        return one.run(told)


class _Search:
    """One search at work."""

    def __init__(
        self,
        suite: Suite,
        dataset: Dataset,
        store: Store,
        folder: Path,
        wanted: Wanted,
        build: Build,
        workers: KerasWorkers,
        data: str,
    ) -> None:
        self.suite, self.dataset, self.store, self.folder, self.data = suite, dataset, store, folder, data
        self.wanted, self.build, self.workers = wanted, build, workers
        self.share = suite.variant(suite.baseline).training.validation_split or HOLDOUT
        self.held_out = chosen_by(dataset, self.share)
        self.tables: dict[str, dict[str, Any]] = {"search_float": float_table(suite)}
        made = build(self._suite_with({}), ["search_float"])["search_float"]
        self.space = space_of(suite, made, self.held_out, wanted.bounds, hints=wanted.hints and not wanted.random)
        self.template = self.space.template
        asked = {
            "suite": suite.title,
            "data": dataset.digest,
            "template": self.template,
            **wanted.asked,
        }
        self.state = read_search(folder) or Search(asked=asked)
        if self.state.asked != asked:
            differing = ", ".join(key for key in asked if asked[key] != self.state.asked.get(key))
            raise OptkitError(f"{folder} holds a search with another {differing}; give another folder with -o")
        self.known = {trial.number: trial for trial in self.state.trials}

    def run(self, told: Told) -> Search:
        """Do trials until the budget is used up, then choose and certify."""
        sampler = Sampler(
            self.wanted.seed,
            len(self.wanted.minimize),
            random=self.wanted.random,
            at_a_time=self.wanted.at_a_time,
        )
        sampler.begin_with(self.space.first)
        began, done, asked_for = time.monotonic(), 0, 0
        while done < self.wanted.trials and time.monotonic() - began < self.wanted.seconds:
            count = min(self.wanted.at_a_time, self.wanted.trials - done)
            asked = [(asked_for + place, sampler.ask()) for place in range(count)]
            asked_for += count
            tried = self._tried([self._trial(number, one) for number, one in asked])
            for (_, one), trial in zip(asked, tried, strict=True):
                self._tell(sampler, one, trial)
                done += not trial.refused
            if asked_for > _PATIENCE * self.wanted.trials:
                break
            told(max(done / self.wanted.trials, (time.monotonic() - began) / self.wanted.seconds), self._best_text())
        if not self._whole() and all(trial.refused for trial in self.state.trials):
            raise OptkitError(f"none of {asked_for} recipes can be built; the last one: {tried[-1].refused}")
        return self._certified()

    def _suite_with(self, tables: Mapping[str, Mapping[str, Any]]) -> Suite:
        """Return the suite with all trials so far and `tables`, from a file that another process can read."""
        self.tables |= {name: dict(table) for name, table in tables.items()}
        path = self.folder / TRIALS_FILE
        write_trials(path, self.suite, self.tables, self.share, self.dataset.name)
        return read_trials(path, self.suite, self.dataset.name, self.data)

    def _trial(self, number: int, asked: Asked) -> tuple[Trial, dict[str, Any]]:
        """Return the trial that the sampler asks for, with what is known of it, and its table."""
        table = validating(filled(self.template, asked), self.share)
        known = self.known.get(number)
        for other in self.known.values():
            if other.number < number and other.values == asked.values and not other.refused:
                return Trial(number=number, values=asked.values, rungs=other.rungs, refused=_AGAIN), table
        if known and known.values == asked.values:
            self.tables |= {rung.variant: shortened(table, rung.part) for rung in known.rungs}
            return known, table
        trial = Trial(number=number, values=asked.values)
        before = dict(self.tables)
        try:
            self._suite_with({f"trial_{number}": table})
        except SuiteError as error:
            trial = replace(trial, refused=str(error))
        self.tables = before
        return trial, table

    def _tried(self, trials: Sequence[tuple[Trial, dict[str, Any]]]) -> list[Trial]:
        """Return `trials` with what came of them: each rung is built side by side."""
        found = {trial.number: trial for trial, _ in trials}
        for part in PARTS:
            now = {
                number: table
                for (trial, table) in trials
                if self._goes_on(found[number := trial.number], part) and not found[number].refused
            }
            for number, rung in self._rungs(now, part).items():
                kept = found[number]
                found[number] = (
                    replace(kept, refused=rung) if isinstance(rung, str) else replace(kept, rungs=(*kept.rungs, rung))
                )
            self.known |= found
            self.state = replace(self.state, trials=tuple(self.known[n] for n in sorted(self.known)))
            write_search(self.folder, self.state)
        return list(found.values())

    def _goes_on(self, trial: Trial, part: float) -> bool:
        """Tell whether a trial is still to do this rung."""
        if any(rung.part == part for rung in trial.rungs):
            return False
        place = PARTS.index(part)
        if place == 0:
            return True
        before = PARTS[place - 1]
        if len(trial.rungs) != place:
            return False
        earlier = [one for one in self.known.values() if one.number <= trial.number and not one.refused]
        others = [rung for one in earlier for rung in one.rungs if rung.part == before]
        if trial.number < min(_WHOLE, len(self.space.first)):
            return True
        better = sum(self._rank(rung) < self._rank(trial.rungs[-1]) for rung in others)
        return better < max(1, -(-len(others) // _BEST))

    def _rungs(self, tables: Mapping[int, dict[str, Any]], part: float) -> dict[int, Rung | str]:
        """Build and measure these trials at one rung; a text says why one cannot be built."""
        names = {number: f"trial_{number}" + ("" if part == 1 else f"_{PARTS.index(part)}") for number in tables}
        if not names:
            return {}
        suite = self._suite_with({names[number]: shortened(table, part) for number, table in tables.items()})
        found: dict[int, Rung | str] = {}
        made: dict[str, Artifact] = {}
        try:
            made = dict(self.build(suite, list(names.values())))
        except BuildError:
            for number, name in names.items():  # which of them, and why
                try:
                    made |= self.build(suite, [name])
                except BuildError as error:
                    found[number] = str(error)
        built = {number: name for number, name in names.items() if name in made}
        if built:
            of = {suite.baseline: made[suite.baseline], **{name: made[name] for name in built.values()}}
            quantities = self.wanted.quantities
            run = run_of_trials(suite, of, self.held_out, self.store, self.workers, quantities)
            for number, name in built.items():
                figures = figures_of(run, name, quantities)
                if self.wanted.target:
                    figures[OUTSIDE] = outside_target(suite, run, name, self.wanted.target)
                found[number] = Rung(part=part, variant=name, figures=figures)
        return found

    def _rank(self, rung: Rung) -> tuple[float, float]:
        return self.wanted.rank(expected(rung, self.known.values()))

    def _tell(self, sampler: Sampler, asked: Asked, trial: Trial) -> None:
        if not trial.rungs:
            sampler.refuse(asked)
        else:
            last = expected(trial.rungs[-1], self.known.values())
            sampler.tell(asked, self.wanted.costs(last), self.wanted.violations(last))

    def _whole(self) -> list[Rung]:
        return [trial.whole for trial in self.state.trials if trial.whole]

    def _best(self) -> Rung | None:
        return min(self._whole(), key=self.wanted.rank, default=None)

    def _best_text(self) -> str:
        best = self._best()
        if best is None:
            return "nothing whole yet"
        name = self.wanted.minimize[0]
        fits = "" if self.wanted.fits(best) else ", not within the bounds"
        return f"best {name} {best.figures[name]:,.6g}, drop {best.figures['drop']:+.4f}{fits}"

    def _certified(self) -> Search:
        """Return the search with its winner, judged once on the test set beside the baseline."""
        best = self._best()
        if best is None:
            write_search(self.folder, self.state)
            return self.state
        suite = self._suite_with({})
        made = self.build(suite, [best.variant])
        of = {name: made[name] for name in (suite.baseline, best.variant)}
        run = run_of_trials(suite, of, self.dataset, self.store, self.workers, self.wanted.quantities)
        drop, low, high, data = drop_of(run, best.variant, _LEVEL)
        facts = run.variants[best.variant]
        certificate = {
            "fits": self.wanted.fits(best),
            "drop": drop,
            "low": low,
            "high": high,
            "data": data,
            "held_out_drop": best.figures["drop"],
            "zip_bytes": facts.artifact.zip_bytes,
            "size_ratio": facts.artifact.size_ratio,
            "score": facts.score,
            "path": str(made[best.variant].path),
            "table": self.tables[best.variant],
        }
        self.state = replace(self.state, winner=best.variant, certificate=certificate)
        write_search(self.folder, self.state)
        return self.state
