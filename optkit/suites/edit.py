"""Change single values of a suite file and keep the rest as it stands: comments, order, line breaks."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Any

from optkit.errors import SuiteError

Place = tuple[str | int, ...]
"""Where a value stands in a document: keys, and indices of lists, from the top."""


def set_values(text: str, values: Mapping[Place, float]) -> str:
    """Return the TOML `text` with the number at each place replaced. All places must be there.

    Raises SuiteError when tomlkit is missing.
    """
    try:
        import tomlkit
    except ImportError as error:
        raise SuiteError(f"tomlkit cannot be imported ({error}); pip install tomlkit") from error
    document = tomlkit.parse(text)
    for place, value in values.items():
        table: Any = document
        for key in place[:-1]:
            table = table[key]
        whole = isinstance(table[place[-1]].unwrap(), int) and value.is_integer()
        table[place[-1]] = int(value) if whole else value
    return tomlkit.dumps(document)


def difference(before: str, after: str, name: str) -> str:
    """Return what changed between two texts of the file called `name`, as a unified diff; empty when nothing did."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name}, updated", n=1, lineterm="")
    return "\n".join(lines)


def rounded_out(value: float, up: bool, digits: int = 4) -> float:
    """Return `value` with `digits` significant digits, rounded up or down."""
    if value == 0 or not math.isfinite(value):
        return value
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if places <= 0:
        step = 10.0**-places
        return (math.ceil if up else math.floor)(value / step - (1e-9 if up else -1e-9)) * step
    factor = 10.0**places
    return round((math.ceil if up else math.floor)(value * factor - (1e-9 if up else -1e-9)) / factor, places)
