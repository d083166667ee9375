"""docs/reference/api.md: what `import optkit` gives, by the part of the package it is from. mkdocstrings reads it."""

from __future__ import annotations

import ast
from pathlib import Path

from benchmarks.studies.pages.markdown import made

STUB = Path(__file__).parents[3] / "optkit" / "__init__.pyi"

_HEAD = """\
# Python API

{made}

All of this stands in `optkit` itself: `optkit.compress`, `optkit.read_run` and so on. [From Python](../python.md) shows
how to use it."""

_TITLES = {
    "study": "Compress and compare",
    "suites": "Suites",
    "spec": "What is asked for",
    "techniques": "Techniques",
    "data": "Data",
    "build": "Build",
    "measure": "Measure",
    "runtime": "Run a file",
    "record": "Runs and records",
    "judge": "Judge",
    "tflite": "Inside a file",
    "errors": "Errors",
}
"""The parts of the package, in the order of the page. One that is not here comes last, under its own name."""


def public() -> dict[str, list[str]]:
    """Return the public names, each by its whole path, by the part of the package that they are from."""
    found: dict[str, list[str]] = {name: [] for name in _TITLES}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            part = node.module.partition(".")[0]
            found.setdefault(part, []).extend(f"optkit.{node.module}.{alias.name}" for alias in node.names)
    return {part: names for part, names in found.items() if names}


def page(command: str) -> str:
    """Return the page; `command` is what makes it."""
    parts = [_HEAD.format(made=made(command))]
    for part, names in public().items():
        parts.append(f"## {_TITLES.get(part, part)}")
        parts += [f"::: {name}" for name in names]
    return "\n\n".join(parts) + "\n"
