"""The options of every command that judges: where its verdict is written, and what becomes of an inconclusive one."""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from optkit.errors import OptkitError
from optkit.judge.verdicts import OUTCOMES
from optkit.process.output import in_workflow, tell, workflow_command
from optkit.report import markdown

_ANNOTATIONS = 10
"""How many annotations of a step GitHub shows."""


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


def reported(
    options: argparse.Namespace,
    title: str,
    culprits: Sequence[str],
    shown: str,
    code: int,
    *,
    table: str = "",
    file: Path | None = None,
) -> int:
    """Write what `options` ask for of a judgement that came to exit code `code`; return the code to end with.

    `table` is the judgement as a Markdown table. In a GitHub workflow each of the `culprits` of a failure is an
    annotation, shown beside `file` where that is in the workspace. Raises OptkitError when a file cannot be written.
    """
    outcome = OUTCOMES[code]
    for path in options.summary:
        append(path, markdown.section(title, outcome, culprits, shown, table))
    if options.outputs:
        append(options.outputs, f"verdict={outcome}\nexit_code={code}\n")
    if outcome == "fail" and in_workflow():
        _annotate(title, culprits, file)
    if outcome == "inconclusive" and options.inconclusive == "warn":
        warnings.warn("; ".join([f"{title} is inconclusive", *culprits]), InconclusiveWarning, stacklevel=2)
        return 0
    return code


def append(path: Path, content: str) -> None:
    """Append `content` to the file at `path`. Raises OptkitError when it cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as opened:
            opened.write(content)
    except OSError as error:
        raise OptkitError(f"{path} cannot be written: {error.strerror}; name a file in a folder that exists") from error


def _annotate(title: str, culprits: Sequence[str], file: Path | None) -> None:
    shown = list(culprits) or ["failed"]
    if len(shown) > _ANNOTATIONS:
        shown[_ANNOTATIONS - 1 :] = [f"and {len(shown) - _ANNOTATIONS + 1} more: see the job's summary"]
    place = _in_workspace(file)
    for culprit in shown:
        tell(workflow_command("error", culprit, title=title, **({"file": place} if place else {})))


def _in_workspace(file: Path | None) -> str:
    """Return the path of `file` within the workflow's workspace; empty when it is not in it."""
    workspace = os.environ.get("GITHUB_WORKSPACE")
    if file is None or not workspace:
        return ""
    try:
        return file.resolve().relative_to(Path(workspace).resolve()).as_posix()
    except ValueError:
        return ""
