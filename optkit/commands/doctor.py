"""`optkit doctor`: where a quantized file loses accuracy, why, and what mends it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from optkit.commands.choosing import open_chosen
from optkit.commands.command import Command, add_store, add_time_limit, count, names, seconds
from optkit.errors import OptkitError
from optkit.files.configuration import allowed_packages
from optkit.report.doctor import diagnosis_text
from optkit.spec.metrics import TASKS


def _options(parser: argparse.ArgumentParser) -> None:
    about = "the float .tflite file, or a suite: a built-in suite's name, or the path of a .toml file"
    parser.add_argument("model", metavar="FLOAT.tflite|SUITE", help=about)
    about = "the .tflite file that was quantized from it (of a suite: --variant names it)"
    parser.add_argument("quantized", nargs="?", type=Path, metavar="QUANTIZED.tflite", help=about)
    parser.add_argument("--variant", metavar="NAME", help="the suite's variant to look at (int8)")
    about = "of files: an .npz file, a folder of images, package.module:function, or a data set's name; of a suite: "
    about += "auto, full, embedded or other data (auto)"
    parser.add_argument("--data", metavar="WHICH", help=about)
    parser.add_argument("--task", choices=TASKS, help="of files: what the model does (default: worked out)")
    about = "packages whose functions may be called (default: allow in the user's configuration)"
    parser.add_argument("--allow", type=names, default=(), metavar="A,B", help=about)
    about = "how long layers and remedies are tried, about (60)"
    parser.add_argument("--budget", type=seconds, default=60.0, metavar="SECONDS", help=about)
    about = "training samples on which the layers are looked at (100)"
    parser.add_argument("--samples", type=count, default=100, metavar="N", help=about)
    about = "test samples that the metric is measured on, at most (1000)"
    parser.add_argument("--test-samples", type=count, default=1000, metavar="N", help=about)
    add_store(parser)
    add_time_limit(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    how = {
        "budget": options.budget,
        "samples": options.samples,
        "test_samples": options.test_samples,
        "seconds": options.time_limit,
    }
    found = _of_files(options, how) if options.quantized else _of_suite(options, how)
    return found, diagnosis_text(found), 0


def _of_files(options: argparse.Namespace, how: dict[str, Any]) -> Any:
    from optkit.doctor.diagnose import diagnose

    if options.variant:
        raise OptkitError("--variant is of a suite, and two files are given; drop one of them")
    if not options.data:
        raise OptkitError("two files need data to be run on; name them with --data, such as --data data.npz")
    allowed = allowed_packages(options.allow)
    return diagnose(options.model, options.quantized, options.data, task=options.task, allowed=allowed, **how)


def _of_suite(options: argparse.Namespace, how: dict[str, Any]) -> Any:
    from optkit.build.shared import open_store
    from optkit.doctor.from_suite import diagnose_variant
    from optkit.report.progress import shown_progress

    if options.model.endswith(".tflite"):
        raise OptkitError(
            f"one .tflite file is given, {options.model}; give the float file and then the quantized one, or a suite "
            "with --variant"
        )
    if options.task:
        raise OptkitError("--task is of two files; a suite says its own; drop it")
    options.suite, options.data = options.model, options.data or "auto"
    variant = options.variant or "int8"
    options.variants = (variant,)
    suite, dataset = open_chosen(options)
    with shown_progress() as progress:
        return diagnose_variant(suite, dataset, variant, store=open_store(options.store), progress=progress, **how)


DOCTOR = Command(
    "say where a quantized file loses accuracy, why, and what mends it",
    "optkit doctor float.tflite int8.tflite --data data.npz",
    _options,
    _run,
)
