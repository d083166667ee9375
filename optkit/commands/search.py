"""`optkit search`: find the best recipe of a model under a budget."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.artifact import Artifact
from optkit.build.builder import ensure_variants
from optkit.build.shared import open_store
from optkit.commands.choosing import open_chosen
from optkit.commands.command import Command, add_data, add_store, add_workers, count, folder, names
from optkit.errors import OptkitError
from optkit.report.progress import shown_work
from optkit.report.search import search_text, suite_lines
from optkit.search.loop import Wanted, search
from optkit.spec import Suite
from optkit.spec.bounds import QUANTITIES, read_bounds


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    about = "within this, on held-out samples: a fraction or a percentage, such as 0.5%% (default: 1%%)"
    parser.add_argument("--max-drop", type=_fraction, default=0.01, metavar="DROP", help=about)
    about = "also within these, such as max_single_sample_us=20,max_file_bytes=9000"
    parser.add_argument("--bounds", type=names, default=(), metavar="KEY=VALUE,…", help=about)
    about = "what is to be small, the first one first (default: zip_bytes)"
    parser.add_argument("--minimize", type=names, default=("zip_bytes",), metavar="A,B", help=about)
    parser.add_argument("--trials", type=count, default=30, metavar="N", help="recipes to try (30)")
    parser.add_argument("--hours", type=float, default=float("inf"), metavar="H", help="or until so much time is over")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the sampler (1)")
    about = "begin without the suite's own recipes and without what each layer takes"
    parser.add_argument("--no-hints", action="store_true", help=about)
    parser.add_argument("--random", action="store_true", help="draw recipes at random, to compare with")
    add_workers(parser)
    add_data(parser, "which data")
    about = "what is kept of the search; the same folder goes on with it (default: SUITE-search)"
    parser.add_argument("-o", "--output", type=folder, metavar="DIR", help=about)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    suite, dataset = open_chosen(argparse.Namespace(**{**vars(options), "variants": ()}))
    store = open_store(options.store)
    wanted = _wanted(options)

    def build(trials: Suite, variants: Sequence[str]) -> Mapping[str, Artifact]:
        chosen = trials.select((trials.baseline, *variants))
        return ensure_variants(trials, chosen, dataset, store, options.data, options.workers)

    place = options.output or Path(f"{suite.name}-search")
    with shown_work("search") as told:
        found = search(suite, dataset, store, place, wanted, build, data=options.data, told=told)
    if found.certificate:
        lines = suite_lines(found.certificate["table"])
        (place / "winner.toml").write_text(lines, encoding="utf-8")
    fits = bool(found.certificate and found.certificate["fits"])
    return {"schema": 1, **msgspec.to_builtins(found)}, search_text(found, wanted, str(place)), 0 if fits else 3


def _wanted(options: argparse.Namespace) -> Wanted:
    given: dict[str, float] = {"max_drop": options.max_drop}
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
    except ValueError as error:
        raise OptkitError(str(error)) from error
    return Wanted(
        bounds=bounds,
        minimize=options.minimize,
        trials=options.trials,
        seconds=3600 * options.hours,
        at_a_time=options.workers,
        seed=options.seed,
        random=options.random,
        hints=not options.no_hints,
    )


def _fraction(value: str) -> float:
    try:
        found = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a number such as 0.005 or 0.5%") from None
    return round(found, 12)


SEARCH = Command(
    "find the best recipe of a model under a budget",
    "optkit search mnist --max-drop 0.5% --trials 20 --workers 2",
    _options,
    _run,
)
