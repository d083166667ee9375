"""What a command is, and the parsers of option values that commands share."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Line:
    """A line in `COMMANDS`: the module in this folder, and its help. The module is imported when the command is run.

    The command stands in it under its name in capitals.
    """

    module: str
    about: str

    def load(self, name: str) -> Command:
        """Import the module, and return the command called `name`."""
        found: Command = getattr(importlib.import_module(f"optkit.commands.{self.module}"), name.upper())
        return found


@dataclass(frozen=True)
class Command:
    """A command: its help, an example that works as typed, its options, and what it does.

    `run(options)` returns (a value for --json, the text shown without it, the exit code).
    """

    about: str
    example: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], tuple[Any, str, int]]


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add the option --store."""
    parser.add_argument(
        "--store",
        type=place,
        metavar="DIR",
        help="artifact store: a folder or a URL (default: OPTKIT_STORE, else the user's cache)",
    )


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the option --workers."""
    parser.add_argument("--workers", type=count, default=1, metavar="N", help="build with N processes side by side (1)")


def add_data(parser: argparse.ArgumentParser, about: str) -> None:
    """Add the options --data and --allow."""
    more = f"{about}: auto, full or embedded; or another data set, by name or path (auto)"
    parser.add_argument("--data", default="auto", metavar="WHICH", help=more)
    more = "packages whose functions the suite may call (default: allow in the user's configuration)"
    parser.add_argument("--allow", type=names_if_any, default=(), metavar="A,B", help=more)


def folder(value: str) -> Path:
    """Turn a text into a path; an empty one, which Python takes for the current folder, is refused."""
    if not value.strip():
        raise argparse.ArgumentTypeError("got an empty text; expected a path, or leave the option out")
    return Path(value)


def add_time_limit(parser: argparse.ArgumentParser) -> None:
    """Add the option --time-limit."""
    parser.add_argument(
        "--time-limit",
        type=seconds,
        metavar="SECONDS",
        help="how long a file may take to load and run once (default: 3, and 1 more for every 10 MB)",
    )


def names(value: str) -> tuple[str, ...]:
    """Turn `a,b` into ("a", "b")."""
    found = tuple(name.strip() for name in value.split(",") if name.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{value!r} names nothing; expected names with commas between them")
    return found


def names_if_any(value: str) -> tuple[str, ...]:
    """Turn `a,b` into ("a", "b"), and an empty text into none."""
    return names(value) if value else ()


def fraction(value: str) -> float:
    """Turn `2%` or `0.02` into 0.02."""
    try:
        return float(value[:-1]) / 100 if value.endswith("%") else float(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a percentage or a fraction, such as 2%") from None


def seconds(value: str) -> float:
    """Turn a text into seconds, more than 0."""
    try:
        found = float(value)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"got {value!r}; expected seconds, more than 0")
    return found


def place(value: str) -> Path | str:
    """Turn a text into the folder that it names, or keep it when it is a URL."""
    return value if "://" in value else folder(value)


def count(value: str) -> int:
    """Turn a text into a whole number of 1 or more."""
    if not value.isdecimal() or int(value) < 1:
        raise argparse.ArgumentTypeError(f"got {value!r}; expected a whole number of 1 or more")
    return int(value)
