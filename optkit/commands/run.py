"""`optkit run`: classify image files with a model file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from optkit.commands.command import Command, add_time_limit, count
from optkit.commands.running import add_running, running_of
from optkit.names import shown
from optkit.report import text
from optkit.runtime.predict import predict, read_labels


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=Path, metavar="MODEL", help="a .tflite file; for runtime mnn, also a .mnn file")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="a PNG, JPEG, WebP, BMP or GIF file")
    parser.add_argument(
        "--suite", metavar="SUITE", help="preprocess as this suite (default: by the model's input, pixels from 0 to 1)"
    )
    parser.add_argument("--top", type=count, default=5, metavar="N", help="show the N best classes (default: 5)")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="class names, one a line, class 0 first")
    parser.add_argument("--threads", type=count, default=1, metavar="N", help="threads of the runtime (default: 1)")
    add_running(parser)
    add_time_limit(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    labels = read_labels(options.labels) if options.labels else None
    found = predict(
        options.model,
        options.images,
        suite=options.suite,
        top=options.top,
        labels=labels,
        threads=options.threads,
        seconds=options.time_limit,
        running=running_of(options),
    )
    result = [{"image": shown(p.image), "top": msgspec.to_builtins(p.top)} for p in found]
    return result, text.predictions_text(found), 0


RUN = Command(
    "classify image files with a model file",
    "optkit run model.tflite photo.jpg --suite cifar10.toml --top 3 --labels names.txt",
    _options,
    _run,
)
