"""Choose the variant of a run to ship: what fits the bounds, and of that the smallest, fastest or most accurate.

Law: every other variant gets a reason. A bound that was met only by luck, or of which nothing says how surely, is said
to be so; with `at` it must hold for the confidence bound too.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from optkit.errors import OptkitError, RecordError, nearest
from optkit.judge.advise import WISHES, Wish
from optkit.judge.choice import Candidate, Check, Choice, Relaxation, Word
from optkit.judge.figures import LEVEL, Measured, available, measured
from optkit.judge.front import Objectives, dominators, objectives_of
from optkit.record.run import Run
from optkit.spec.bounds import Bound, read_bounds


def choose(
    run: Run,
    *,
    at: str | None = None,
    threads: Sequence[int] = (),
    runtime: str = "",
    wish: Wish = "smallest",
    **bounds: float | None,
) -> Choice:
    """Return the variant of `run` to ship, within bounds such as `max_zip_bytes=10_000, max_drop=0.005`.

    A bound is `max_` or `min_` and a quantity (`spec.bounds.QUANTITIES`): bytes, fractions, or the unit at the end of
    a time's name. A time or speed-up must be within it on every thread count that was timed, or on those of `threads`.
    Speed-ups are over the float file, else over the baseline. `at`, such as "95%", asks for the confidence bounds of
    each figure. `runtime` leaves only the variants that it ran. `wish` says which of those that fit is chosen:
    "smallest" by zip bytes, "fastest", or "accuracy".

    Raises OptkitError when bounds contradict each other or are no numbers, and RecordError when the run has no such
    figure at all.
    """
    try:
        found = read_bounds({key: value for key, value in bounds.items() if value is not None})
    except ValueError as error:
        raise OptkitError(str(error)) from error
    return choose_within(run, found, at=at, threads=threads, runtime=runtime, wish=wish)


def choose_within(
    run: Run,
    bounds: Sequence[Bound],
    *,
    at: str | None = None,
    threads: Sequence[int] = (),
    runtime: str = "",
    wish: Wish = "smallest",
    removed: Mapping[str, str] | None = None,
) -> Choice:
    """As `choose`, with bounds as values. `removed` says why some variants are out beside the bounds, by name."""
    level = _level(at)
    if wish not in WISHES:
        raise OptkitError(f"wish is {wish!r}; {nearest(str(wish), WISHES)}")
    _check_run(run, bounds, threads, runtime)
    mode = next((bound.of.mode for bound in bounds if bound.of.mode), "")
    objectives = objectives_of(run, mode=mode, threads=min(threads, default=None))
    beaten = dominators(objectives.costs)
    out = dict(removed or {})
    if runtime:
        of = {name: facts.runtime.name for name, facts in run.variants.items()}
        out |= {name: f"it runs on {own}" for name, own in of.items() if own != runtime}
    candidates = [_candidate(run, name, bounds, at, level, threads, out.get(name, "")) for name in run.variants]
    fitting = [one.variant for one in candidates if one.place == "fits"]
    chosen = min(fitting, key=lambda name: _order(run, name, objectives, wish), default=None)
    among = dominators({name: objectives.costs[name] for name in fitting})
    placed = tuple(
        dataclasses.replace(
            one,
            place="chosen" if one.variant == chosen else one.place,
            dominated_by=among.get(one.variant, beaten[one.variant]),
            on_front=beaten[one.variant] is None,
        )
        for one in candidates
    )
    return Choice(
        suite=run.suite,
        wish=wish,
        at=at,
        bounds=tuple(bounds),
        chosen=chosen,
        objectives=objectives.names,
        front=tuple(name for name, by in beaten.items() if by is None),
        candidates=placed,
        nearest=None if chosen else _nearest(placed),
        relaxations=() if chosen else _relaxations(placed),
    )


def _level(at: str | None) -> float:
    """Return the error rate of the bounds that `at` asks for."""
    if at is None:
        return LEVEL
    try:
        percent = float(at.removesuffix("%")) if at.endswith("%") else 100 * float(at)
    except ValueError:
        percent = math.nan
    if not 50 <= percent < 100:
        raise OptkitError(f"at is {at!r}; expected a confidence from 50% and below 100%, such as 95%")
    return (100 - percent) / 100


def _check_run(run: Run, bounds: Sequence[Bound], threads: Sequence[int], runtime: str) -> None:
    """Raise RecordError when the run has nothing that a bound, a thread count or the runtime speaks of."""
    names = available(run) if bounds else ()
    for bound in bounds:
        if bound.quantity not in names:
            raise RecordError(f"the run has no {bound.quantity}: {_why_not(run, bound)}; it has {', '.join(names)}")
    timed = sorted({timing.threads for timing in run.timings})
    if missing := sorted(set(threads) - set(timed)):
        found = ", ".join(map(str, timed)) or "none"
        raise RecordError(f"the run has no timing on {missing[0]} threads; it has {found}")
    runtimes = {facts.runtime.name for facts in run.variants.values()}
    if runtime and runtime not in runtimes:
        raise RecordError(f"the run has no variant on runtime {runtime!r}; {nearest(runtime, runtimes)}")


def _why_not(run: Run, bound: Bound) -> str:
    """Say why no variant has a figure of the bound's quantity."""
    if bound.of.mode:
        return f"{bound.of.mode} was not timed" if run.timings else "nothing was timed"
    scored = [facts for facts in run.variants.values() if facts.score is not None]
    if not scored:
        return "accuracy was not measured, as the data have no labels"
    quality = scored[0].quality
    return f"its metric is {quality.scores.metric if quality else 'accuracy'}"


def _candidate(
    run: Run,
    name: str,
    bounds: Sequence[Bound],
    at: str | None,
    level: float,
    threads: Sequence[int],
    why: str,
) -> Candidate:
    """Check a variant; `why` removes it. Intervals take time: without `at` only what the values leave in gets them."""
    found: list[tuple[Bound, Measured | None]] = []
    for bound in bounds:
        figures = list(measured(run, name, bound.of, threads))
        found += [(bound, one) for one in figures] or [(bound, None)]
    checks = [_by_value(bound, one) for bound, one in found]
    if at or (not why and all(check.fits for check in checks)):
        checks = [_with_interval(bound, one, at, level) if one else _by_value(bound, one) for bound, one in found]
    fits = not why and all(check.fits for check in checks)
    return Candidate(variant=name, place="fits" if fits else "removed", checks=tuple(checks), why=why)


def _by_value(bound: Bound, found: Measured | None) -> Check:
    if found is None:
        return Check(bound=bound, word="not measured")
    word: Word = "met" if bound.holds(found.value) else "missed"
    check = Check(bound=bound, word=word, value=found.value / bound.of.unit, where=found.where)
    return _needing(check, found.value)


def _with_interval(bound: Bound, found: Measured, at: str | None, level: float) -> Check:
    """Return what a figure with its interval says of a bound."""
    figure, unit = found.interval(level), bound.of.unit
    end = figure.high if bound.kind == "max" else figure.low
    low, high = (None if one is None else one / unit for one in (figure.low, figure.high))
    word: Word = "met"
    if not bound.holds(found.value):
        word = "missed"
    elif end is None:
        word = "not shown" if at else "met, how surely is not known"
    elif not bound.holds(end):
        word = "not shown" if at else "met by luck"
    check = Check(
        bound=bound, word=word, value=found.value / unit, low=low, high=high, data=figure.data, where=found.where
    )
    return _needing(check, end)


def _needing(check: Check, end: float | None) -> Check:
    """Return a check that says what the bound would have to be for `end`, in the metric's unit, to be within it."""
    if check.fits or end is None:
        return check
    bound = check.bound
    excess = abs(end - bound.limit) / (abs(bound.limit) or 1.0)
    return dataclasses.replace(check, needed=_outwards(bound, end), excess=excess)


def _outwards(bound: Bound, end: float) -> float:
    """Return the tightest value of four digits (of whole ones all) with which `bound` holds for `end`."""
    value = end / bound.of.unit
    if value == 0:
        return 0.0
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    scale = 10.0**digits
    scale = 10.0**digits
    first = round(value * scale)
    for count in (first, first + (1 if bound.kind == "max" else -1)):
        found = round(count / scale, digits)
        if dataclasses.replace(bound, value=found).holds(end):
            return found
    return value


def _order(run: Run, name: str, objectives: Objectives, wish: Wish) -> tuple[float, ...]:
    """Return what fitting variants are ordered by: the wish, then all objectives, then the bytes of the file."""
    costs = objectives.costs[name]
    places = {"smallest": 0, "accuracy": 1, "fastest": len(costs) - 1}
    has = {"smallest": True, "accuracy": "drop" in objectives.names, "fastest": " on " in objectives.names[-1]}
    if not has[wish]:
        figure = {"accuracy": "accuracy", "fastest": "time"}[wish]
        raise RecordError(f"the run has no {figure}, so nothing is known to be best by {wish!r}; choose another wish")
    return (costs[places[wish]], *costs, run.variants[name].artifact.file_bytes)


def _mending(candidate: Candidate) -> Relaxation | None:
    """Return what would make a variant fit; None when no bound of any value would."""
    if candidate.why or any(check.needed is None for check in candidate.missed):
        return None
    bounds: dict[str, float] = {}
    for check in candidate.missed:
        key, needed = check.bound.key, check.needed or 0.0
        bounds[key] = (max if check.bound.kind == "max" else min)(bounds.get(key, needed), needed)
    return Relaxation(variant=candidate.variant, bounds=bounds)


def _nearest(candidates: Sequence[Candidate]) -> Relaxation | None:
    """Return what the variant needs that misses the fewest bounds, and of several those by the least."""
    mendable = [(one, mending) for one in candidates if (mending := _mending(one))]
    order = {one.variant: (len(mending.bounds), max(c.excess for c in one.missed)) for one, mending in mendable}
    return min((mending for _, mending in mendable), key=lambda one: order[one.variant], default=None)


def _relaxations(candidates: Sequence[Candidate]) -> tuple[Relaxation, ...]:
    """Return, for each bound that alone keeps a variant out, the least that it would have to give, and for which."""
    found: dict[str, tuple[float, Relaxation]] = {}
    for one in candidates:
        mending = _mending(one)
        if mending is None or len(mending.bounds) != 1:
            continue
        [key] = mending.bounds
        excess = max(check.excess for check in one.missed)
        if key not in found or excess < found[key][0]:
            found[key] = (excess, mending)
    return tuple(mending for _, mending in found.values())
