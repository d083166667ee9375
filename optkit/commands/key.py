"""`optkit key`: one key for all that a suite builds, for a cache in CI."""

from __future__ import annotations

import argparse
from typing import Any

from optkit.build.stages import stages
from optkit.commands.choosing import open_chosen
from optkit.commands.command import Command, add_data, folder, names
from optkit.commands.reporting import append
from optkit.spec.keys import digest


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    parser.add_argument("--variants", type=names, default=(), metavar="A,B", help="only these (default: all)")
    add_data(parser, "which data")
    parser.add_argument("--outputs", type=folder, metavar="FILE", help="append the line key=KEY to FILE")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    suite, dataset = open_chosen(options)
    keys = {variant.name: stages(suite, variant, dataset.digest).key for variant in suite.select(options.variants)}
    key = digest(keys)
    if options.outputs:
        append(options.outputs, f"key={key}\n")
    return {"schema": 1, "key": key, "variants": keys}, key, 0


KEY = Command(
    "print one key for all that a suite builds: for the cache of a CI", "optkit key model.toml", _options, _run
)
