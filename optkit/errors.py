"""The errors optkit raises on purpose. Each says what was got, what was expected and what to do next.

Law: anything a user can cause is an `OptkitError`; only `cli.py` and the pytest glue turn one into an exit code.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class OptkitError(Exception):
    """Base of every error that a user can cause. The command line prints it as one line and exits with 2."""


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


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of `known` was probably meant, and list them: the tail of an error message."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return f"{hint}known: {', '.join(names) or 'none'}"
