"""The canonical form of values, and the sha256 of it that keys are; the sha256 of files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from optkit.files.regular import open_file

KEY_SCHEMA = 1
"""Version of the canonical form that keys are made of. Raise it by hand when the meaning of a key changes."""

_LEFT_OUT = "optkit: left out of keys at its default"
ADDED_LATER: Mapping[str, bool] = MappingProxyType({_LEFT_OUT: True})
"""Metadata of a dataclass field that was added after keys were made of the class: `field(metadata=ADDED_LATER)`.

At its default such a field is left out of the canonical form, so that what older versions built keeps its key. Its
default must therefore mean what the class did without it, and must never change.
"""


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON types that say everything that matters for what is built, and nothing else.

    A dataclass becomes an object with its hand-raised `version` and, for a step, its technique. Fields that were
    `ADDED_LATER` are left out while they have their default.
    """
    if dataclasses.is_dataclass(value):
        fields = [f for f in dataclasses.fields(value) if not _left_out(f, getattr(value, f.name))]
        found: dict[str, Any] = {f.name: canonical(getattr(value, f.name)) for f in fields}
        for name in ("technique", "version"):
            if hasattr(type(value), name):
                found[name] = getattr(type(value), name)
        return found
    if isinstance(value, Mapping):
        return {str(name): canonical(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{value!r} has no canonical form")


def _left_out(field: dataclasses.Field[Any], value: Any) -> bool:
    if not field.metadata.get(_LEFT_OUT):
        return False
    made = field.default_factory
    return bool(value == (field.default if made is dataclasses.MISSING else made()))


def digest(value: Any) -> str:
    """Return the sha256, in hex, of the canonical form of `value`."""
    text = json.dumps(canonical(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 of the regular file at `path`, in hex. Raises OSError when it cannot be read."""
    with open_file(path) as file:
        found = hashlib.sha256()
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
