"""Write a page to a folder: report.html, report.md, and the pictures that the Markdown names."""

from __future__ import annotations

import contextlib
from pathlib import Path

from optkit.errors import OptkitError
from optkit.report.html import render_html
from optkit.report.page.parts import Page
from optkit.report.page_markdown import pictures, render_markdown


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
