"""The options of every command that judges: where its verdict is written, and what becomes of an inconclusive one."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path

from optkit.errors import OptkitError
from optkit.judge.verdicts import OUTCOMES
from optkit.report import markdown


class InconclusiveWarning(UserWarning):
    """A judgement came to no verdict, and was asked not to fail for it."""


def add_reporting(parser: argparse.ArgumentParser) -> None:
    """Add --summary, --outputs and --inconclusive."""
    parser.add_argument(
        "--summary",
        type=Path,
        metavar="FILE",
        action="append",
        default=[],
        help="append the verdict, and what is to blame, to FILE as Markdown (may be repeated)",
    )
    parser.add_argument(
        "--outputs", type=Path, metavar="FILE", help="append the lines verdict=WORD and exit_code=N to FILE"
    )
    parser.add_argument(
        "--inconclusive",
        choices=("fail", "warn"),
        default="fail",
        help="an inconclusive or not comparable result ends with 3 (fail), or with a warning and 0 (warn)",
    )


def reported(options: argparse.Namespace, title: str, culprits: Sequence[str], shown: str, code: int) -> int:
    """Write what `options` ask for of a judgement that came to exit code `code`; return the code to end with.

    Raises OptkitError when a file cannot be written.
    """
    outcome = OUTCOMES[code]
    for path in options.summary:
        _append(path, markdown.section(title, outcome, culprits, shown))
    if options.outputs:
        _append(options.outputs, f"verdict={outcome}\nexit_code={code}\n")
    if outcome == "inconclusive" and options.inconclusive == "warn":
        warnings.warn("; ".join([f"{title} is inconclusive", *culprits]), InconclusiveWarning, stacklevel=2)
        return 0
    return code


def _append(path: Path, content: str) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        raise OptkitError(f"{path} cannot be written: {error.strerror}; name a file in a folder that exists") from error
