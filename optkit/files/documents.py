"""Documents from outside: JSON and TOML read into a typed form before anything else looks at them.

Law: whatever the bytes are, the outcome is a value of the form that was asked for, or one `DocumentError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

MOST_LEVELS = 48
"""How deep tables and lists may lie in each other. What optkit writes has at most a dozen levels."""
_TOO_DEEP = "it is nested too deeply"


class DocumentError(ValueError):
    """A document cannot be read, or is not of its form; the message is a reason, in one line."""


def decode_json(data: bytes, form: type[T]) -> T:
    """Return the JSON text `data` as a value of type `form`. Raises DocumentError."""
    try:
        return msgspec.json.decode(data, type=form)
    except msgspec.ValidationError as error:
        raise DocumentError(one_line(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(f"it is not JSON ({one_line(error)})") from error
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error


def typed(value: Any, form: Any) -> Any:
    """Return `value`, of plain types, as a value of type `form`. Raises DocumentError when it is none."""
    try:
        return msgspec.convert(value, form)
    except (ValueError, TypeError, OverflowError, msgspec.ValidationError) as error:
        raise DocumentError(one_line(error)) from error
    except RecursionError as error:
        raise DocumentError(_TOO_DEEP) from error


def check_levels(value: Any, most: int = MOST_LEVELS) -> None:
    """Raise DocumentError when mappings and lists in `value` lie more than `most` deep in each other."""
    level = [value]
    for _ in range(most + 1):
        level = [item for found in level for item in _items(found)]
        if not level:
            return
    raise DocumentError(f"{_TOO_DEEP}; expected at most {most} levels")


def _items(value: Any) -> Any:
    return value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()


def one_line(error: BaseException) -> str:
    """Return the message of `error` in one line, a place in the document as `gates[0]` and not as `$.gates[0]`."""
    return " ".join(str(error).split()).replace("`$.", "`").replace("`$[", "`[")
