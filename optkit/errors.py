"""The errors optkit raises on purpose. Each says what was got, what was expected and what to do next.

Law: anything a user can cause is an `OptkitError`; only `cli.py` and the pytest glue turn one into an exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from optkit.names import NAME_FORM, control_texts, is_name, is_title, shown

QUIET_ERRORS = "OPTKIT_QUIET_ERRORS"
"""An environment variable of optkit's own. It is set for a child that prints JSON: its parent tells the error."""


class OptkitError(Exception):
    """Base of every error that a user can cause. The command line prints it as one line and exits with 2.

    Its text is one line without control characters, whatever names and texts of files it was made with.
    """

    def __str__(self) -> str:
        return shown(super().__str__())


class SuiteError(OptkitError):
    """A suite file, or a name that should stand in one, is wrong."""


class DataError(OptkitError):
    """A data set is missing, or its arrays are not what a workload needs."""


class StoreError(OptkitError):
    """The artifact store cannot be read or written."""


class BuildError(OptkitError):
    """A variant cannot be built from its steps."""


class ArtifactError(OptkitError):
    """A model file is damaged or is not what it should be."""


class RecordError(OptkitError):
    """A saved run cannot be read."""


class SchemaError(RecordError):
    """A saved run has another schema: it cannot be compared."""


def first_line(error: BaseException) -> str:
    """Return what another library's `error` says, as one line without control characters; its class if it is silent."""
    lines = str(error).strip().splitlines()
    return shown(lines[0][:300]) if lines else type(error).__name__


def check_name(name: object, what: str, kind: type[OptkitError], *, title: bool = False) -> None:
    """Raise `kind` unless `name`, of a `what`, has the one form of names; with `title`, unless it is name[:profile]."""
    if not (is_title(name) if title else is_name(name)):
        long = f" of {len(name)} characters" if isinstance(name, str) and len(name) > 100 else ""
        got = repr(name) if len(repr(name)) <= 120 else f"{repr(name)[:100]}…"
        more = ", with ':' before a profile" if title else ""
        raise kind(f"the name of a {what} is {got}{long}; expected {NAME_FORM}{more}; rename it")


def check_texts(value: Any, kind: type[OptkitError]) -> None:
    """Raise `kind` when a text in a value of JSON types, a key or an item at any depth, holds a control character."""
    for text in control_texts(value):
        raise kind(f"{text[:100]!r} holds a control character, a line end or a mark of direction; remove it")


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of `known` was probably meant, and list them: the tail of an error message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"
