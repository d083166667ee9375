"""`optkit schema`: the JSON Schema of suite files, for editors."""

from __future__ import annotations

import argparse
import json
from typing import Any

from optkit.commands.command import Command
from optkit.suites.json_schema import suite_schema


def _options(parser: argparse.ArgumentParser) -> None:
    """Add nothing: it has no options of its own."""


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    found = suite_schema()
    return found, json.dumps(found, indent=2), 0


SCHEMA = Command("print the JSON Schema of suite files", "optkit schema > suite.schema.json", _options, _run)
