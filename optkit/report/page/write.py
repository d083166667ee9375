"""Write a page to a folder: report.html, report.md, and the pictures that the Markdown names."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from optkit import __version__
from optkit.build.shared import open_store
from optkit.data import Dataset
from optkit.errors import OptkitError
from optkit.record.run import Run
from optkit.report.html import render_html
from optkit.report.page.make import Source, make_page
from optkit.report.page.parts import Page
from optkit.report.page_markdown import pictures, render_markdown


def write_report(
    runs: Run | Sequence[Run],
    folder: str | Path,
    *,
    dataset: Dataset | None = None,
    history: Sequence[str | Path] = (),
    store: str | Path | None = None,
    profile: bool = False,
) -> list[Path]:
    """Write the page of one run, or several, to `folder`, as `optkit report` does; return its files, the page first.

    `dataset` is the data of the runs: with it the samples that flip are shown. `history` are folders of saved runs.
    `store` holds the files of the runs; `profile` times their operators. Raises OptkitError when the folder cannot be
    written, or the extra `report` is not installed.
    """
    found = [runs] if isinstance(runs, Run) else list(runs)
    sources = [Source("", run, dataset, profile) for run in found]
    kept = open_store(store or None)
    return write_page(make_page(sources, [Path(one) for one in history], kept, __version__), Path(folder))


def write_page(page: Page, output: Path) -> list[Path]:
    """Write the files of `page` to the folder `output`, which is made; return them, the HTML page first.

    Raises OptkitError when the folder cannot be written, or the extra `report` is not installed.
    """
    texts = {"report.html": render_html(page), "report.md": render_markdown(page), **pictures(page)}
    return [_write(output / name, text) for name, text in texts.items()]


def _write(path: Path, text: str) -> Path:
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    except OSError as error:
        raise OptkitError(f"{path} cannot be written ({error.strerror}); give another folder with -o") from error
    finally:
        with contextlib.suppress(OSError):  # the folder itself may be none
            part.unlink(missing_ok=True)
    return path
