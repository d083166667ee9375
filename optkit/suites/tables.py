"""Plain tables (from TOML) into dataclasses, and the `on` overrides of a suite file."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from optkit.errors import SuiteError, nearest
from optkit.files.documents import DocumentError, typed

T = TypeVar("T")


def convert_table(kind: type[T], table: Any, where: str, hidden: Collection[str] = ()) -> T:
    """Turn `table` into the dataclass `kind`. Raises SuiteError naming the place, and the nearest known key."""
    _check_keys(kind, table, where, hidden)
    try:
        found: T = typed(table, kind)
    except DocumentError as error:
        raise SuiteError(f"{where}: {error}") from error
    return found


def _check_keys(kind: Any, table: Any, where: str, hidden: Collection[str] = ()) -> None:
    if not isinstance(table, Mapping):
        raise SuiteError(f"{where} is {table!r}; expected a table")
    known = [field.name for field in dataclasses.fields(kind) if field.name not in hidden]
    hints = get_type_hints(kind)
    for key, value in table.items():
        if key not in known:
            raise SuiteError(f"{where}: unknown key {key!r}; {nearest(key, known)}")
        for inner in (hints[key], *get_args(hints[key])):  # the second for `SomeDataclass | None`
            if dataclasses.is_dataclass(inner):
                _check_keys(inner, value, f"{where}.{key}")


def check_params(
    function: Callable[..., Any], params: Mapping[str, Any], where: str, skip: Collection[str] = ()
) -> None:
    """Raise SuiteError when `params` holds a name that `function` does not take, or a value unlike its default."""
    known = {name: found for name, found in inspect.signature(function).parameters.items() if name not in skip}
    for name, value in params.items():
        if name not in known:
            raise SuiteError(f"{where}: unknown parameter {name!r}; {nearest(name, known)}")
        default = known[name].default
        if not _is_like(value, default):
            raise SuiteError(f"{where}.{name} is {value!r}; expected a value like its default, {default!r}")


def _is_like(value: Any, default: Any) -> bool:
    """Tell whether `value` is of the type of `default`, and each item of a list like the first one there."""
    if isinstance(default, (list, tuple)):
        return isinstance(value, (list, tuple)) and all(_is_like(item, default[0]) for item in value if default)
    kinds = (int, float) if isinstance(default, float) else (type(default),)
    return isinstance(value, kinds) and (isinstance(default, bool) or not isinstance(value, bool))


def overridden(table: Any, *names: str | None) -> Any:
    """Return `table` with every `on.<name>` table of `names` in it laid over the table it stands in, in that order.

    All `on` tables are gone from the result.
    """
    if isinstance(table, list):
        return [overridden(item, *names) for item in table]
    if not isinstance(table, Mapping):
        return table
    result = {key: overridden(value, *names) for key, value in table.items() if key != "on"}
    over = table.get("on", {})
    for name in names:
        if name in over:  # and what a profile says may depend on the data in turn, or the other way round
            result = merged(result, overridden(over[name], *names))
    return result


def merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with `over` laid over it, tables key by key."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, dict) and isinstance(value, Mapping)
        result[key] = merged(below, value) if both and below is not None else value
    return result


def override_names(table: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield each name that an `on` table anywhere in `table` holds, with where that stands."""
    if isinstance(table, list):
        for i, item in enumerate(table):
            yield from override_names(item, f"{where}[{i}]")
    if not isinstance(table, Mapping):
        return
    for key, value in table.items():
        here = f"{where}.{key}".lstrip(".")
        if key == "on":
            yield from ((name, here) for name in value)
        yield from override_names(value, here)


def with_name(table: Any, key: str) -> Any:
    """Let `key = "name"` stand for `key = { name = "name" }`."""
    if isinstance(table, Mapping) and isinstance(table.get(key), str):
        return {**table, key: {"name": table[key]}}
    return table
