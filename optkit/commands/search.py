"""`optkit search`: find the best recipe of a model under a budget."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.artifact import Artifact
from optkit.build.builder import ensure_variants
from optkit.build.shared import open_store
from optkit.commands.bounds import add_bounds, given_bounds
from optkit.commands.choosing import open_chosen
from optkit.commands.command import Command, add_data, add_store, add_workers, count, folder, names
from optkit.errors import OptkitError
from optkit.report.progress import shown_work
from optkit.report.search import search_text, suite_lines
from optkit.search.loop import search
from optkit.search.wanted import UNLIMITED, Wanted
from optkit.spec import Suite
from optkit.spec.bounds import QUANTITIES, read_bounds

_QUALITY = ("drop", "accuracy_drop", "accuracy", "score")
_DROP = 0.01
_TRIALS = 30


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    add_bounds(parser, "Without a bound on the drop or on a metric of the task, --max-drop 1% holds.")
    about = "the same bounds in one list, such as max_single_sample_us=20,max_file_bytes=9000"
    parser.add_argument("--bounds", type=names, default=(), metavar="KEY=VALUE,…", help=about)
    about = "also within the limits of this target of the suite"
    parser.add_argument("--target", default="", metavar="NAME", help=about)
    about = "what is to be small, the first one first (default: zip_bytes)"
    parser.add_argument("--minimize", type=names, default=("zip_bytes",), metavar="A,B", help=about)
    parser.add_argument("--trials", type=count, metavar="N", help="recipes to try (30; with --hours alone, no limit)")
    parser.add_argument("--hours", type=float, default=float("inf"), metavar="H", help="or until so much time is over")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the sampler (1)")
    about = "begin without the suite's own recipes and without what each layer takes"
    parser.add_argument("--no-hints", action="store_true", help=about)
    parser.add_argument("--random", action="store_true", help="draw recipes at random, to compare with")
    add_workers(parser)
    about = "build on the Dask cluster whose scheduler is there; --workers then says how many recipes at a time"
    parser.add_argument("--cluster", metavar="ADDRESS", help=about)
    add_data(parser, "which data")
    about = "what is kept of the search; the same folder goes on with it (default: SUITE-search)"
    parser.add_argument("-o", "--output", type=folder, metavar="DIR", help=about)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    suite, dataset = open_chosen(argparse.Namespace(**{**vars(options), "variants": ()}))
    store = open_store(options.store)
    wanted = _wanted(options)
    if options.target:
        suite.target(options.target)

    def build(trials: Suite, variants: Sequence[str]) -> Mapping[str, Artifact]:
        chosen = trials.select((trials.baseline, *variants))
        return ensure_variants(trials, chosen, dataset, store, options.data, options.workers, options.cluster)

    place = options.output or Path(f"{suite.name}-search")
    with shown_work("search") as told:
        found = search(suite, dataset, store, place, wanted, build, data=options.data, told=told)
    if found.certificate:
        lines = suite_lines(found.certificate["table"])
        (place / "winner.toml").write_text(lines, encoding="utf-8")
    fits = bool(found.certificate and found.certificate["fits"])
    return {"schema": 1, **msgspec.to_builtins(found)}, search_text(found, wanted, str(place)), 0 if fits else 3


def _wanted(options: argparse.Namespace) -> Wanted:
    given = given_bounds(options)
    for one in options.bounds:
        key, _, value = one.partition("=")
        try:
            given[key] = float(value)
        except ValueError:
            raise OptkitError(f"--bounds has {one!r}; expected KEY=VALUE, such as max_file_bytes=9000") from None
    for name in options.minimize:
        if name not in QUANTITIES:
            raise OptkitError(f"--minimize has {name!r}; expected one of {', '.join(QUANTITIES)}")
    if not options.hours > 0:
        raise OptkitError(f"--hours is {options.hours}; expected more than 0")
    try:
        bounds = read_bounds(given)
        if not any(bound.of.metric in _QUALITY for bound in bounds):
            bounds = read_bounds({"max_drop": _DROP, **given})
    except ValueError as error:
        raise OptkitError(str(error)) from error
    return Wanted(
        bounds=bounds,
        minimize=options.minimize,
        trials=options.trials or (UNLIMITED if math.isfinite(options.hours) else _TRIALS),
        seconds=3600 * options.hours,
        at_a_time=options.workers,
        seed=options.seed,
        random=options.random,
        hints=not options.no_hints,
        target=options.target,
    )


SEARCH = Command(
    "find the best recipe of a model under a budget",
    "optkit search mnist --max-drop 0.5% --trials 20 --workers 2",
    _options,
    _run,
)
