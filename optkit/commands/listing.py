"""`optkit list`: the suites, or the variants and gates of one."""

from __future__ import annotations

import argparse
from typing import Any

from optkit.commands.command import Command
from optkit.report import text
from optkit.spec.keys import canonical
from optkit.suites import built_in, load_suite


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "suite", nargs="?", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file"
    )


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    if options.suite is None:
        suites = [load_suite(name) for name in built_in()]
        found = [
            {
                "suite": s.name,
                "profiles": s.profiles,
                "description": s.description,
                "variants": [v.name for v in s.variants],
            }
            for s in suites
        ]
        return found, text.suites_table(suites), 0
    suite = load_suite(options.suite)
    result = [
        {
            "variant": variant.name,
            "kind": variant.kind,
            "steps": canonical(variant.steps),
            "conversion": canonical(variant.conversion),
            "runtime": "keras" if variant.kind == "keras" else variant.running.runtime,
            "settings": canonical(variant.running.settings),
            "gates": canonical(suite.gates_of(variant)),
        }
        for variant in suite.variants
    ]
    return result, text.variants_table(suite), 0


LIST = Command("list the suites, or the variants and gates of one", "optkit list mnist", _options, _run)
