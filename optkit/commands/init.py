"""`optkit init`: write a first suite file for your own model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, folder, names
from optkit.errors import OptkitError
from optkit.files.configuration import allowed_packages
from optkit.report import terminal
from optkit.spec.metrics import TASKS
from optkit.suites import load_suite
from optkit.suites.begin import begin


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "model", type=Path, metavar="MODEL", help="a .keras, .h5 or .tflite file, or a SavedModel folder"
    )
    about = "an .npz file, a folder of images by class, or package.module:function"
    parser.add_argument("data", nargs="?", metavar="DATA", help=about)
    parser.add_argument(
        "-o", "--output", type=folder, metavar="FILE", help="the suite file (MODEL's name, .toml, here)"
    )
    parser.add_argument("--task", choices=TASKS, help="what the model does (default: worked out)")
    about = "packages whose functions may be called (default: allow in the user's configuration)"
    parser.add_argument("--allow", type=names, default=(), metavar="A,B", help=about)
    parser.add_argument("--force", action="store_true", help="write over a file that is there")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    output: Path = options.output or Path(f"{options.model.stem}.toml")
    if output.exists() and not options.force:
        raise OptkitError(f"{output} is there already; give another file with -o, or --force to write over it")
    if not output.parent.is_dir():
        raise OptkitError(f"{output.parent} is no folder; make it, or give another file with -o")
    allowed = allowed_packages(options.allow)
    found = begin(options.model, options.data, output.parent, task=options.task, allowed=allowed)
    part = output.with_name(f"{output.stem}.part.toml")
    try:
        part.write_text(found.text, encoding="utf-8")
        if options.data:
            load_suite(str(part), allowed=allowed)
        part.replace(output)  # whole and read once, or not at all
    except OSError as error:
        raise OptkitError(f"{output} cannot be written ({error.strerror}); give another file with -o") from error
    finally:
        part.unlink(missing_ok=True)
    following = f"optkit bench {output}" if options.data else f"name your data in {output}; then: optkit bench {output}"
    told = [*found.reasons, f"written: {output}", f"next: {following}"]
    shown = "\n".join(line for one in told for line in terminal.paragraph(one, terminal.width()))
    return {"output": str(output), "reasons": found.reasons}, shown, 0


INIT = Command(
    "write a first suite file for your own model", "optkit init model.keras data.npz -o model.toml", _options, _run
)
