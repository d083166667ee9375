"""The form of a stored entry's `entry.json`, which is covered by a digest of its own.

Law: what is read back is what was written, or it is damage: one flipped bit, a link in place of a file, a name that
leads out of the entry's folder. Reading never crashes on it and never follows it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import msgspec

from optkit.spec.keys import digest, file_sha256

SCHEMA = 2
"""1 had no digest. Such an entry is read where whoever asks can say anew what stands in it."""
ABOUT_NAME = "entry.json"


class Damage(Exception):
    """An entry is not what was written; the message says in which way."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One stored file, and what its maker wrote about it. `digest` is of all the other fields."""

    schema: int
    key: str
    file: str
    sha256: str
    bytes: int
    about: dict[str, Any]
    digest: str | None = None


def new_entry(key: str, path: Path, about: Mapping[str, Any]) -> Entry:
    """Return the entry of `key` for the file at `path`, with what is kept of it (JSON types)."""
    plain = json.loads(json.dumps(about, allow_nan=False))
    entry = Entry(
        schema=SCHEMA,
        key=key,
        file=path.name,
        sha256=file_sha256(path),
        bytes=path.stat().st_size,
        about=plain,
    )
    return replace(entry, digest=_digest(entry))


def write_entry(entry: Entry, path: Path) -> None:
    """Write `entry` to `path`, on the disk before it has that name."""
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(json.dumps(msgspec.to_builtins(entry), indent=1, sort_keys=True))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def read_entry(folder: Path, key: str) -> Entry:
    """Return the entry of `key` in `folder`, whose file is whole. Raises Damage."""
    if folder.is_symlink() or not folder.is_dir():
        raise Damage("it is no folder")
    entry = _decoded(folder / ABOUT_NAME)
    if entry.schema not in (1, SCHEMA) or entry.key != key:
        raise Damage(f"{ABOUT_NAME} is of schema {entry.schema} and key {entry.key[:12]!r}")
    if entry.schema == 1 and entry.digest is not None:
        raise Damage(f"{ABOUT_NAME} is of schema 1 with a digest, which is of schema 2")
    if entry.schema == SCHEMA and entry.digest != _digest(entry):
        raise Damage(f"{ABOUT_NAME} does not match its own digest")
    check_plain(entry)
    path = folder / entry.file
    size = _regular(path).st_size
    if size != entry.bytes:
        raise Damage(f"{path.name} has {size} bytes, expected {entry.bytes}")
    if (found := file_sha256(path)) != entry.sha256:
        raise Damage(f"{path.name} has sha256 {found[:12]}…, expected {entry.sha256[:12]!r}…")
    return entry


def check_plain(entry: Entry) -> None:
    """Raise Damage when the file that `entry` names could be anywhere but beside it."""
    if entry.file in ("", ".", "..", ABOUT_NAME) or any(character in entry.file for character in "/\\\0"):
        raise Damage(f"{ABOUT_NAME} names the file {entry.file!r}; expected a plain name")


def _digest(entry: Entry) -> str:
    """Return the sha256 of all else that `entry` says. Raises Damage when that has no canonical form."""
    try:
        return digest({field.name: getattr(entry, field.name) for field in fields(Entry) if field.name != "digest"})
    except (ValueError, TypeError, RecursionError) as error:
        raise Damage(f"{ABOUT_NAME} holds what was never written there ({error})") from error


def _decoded(path: Path) -> Entry:
    _regular(path)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Entry)
    except (ValueError, RecursionError, MemoryError) as error:  # msgspec's errors are ValueErrors
        raise Damage(f"{path.name} is unreadable ({' '.join(str(error).split())})") from error


def _regular(path: Path) -> os.stat_result:
    """Return the stat of the file at `path`. Raises Damage when there is none: a link or a pipe is not read."""
    try:
        found = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise Damage(f"{path.name} is missing") from None
    except (OSError, ValueError) as error:  # a name that is too long, or no text
        raise Damage(f"{path.name[:40]!r} cannot be a file ({error})") from error
    if not stat.S_ISREG(found.st_mode):
        raise Damage(f"{path.name} is no file of its own")
    return found
