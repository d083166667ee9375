"""The documents whose figures are reproduced: one TOML file each in `published/`, read into frozen dataclasses.

Law: each figure of a document either names the run and variant that it is measured on, or says why it is not. A file
that leaves one open, or misspells a name, is an error that says where.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.studies.reproduction.figures import FIGURES
from optkit.errors import OptkitError, nearest
from optkit.spec.metrics import MODES
from optkit.suites.tables import convert_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

SCHEMA = 1
FOLDER = Path(__file__).parent / "published"
Said = str | dict[str, str]
"""A text for all figures of a row, or texts by figure."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a document's table: its figures as published, and what of ours they are compared with.

    `variant` of `run` (a name in `runs.toml`), timed in `mode` on `threads` ("all": the most that the run has).
    `against` is a row of the same table and run, in the mode and threads that it has itself: what speed-ups and other
    relative figures are over. `why_not` says why a figure is not measured; `if_absent` why the run may lack it.
    """

    name: str
    figures: dict[str, int | float] = field(default_factory=dict)
    run: str = ""
    variant: str = ""
    mode: str = ""
    threads: int | Literal["all"] = "all"
    against: str = ""
    why_not: Said = ""
    if_absent: Said = ""
    note: Said = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table of a document."""

    title: str
    note: str = ""
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Document:
    """A public document: title, where it is from, what it measured on, and its tables."""

    name: str
    title: str
    source: str
    data: str
    machine: str
    note: str = ""
    tables: tuple[Table, ...] = ()

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of all tables."""
        return tuple(row for table in self.tables for row in table.rows)


def said(text: Said, figure: str) -> str:
    """Return the text for `figure`."""
    return text.get(figure, "") if isinstance(text, Mapping) else text


def read_documents(folder: Path = FOLDER, *, runs: Sequence[str]) -> tuple[Document, ...]:
    """Read every document file of `folder`, in the order of their names; `runs` are the names of known runs.

    Raises OptkitError when there is none, or a file is wrong.
    """
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise OptkitError(f"{folder} holds no document (*.toml)")
    return tuple(read_document(path, runs=runs) for path in paths)


def read_document(path: Path, *, runs: Sequence[str]) -> Document:
    """Read one document file. Raises OptkitError saying where in it something is wrong."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptkitError(f"{path} is not a readable TOML file: {error}") from error
    try:
        return _document(path.stem, raw, runs)
    except OptkitError as error:
        raise OptkitError(f"{path.name}: {error}") from error


def _document(name: str, raw: dict[str, Any], runs: Sequence[str]) -> Document:
    if (schema := raw.pop("schema", None)) != SCHEMA:
        raise OptkitError(f"it is of schema {schema!r}; expected schema = {SCHEMA}")
    tables = tuple(_table(table, runs) for table in raw.pop("tables", ()))
    if not tables:
        raise OptkitError("it has no [[tables]]; expected at least one")
    return dataclasses.replace(convert_table(Document, {**raw, "name": name}, name), tables=tables)


def _table(raw: dict[str, Any], runs: Sequence[str]) -> Table:
    """Read one table. Keys in its `[tables.default]` hold for every row that does not set them."""
    where = f"table {raw.get('title')!r}"
    default, rows = raw.pop("default", {}), raw.pop("rows", ())
    table = convert_table(Table, raw, where)
    found = tuple(convert_table(Row, _with_default(row, default), f"{where}, row {row.get('name')!r}") for row in rows)
    names = [row.name for row in found]
    if not names or len(set(names)) < len(names):
        raise OptkitError(f"{where} has rows {names}; expected some, each with a name of its own")
    for row in found:
        if problems := _problems(row, found, runs):
            raise OptkitError(f"{where}, row {row.name!r}: {problems[0]}")
    return dataclasses.replace(table, rows=found)


def _with_default(row: dict[str, Any], default: dict[str, Any]) -> dict[str, Any]:
    """Lay a row over its table's default, of whose texts by figure only those of the row's figures hold."""
    figures = row.get("figures", {})
    fitting = {
        key: {name: text for name, text in value.items() if name in figures} if isinstance(value, dict) else value
        for key, value in default.items()
    }
    return {**fitting, **row}


def _problems(row: Row, rows: Sequence[Row], runs: Sequence[str]) -> list[str]:
    """Say what is wrong with one of `rows`, the rows of a table."""
    names = [other.name for other in rows]
    found = [f"unknown figure {name!r}; {nearest(name, FIGURES)}" for name in row.figures if name not in FIGURES]
    if found:
        return found
    for key, value, known in (("run", row.run, runs), ("mode", row.mode, MODES), ("against", row.against, names)):
        if value and value not in known:
            found.append(f"there is no {key} {value!r}; {nearest(value, known)}")
    for other in rows:
        if other.name == row.against and (not other.variant or other.run != row.run):
            theirs = f"variant {other.variant!r} of run {other.run!r}"
            found.append(f"against is a row with {theirs}; expected a variant of the same run, {row.run!r}")
    for texts in (row.why_not, row.if_absent, row.note):
        if isinstance(texts, Mapping):
            found += [f"a text for {name!r}; {nearest(name, row.figures)}" for name in texts if name not in row.figures]
    if row.variant and row.figures and all(said(row.why_not, name) for name in row.figures):
        found.append(f"it names variant {row.variant!r}, but why_not holds for all its figures; drop one of them")
    if not row.figures and not row.why_not and not (row.run and row.variant):
        found.append("it has no figure and no variant; say why with why_not")
    return found + [problem for name in row.figures for problem in _open_figure(row, name)]


def _open_figure(row: Row, name: str) -> list[str]:
    """Say what a figure lacks to be measured, unless the row says why it is not."""
    if not math.isfinite(row.figures[name]):
        return [f"{name} is {row.figures[name]}; expected a number"]
    if said(row.why_not, name):
        return []
    figure = FIGURES[name]
    if figure.read is None:
        return [f"{name} is of no suite here; say why with why_not"]
    lacking = [key for key in ("run", "variant") if not getattr(row, key)]
    lacking += ["mode"] if figure.timed and not row.mode else []
    lacking += ["against"] if figure.relative and not row.against else []
    problem = f"{name} lacks {' and '.join(lacking)}; name them, or say with why_not why it is not measured"
    return [problem] if lacking else []
