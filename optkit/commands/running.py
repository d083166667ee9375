"""The options --runtime and --settings of commands that run files."""

from __future__ import annotations

import argparse
from typing import Any

from optkit.spec.running import PLAIN, Running


def add_running(parser: argparse.ArgumentParser, about: str = "what runs the file (litert)") -> None:
    """Add --runtime and --settings."""
    parser.add_argument("--runtime", metavar="NAME", help=about)
    about = "settings of the runtime, such as kernels=builtin,xnnpack=latest_operators (its defaults)"
    parser.add_argument("--settings", type=settings, default={}, metavar="K=V,…", help=about)


def running_of(options: argparse.Namespace) -> Running:
    """Return what the options ask for. Raises SuiteError, or ArtifactError when the runtime is not installed."""
    from optkit.runtime.chosen import check_running

    found = Running(runtime=options.runtime or PLAIN.runtime, settings=options.settings)
    check_running(found)
    return found


def settings(value: str) -> dict[str, Any]:
    """Turn `kernels=builtin,weight_cache=true,xnnpack=a+b` into a dict; several values of one key are a list."""
    found: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in value.split(","))):
        name, equals, text = (piece.strip() for piece in part.partition("="))
        if not (name and equals and text):
            raise argparse.ArgumentTypeError(f"got {part!r}; expected a setting and its value, such as kernels=builtin")
        found[name] = _typed(name, text)
    return found


def _typed(name: str, text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if text.lstrip("-").isdecimal():
        return int(text)
    if name == "xnnpack" or "+" in text:
        return [part for part in text.split("+") if part]
    return text
