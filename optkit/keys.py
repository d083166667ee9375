"""The canonical form of values, and the sha256 of it that keys are; the sha256 of files."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optkit.files import open_file

KEY_SCHEMA = 1
"""Version of the canonical form that keys are made of. Raise it by hand when the meaning of a key changes."""


def canonical(value: Any) -> Any:
    """Return `value` as plain JSON types that say everything that matters for what is built, and nothing else.

    A dataclass becomes an object with its hand-raised `version` and, for a step, its technique.
    """
    if dataclasses.is_dataclass(value):
        found: dict[str, Any] = {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
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
