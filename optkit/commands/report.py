"""`optkit report`: a page on one or more saved runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optkit import __version__
from optkit.build.shared import open_store
from optkit.build.store import Store
from optkit.commands.command import Command, add_store, folder, names
from optkit.commands.reporting import append
from optkit.data import Dataset
from optkit.errors import OptkitError
from optkit.files.configuration import allowed_packages
from optkit.judge.saved_runs import read_runs
from optkit.names import shown
from optkit.record.run import Run, read_run
from optkit.report.page.answer import suite_of
from optkit.report.page.make import Source, make_page
from optkit.report.page.parts import Page
from optkit.report.page.searches import search_page
from optkit.report.page.write import write_page
from optkit.report.page_markdown import render_summary
from optkit.search.state import NAME, Search, read_search
from optkit.suites import open_suite


def _options(parser: argparse.ArgumentParser) -> None:
    add_store(parser)
    about = (
        "saved by --benchmark-json or optkit bench -o; or a folder of saved runs, for the history; or the folder of an "
        "optkit search"
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN.json", help=about)
    about = "where report.html, report.md and their pictures are written (default: report)"
    parser.add_argument("-o", "--output", type=folder, default=Path("report"), metavar="DIR", help=about)
    about = (
        "show the samples that flip, with the suite's data: auto, full or embedded; or another data set, by name or "
        "path (default: without)"
    )
    parser.add_argument("--data", metavar="WHICH", help=about)
    about = (
        "time the operators of the run's files that are in the store, and keep the times there (some seconds a file)"
    )
    parser.add_argument("--profile", action="store_true", help=about)
    about = "packages whose functions the suite may call (default: allow in the user's configuration)"
    parser.add_argument("--allow", type=names, default=(), metavar="A,B", help=about)
    about = "append the Markdown to FILE for a job summary: with the front as a diagram (may be repeated)"
    parser.add_argument("--summary", type=Path, metavar="FILE", action="append", default=[], help=about)
    parser.add_argument("--suite", metavar="SUITE", help="whose data (default: of the suite that the run names)")


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    if searches := [found for place in options.runs if (found := _search(place))]:
        return _written(_page_of(searches, options), options)
    folders = [place for place in options.runs if place.is_dir()]
    files = [place for place in options.runs if place not in folders] or _newest(folders)
    sources = []
    for path in files:
        run = read_run(path)
        sources.append(Source(shown(path), run, _dataset(run, options), options.profile))
    return _written(make_page(sources, folders, open_store(options.store), __version__), options)


def _search(place: Path) -> Search | None:
    """Return the search that is kept in a folder, or whose file this is; None when it is none."""
    folder = place if place.is_dir() else place.parent if place.name == NAME else None
    return read_search(folder) if folder else None


def _page_of(searches: Sequence[Search], options: argparse.Namespace) -> Page:
    if len(searches) < len(options.runs):
        raise OptkitError("some of these are searches and some are runs; make a page of each kind by itself")
    try:
        return search_page(searches, __version__)
    except (KeyError, TypeError, ValueError) as error:
        raise OptkitError(f"a search says not what it was asked for ({error!r}); search again") from error


def _written(page: Page, options: argparse.Namespace) -> tuple[Any, str, int]:
    written = write_page(page, options.output)
    for path in options.summary:
        append(path, render_summary(page))
    text = "\n".join(f"written: {path}" for path in written)
    return {"schema": 1, "written": [str(path) for path in written]}, text, 0


def report_run(run: Run, dataset: Dataset, store: Store, output: Path, saved: Path | None) -> list[Path]:
    """Write the page of a run that was just made, with its data, to the folder `output`; return its files."""
    label = shown(saved) if saved else "the run itself was not saved"
    return write_page(make_page([Source(label, run, dataset)], [], store, __version__), output)


def _newest(folders: Sequence[Path]) -> list[Path]:
    """Return the newest run of each suite in `folders`."""
    found: dict[str, Path] = {}
    for place in folders:
        for saved in read_runs(place)[0]:
            found[saved.run.suite] = place / saved.path
    return list(found.values())


def _dataset(run: Run, options: argparse.Namespace) -> Dataset | None:
    if options.data is None:
        return None
    return open_suite(options.suite or suite_of(run), options.data, allowed=allowed_packages(options.allow))[1]


_ABOUT = "write a page on saved runs: HTML, Markdown and the front as a picture"
REPORT = Command(_ABOUT, "optkit report run.json -o report", _options, _run)
