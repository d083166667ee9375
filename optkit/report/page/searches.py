"""The page of a search: the winner, the front, the best so far, what was chosen in each trial, and what mattered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from optkit.report.front import Axis, Point, front_svg
from optkit.report.page.parts import (
    Card,
    Cards,
    Cell,
    Chart,
    Head,
    Lines,
    Page,
    Picture,
    RunPage,
    Section,
    Table,
    figure,
    text,
)
from optkit.report.search import certificate_text, shown_figure, suite_lines
from optkit.search.mattered import what_mattered
from optkit.search.state import Search, Trial
from optkit.search.wanted import Wanted, front, wanted_of
from optkit.spec.bounds import QUANTITIES


def search_page(searches: Sequence[Search], version: str) -> Page:
    """Return the page of one or more saved searches. Raises ValueError when the bounds of one are none."""
    runs = tuple(_run_page(search, f"run{number}") for number, search in enumerate(searches, 1))
    titles = dict.fromkeys(run.title for run in runs)
    return Page(f"optkit: {', '.join(titles)}", runs, f"optkit {version}")


def _run_page(search: Search, name: str) -> RunPage:
    wanted = wanted_of(search)
    title = f"Search of {search.asked['suite']}"
    sections = (
        _answer(search, wanted),
        _front(search, wanted, name),
        _best(search, wanted),
        _mattered(search, wanted),
        _choices(search, wanted, name),
        _recipes(search, wanted),
    )
    whole = sum(trial.whole is not None for trial in search.trials)
    refused = sum(bool(trial.refused) for trial in search.trials)
    bounds = ", ".join(f"{bound.key} {bound.value:g}" for bound in wanted.bounds)
    about = (
        f"{len(search.trials)} trials: {whole} trained whole, {refused} refused or repeated",
        f"within {bounds}{f', target {wanted.target}' if wanted.target else ''}; small: {', '.join(wanted.minimize)}",
        f"seed {wanted.seed}; {'drawn at random' if wanted.random else 'sampled by what was seen'}",
    )
    return RunPage(name, title, about, sections)


def _answer(search: Search, wanted: Wanted) -> Section:
    found = search.certificate
    if found is None:
        return Section("answer", "The answer", (), ("Nothing was trained whole: give more trials.",))
    card = Card("Winner", search.winner, (certificate_text(found, wanted),))
    lines = Lines(tuple(suite_lines(found["table"]).splitlines()), code=True)
    return Section("answer", "The answer", (Cards((card,)), lines))


def _whole(search: Search) -> Iterator[tuple[Trial, dict[str, float]]]:
    yield from ((trial, trial.whole.figures) for trial in search.trials if trial.whole)


def _front(search: Search, wanted: Wanted, name: str) -> Section:
    """Return the trials that were trained whole as points: the first objective against the drop."""
    first, second = wanted.minimize[0], next(iter(wanted.minimize[1:]), "drop")
    axes = [_axis(one) for one in wanted.quantities]
    points = [(f"{trial.number}", figures) for trial, figures in _whole(search)]
    if not points or first == second:
        return Section("front", "The front", (), ("There is no front: nothing was trained whole.",))
    picture = front_svg(
        [Point(one, figures[first], figures[second]) for one, figures in points],
        x=Axis(first, unit=_unit(first)),
        y=Axis(second, unit=_unit(second)),
        title=f"{second} against {first} of each trial",
    )
    about = "Each trial that was trained whole, on the samples that choose: two figures as axes, a third as colour."
    data = {
        "axes": axes,
        "points": [{"name": one, "kind": "tflite", "values": own, "low": {}, "high": {}} for one, own in points],
        "x": first,
        "y": second,
    }
    rows = tuple(
        (text(trial.number), *_figures(trial.whole.figures, wanted))
        for trial in front(search.trials, wanted)
        if trial.whole
    )
    table = Table("Trials that fit, of which no other is as small", _heads(wanted), rows)
    chart = Chart(f"{name}-front", "front", data, about, Picture(f"{name}-front", picture, about))
    return Section("front", "The front", (chart, table))


def _best(search: Search, wanted: Wanted) -> Section:
    """Return what was the best so far, each time that it changed."""
    rows, best = [], None
    for trial in search.trials:
        if trial.whole and (best is None or wanted.rank(trial.whole) < best):
            best = wanted.rank(trial.whole)
            fits = "yes" if wanted.fits(trial.whole) else "no"
            rows.append((figure(trial.number, str(trial.number)), *_figures(trial.whole.figures, wanted), text(fits)))
    heads = (Head("trial"), *_heads(wanted)[1:], Head("fits", number=False))
    return Section(
        "past", "The best so far", (Table("Each trial that was better than all before", heads, tuple(rows)),)
    )


def _mattered(search: Search, wanted: Wanted) -> Section:
    parts = []
    for name in dict.fromkeys((wanted.minimize[0], "drop")):
        found = what_mattered(search.trials, name)
        rows = tuple(
            (text(one.hole), figure(one.share, f"{one.share:.0%}"), figure(one.trials, str(one.trials)))
            for one in found
        )
        heads = (Head("choice", number=False), Head("share", about=_SHARE), Head("trials"))
        if rows:
            parts.append(Table(f"What goes with {name}", heads, rows))
    missing = () if parts else ("Too few trials to tell: eight have to have a choice in common.",)
    return Section("choices", "Which choices mattered", tuple(parts), missing)


_SHARE = "Of the differences in rank between trials, what goes with this choice, beyond chance. Not a cause by itself."


def _choices(search: Search, wanted: Wanted, name: str) -> Section:
    """Return each trial as a line through its choices and figures."""
    tried = [trial for trial in search.trials if trial.rungs and not trial.refused]
    holes = list(dict.fromkeys(hole for trial in tried for hole in trial.values))
    own = [hole for hole in holes if sum(hole in trial.values for trial in tried) > len(tried) / 2]
    axes = [{"label": hole, "values": [_plain(trial.values.get(hole)) for trial in tried]} for hole in own]
    axes += [{"label": one, "values": [trial.rungs[-1].figures[one] for trial in tried]} for one in wanted.quantities]
    if len(tried) < 2:
        return Section("coordinates", "What was chosen", (), ("One trial makes no picture of choices.",))
    about = "Each trial is a line through what was chosen and what came of it: those choices that most trials have."
    chart = Chart(f"{name}-coordinates", "parallel", {"axes": axes, "colour": len(own)}, about)
    return Section("coordinates", "What was chosen", (chart,))


def _plain(value: Any) -> float | str:
    """Return a choice as a chart takes it: a number, or a text."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return "not asked" if value is None else {True: "with", False: "without"}.get(value, str(value))
    return value


def _recipes(search: Search, wanted: Wanted) -> Section:
    rows = []
    for trial in search.trials:
        figures = trial.rungs[-1].figures if trial.rungs else {}
        part = f"{trial.rungs[-1].part:.0%} of its training" if trial.rungs else "not built"
        chosen = "; ".join(f"{name} = {_plain(value)}" for name, value in trial.values.items())
        said = trial.refused or part
        rows.append((figure(trial.number, str(trial.number)), *_figures(figures, wanted), text(said), text(chosen)))
    heads = (Head("trial"), *_heads(wanted)[1:], Head("state", number=False), Head("chosen", number=False))
    return Section("table", "All trials", (Table("All trials", heads, tuple(rows), folded=len(rows) > 40),))


def _heads(wanted: Wanted) -> tuple[Head, ...]:
    return (Head("trial", number=False), *(Head(name.replace("_", " ")) for name in wanted.quantities))


def _figures(figures: dict[str, float], wanted: Wanted) -> Iterator[Cell]:
    for name in wanted.quantities:
        value = figures.get(name)
        yield figure(value, "" if value is None else shown_figure(name, value))


def _unit(name: str) -> str:
    return "bytes" if name.endswith("_bytes") else ""


def _axis(name: str) -> dict[str, Any]:
    log = name.endswith("_bytes")
    better = QUANTITIES[name].better
    return {"key": name, "label": name.replace("_", " "), "unit": _unit(name), "better": better, "log": log}
