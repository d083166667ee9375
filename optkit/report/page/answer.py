"""The answer, first on the page: the smallest, fastest and most accurate file, the knee, and the budget's choice."""

from __future__ import annotations

import math
from collections.abc import Iterator

from optkit.errors import OptkitError
from optkit.judge.choice import Choice
from optkit.judge.choose import choose_within
from optkit.judge.front import knee, objectives_of
from optkit.record.run import Run
from optkit.report.choose import bound_text, flags
from optkit.report.figures import time_text, times_text
from optkit.report.page.parts import Card, Cards, Missing, Section
from optkit.suites.budget import read_budget


def answer_section(run: Run) -> Section:
    """Return what a reader asks first, each with the file and its figures."""
    missing = Missing()
    cards = [*_budget(run, missing), *_extremes(run, missing)]
    return Section("answer", "The answer", (Cards(tuple(cards)),), tuple(missing.lines))


def suite_of(run: Run) -> str:
    """Return the text that the run's suite is found by."""
    return next(iter(run.variants.values())).suite_path or run.suite


def _budget(run: Run, missing: Missing) -> Iterator[Card]:
    """Yield what `optkit choose` says for the suite's budget, if the suite is at hand and has one."""
    try:
        budget = read_budget(suite_of(run))
        choice = choose_within(run, budget) if budget else None
    except OptkitError as error:
        missing.add(f"No choice by the suite's budget: {error}")
        return
    if choice is None:
        missing.add("The suite has no budget. To choose by bounds of yours: optkit choose RUN.json --max-drop 0.5%")
        return
    bounds = ", ".join(bound_text(bound) for bound in choice.bounds)
    if choice.chosen:
        lines = (*_figures(run, choice.chosen), f"budget: {bounds}", *_doubts(choice))
        yield Card("To ship, by the budget", choice.chosen, lines)
        return
    relax = (f"nearest: {choice.nearest.variant}, with {flags(choice.nearest)}",) if choice.nearest else ()
    yield Card("To ship, by the budget", "nothing fits", (f"budget: {bounds}", *relax))


def _doubts(choice: Choice) -> Iterator[str]:
    checks = choice.candidate(choice.chosen or "").checks
    for word in ("met by luck", "met, how surely is not known"):
        if names := dict.fromkeys(check.bound.quantity for check in checks if check.word == word):
            yield f"{word}: {', '.join(names)}"


def _extremes(run: Run, missing: Missing) -> Iterator[Card]:
    found = objectives_of(run)
    titles = {"zip_bytes": "Smallest", "drop": "Most accurate"}
    for place, name in enumerate(found.names):
        ordered = {one: (costs[place], *costs) for one, costs in found.costs.items()}
        best = min(ordered, key=ordered.__getitem__)
        if math.isfinite(ordered[best][0]):
            yield Card(titles.get(name, f"Fastest ({name})"), best, tuple(_figures(run, best)))
    if "drop" not in found.names:
        missing.add("There is no most accurate file and no knee: accuracy was not measured, the data have no labels.")
        return
    best_knee = knee({one: (math.log(costs[0]), costs[1]) for one, costs in found.costs.items()})
    if best_knee:
        lines = (*_figures(run, best_knee), "beyond it, a smaller file costs much more accuracy")
        yield Card("The knee of size and accuracy", best_knee, lines)
    else:
        missing.add("There is no knee: the front of size and accuracy has fewer than three files, or is a line.")


def _figures(run: Run, name: str) -> Iterator[str]:
    facts = run.variants[name]
    size = facts.artifact
    yield f"{size.zip_bytes:,} bytes zipped ({size.size_ratio:.2f} times smaller than {run.baseline})"
    if facts.score is not None:
        metric = facts.quality.scores.metric if facts.quality else "accuracy"
        yield f"{metric} {facts.score:.4g}, drop {(facts.drop or 0.0) + 0.0:+.4g}"
    timing = next((one for one in run.benchmarks if one.variant == name), None)
    if timing:
        over = run.float_file or run.baseline
        speed = run.speedup(timing, over)
        times = f", {times_text(speed)} times as fast as {over}" if speed and name != over else ""
        where = f"{timing.mode}, {timing.threads} thread{'s' if timing.threads > 1 else ''}"
        yield f"{time_text(timing.seconds)} a call ({where}{times})"
