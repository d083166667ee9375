"""Render a page as one HTML file that needs nothing else: no network, no other file.

Law: every text is escaped by Jinja. Scripts are allowed by their sha256 alone (a content security policy), so
that no text from a record could run even if one escaped the escaping.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import math
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Any

from optkit.errors import OptkitError
from optkit.report.page.parts import Chart, Page

_HERE = "optkit.report.html"


def render_html(page: Page) -> str:
    """Return `page` as the text of one HTML file. Raises OptkitError when the extra `report` is not installed."""
    jinja = _module("jinja2")
    environment = jinja.Environment(
        loader=jinja.PackageLoader("optkit.report", "html"),
        autoescape=True,
        undefined=jinja.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["part"] = lambda part, kind: type(part).__name__ == kind
    scripts = (_plotly(), _text("page.js"))
    return str(
        environment.get_template("page.html.j2").render(
            page=page,
            style=_text("style.css"),
            scripts=scripts,
            policy=_policy(scripts),
            charts={chart.name: {"form": chart.form, **_finite(chart.data)} for chart in _charts(page)},
        )
    )


def check_extra() -> None:
    """Raise OptkitError when the extra `report` is not installed."""
    _module("jinja2")
    _module("plotly")


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise OptkitError(f"a report needs {error.name}; pip install 'optkit[report]'") from error


@lru_cache(maxsize=1)
def _plotly() -> str:
    """Return plotly's library, as its Python package brings it."""
    _module("plotly")
    found = resources.files("plotly").joinpath("package_data", "plotly.min.js")
    try:
        text = found.read_text("utf-8")
    except OSError as error:
        raise OptkitError(
            f"plotly is installed without its plotly.min.js ({error.strerror}); pip install --force-reinstall plotly"
        ) from error
    return text.replace("</script", "<\\/script")


def _text(name: str) -> str:
    return resources.files(_HERE).joinpath(name).read_text("utf-8")


def _policy(scripts: tuple[str, ...]) -> str:
    """Return the content security policy: these scripts, the page's own style and pictures, and nothing else."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def _charts(page: Page) -> Iterator[Chart]:
    for run in page.runs:
        for section in run.sections:
            yield from (part for part in section.parts if isinstance(part, Chart))


def _finite(value: Any) -> Any:
    """Return a value of JSON types with None for what JSON has no number for."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
