"""What a store holds, whether it is whole, and the removal of what nobody needs. For folders and for shared stores."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import msgspec

from optkit.build.entries import ABOUT_NAME
from optkit.build.shared import SharedStore
from optkit.build.store import Store

_KEY = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Held:
    """One entry: its key, its size in bytes, what made it, and when it was last used (seconds since 1970).

    `of` are the keys of other entries that it is made of, such as the model that was evaluated. Of a shared store, that
    and `label` are empty, and its last use is when it was written.
    """

    key: str
    bytes: int
    used: float
    label: str = ""
    of: tuple[str, ...] = ()


class _Head(msgspec.Struct):
    about: dict[str, Any] = msgspec.field(default_factory=dict)
    bytes: int = 0
    file: str = ""


def held(store: Store) -> Iterator[Held]:
    """Yield what `store` holds, in the order of keys; of a shared store, what is in its bucket.

    Nothing is read but the entries' descriptions, and no digest is computed: 100,000 entries take seconds.
    """
    if isinstance(store, SharedStore):
        for one in store.bucket.listed("entries"):
            key = one.name.rpartition("/")[2]
            if _KEY.fullmatch(key):
                yield Held(key=key, bytes=one.bytes, used=one.modified.timestamp())
        return
    for folder in _folders(store.root / "entries"):
        try:
            head = msgspec.json.decode((folder / ABOUT_NAME).read_bytes(), type=_Head)
            used = folder.stat().st_mtime
        except (OSError, ValueError):
            head, used = _Head(file="damaged"), 0.0
        label = str(head.about.get("label") or head.file.partition(".")[0])
        of = tuple(value for value in head.about.values() if isinstance(value, str) and _KEY.fullmatch(value))
        yield Held(key=folder.name, bytes=head.bytes, used=used, label=label, of=of)


def damages(store: Store) -> Iterator[tuple[str, str]]:
    """Check every entry by its digests; yield the key of each that is not whole, and what is wrong with it.

    Of a shared store each is downloaded.
    """
    look = store.damage_in_bucket if isinstance(store, SharedStore) else store.damage
    for one in held(store):
        if damage := look(one.key):
            yield one.key, damage


def remove(store: Store, keys: Collection[str]) -> int:
    """Remove the entries of `keys`; return how many. One that is being made at this moment is left."""
    if isinstance(store, SharedStore):
        for key in keys:
            store.bucket.delete(f"entries/{key[:2]}/{key}")
        return len(keys)
    removed = 0
    for key in keys:
        folder, lock = store.root / "entries" / key[:2] / key, store.root / "locks" / f"{key}.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            with filelock.FileLock(lock, timeout=0):
                going = store.root / "removing" / key
                going.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(going)  # at once: nobody reads half of it
                shutil.rmtree(going)
                removed += 1
            lock.unlink(missing_ok=True)
        except (OSError, filelock.Timeout):
            continue
    return removed


def leftovers(store: Store) -> list[Path]:
    """Return the folders of damaged entries that were set aside, and of trainings that nobody went on with."""
    found: list[Path] = []
    for name in ("damaged", "scratch", "removing"):
        folder = store.root / name
        found += sorted(folder.iterdir()) if folder.is_dir() else []
    return found


def unused_for(entries: Collection[Held], seconds: float) -> list[Held]:
    """Return those of `entries` that were last used more than `seconds` ago."""
    now = time.time()
    return [one for one in entries if now - one.used > seconds]


def _folders(root: Path) -> Iterator[Path]:
    if root.is_dir():
        for shelf in sorted(root.iterdir()):
            if shelf.is_dir():
                yield from (folder for folder in sorted(shelf.iterdir()) if _KEY.fullmatch(folder.name))
