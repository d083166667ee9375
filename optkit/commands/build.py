"""`optkit build`: build variants and print where they are."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optkit.build.builder import build_variants
from optkit.build.cluster import cluster
from optkit.build.saved import saved
from optkit.build.shared import open_store
from optkit.build.tasks import build_by_tasks
from optkit.build.workers import processes
from optkit.commands.choosing import open_chosen
from optkit.commands.command import Command, add_data, add_store, add_workers, names
from optkit.process.temporary import temporary_folder
from optkit.report import terminal, text
from optkit.report.progress import shown_progress


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    parser.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    parser.add_argument("--variants", type=names, default=(), metavar="A,B", help="only these (default: all)")
    add_data(parser, "which data")
    add_workers(parser)
    about = "build on the Dask cluster whose scheduler is there, such as tcp://10.0.0.1:8786"
    parser.add_argument("--cluster", metavar="ADDRESS", help=about)
    parser.add_argument(
        "--tensorboard", type=Path, metavar="DIR", help="log each layer's sparsity while pruning (needs tensorboard)"
    )


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Have TensorFlow's converter write its own temporary files to `folder`, which goes even if this is killed."""
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    suite, dataset = open_chosen(options)
    variants = suite.select(options.variants)
    store = open_store(options.store)
    with temporary_folder("build") as folder, _temporary_files_in(folder), shown_progress() as progress:
        if options.cluster or options.workers > 1:
            pools = cluster(options.cluster) if options.cluster else processes(options.workers, progress)
            built = build_by_tasks(suite, variants, dataset, store, options.data, pools, options.tensorboard)
        else:
            built = build_variants(suite, variants, dataset, store, progress, options.tensorboard)
    artifacts = list(built.values())
    about = terminal.paragraph(f"{suite.title} on {dataset}", terminal.width())
    return saved(suite, dataset, artifacts), "\n".join([*about, "", text.artifacts_table(artifacts)]), 0


BUILD = Command(
    "build variants and print where they are", "optkit build mnist --variants baseline,int8", _options, _run
)
