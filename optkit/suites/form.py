"""The form of a suite file: how deep its tables may lie, what `on` may hold, and the types of all that stands there.

Law: a document has this form before anything else looks at it. Names, ranges and what a technique takes come after.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from optkit.errors import SuiteError
from optkit.files.documents import DocumentError, check_levels, typed
from optkit.files.regular import read_text

if sys.version_info >= (3, 11):
    import tomllib as tomllib
else:
    import tomli as tomllib


class _Named(msgspec.Struct):
    name: str | None = None
    params: dict[str, Any] = {}


class DataTable(msgspec.Struct):
    """A `data` table: where the user's own data are, and how they are read."""

    path: str | None = None
    test_share: float | None = None
    seed: int = 0
    classes: int | None = None
    scale: float | None = None
    mean: list[float] = []
    std: list[float] = []
    size: list[int] | None = None
    channels: int | None = None
    channels_first: bool | None = None


class _Workload(msgspec.Struct):
    dataset: str | _Named | None = None
    model: str | None = None
    data: str | DataTable | None = None
    custom_objects: str = ""
    output: str = ""
    network: str | _Named | None = None
    training: dict[str, Any] = {}


class _Step(msgspec.Struct):
    technique: str | None = None


class _Variant(msgspec.Struct):
    parent: str | None = msgspec.field(name="from", default=None)
    model: str | None = None
    network: str | _Named | None = None
    training: dict[str, Any] = {}
    steps: list[_Step] = []
    conversion: dict[str, Any] | None = None
    runtime: str | None = None
    settings: dict[str, Any] | str | None = None


class _Document(msgspec.Struct):
    schema: int
    name: str | None = None
    description: str = ""
    baseline: str = ""
    modes: list[str] = []
    runtime: str | None = None
    settings: dict[str, Any] | str | None = None
    workload: _Workload | None = None
    variants: dict[str, Any] = {}
    gates: list[dict[str, Any]] = []
    targets: dict[str, dict[str, Any]] = {}


def read_toml(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file. Raises SuiteError when it cannot be read, or is none."""
    return read_toml_text(path)[0]


def read_toml_text(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tables of a TOML file, and its text. Raises as `read_toml` does."""
    try:
        text = read_text(path)
        return tomllib.loads(text), text
    except OSError as error:
        raise SuiteError(f"suite file {path} cannot be read: {error.strerror}; name a readable .toml file") from error
    except RecursionError as error:
        raise SuiteError(f"{path} is nested too deeply; see docs/suites.md for the form") from error
    except ValueError as error:  # no TOML, no UTF-8, a number of thousands of digits, or a path with a NUL in it
        raise SuiteError(f"{str(path)!r} is not a TOML file: {error}; see docs/suites.md for the form") from error


def check_tables(document: Mapping[str, Any]) -> None:
    """Raise SuiteError when tables lie too deep, an `on` holds no tables, or a number is not finite."""
    try:
        check_levels(document)
    except DocumentError as error:
        raise SuiteError(f"{error}; see docs/suites.md for the form") from error
    for where, value in _places(document):
        if isinstance(value, float) and not math.isfinite(value):
            raise SuiteError(f"{where} is {value}; expected a finite number")
        if where.split(".")[-1] == "on" and not _is_of_tables(value):
            raise SuiteError(f"{where} is {value!r}; expected tables, one per name of a data set or profile")


def _is_of_tables(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(item, Mapping) for item in value.values())


def _places(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value in a document, with where it stands."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield f"{where}.{key}".lstrip("."), item
            yield from _places(item, f"{where}.{key}".lstrip("."))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield f"{where}[{i}]", item
            yield from _places(item, f"{where}[{i}]")


def check_form(document: Mapping[str, Any]) -> None:
    """Raise SuiteError when `document`, without `on` tables, has a value of the wrong type."""
    try:
        variants = typed(document, _Document).variants
    except DocumentError as error:
        raise SuiteError(f"{error}; see docs/suites.md for the form") from error
    for name, table in variants.items():
        try:
            typed(table, _Variant)
        except DocumentError as error:
            raise SuiteError(f"variants.{name}: {error}; see docs/suites.md for the form") from error
