"""The artifact store: files by content key. Atomic, locked, checked by sha256; knows nothing of TensorFlow.

Law: look up, lock, look up again, make in a temporary place, rename. An entry is there whole or not at all, and
only the holder of a key's lock touches that key's temporary place. Reading needs neither lock nor write access.

    entries/<2 hex>/<key>/   entry.json, which its own digest covers, and the one file it describes
    making/<key>/            what the lock holder is making; what a killed process left goes when the next one makes
    locks/<key>.lock         advisory locks, released by the system when their process dies
    notes/<sha256>.json      small JSON objects that may change, by the sha256 of their name: which gates last passed
    scratch/<key>/           what a making keeps in case it is interrupted: checkpoints of training
    damaged/<key>-<time>/    entries that are no longer what was written, set aside
    functions/<key>/         models that functions of the user's returned: `optkit.models.function`
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import filelock
import msgspec

from optkit.build.entries import ABOUT_NAME, Damage, Entry, new_entry, read_entry, write_entry
from optkit.errors import StoreError
from optkit.files.documents import DocumentError, decode_json
from optkit.files.places import default_root as default_root
from optkit.files.regular import read_bytes
from optkit.names import is_title

Check = Callable[[Path], object]
"""Reads a stored file; raises any exception when it is not what its maker writes."""
About = Callable[[Path, Mapping[str, Any]], Mapping[str, Any]]
"""Says anew what is kept beside the stored file at this path, given what an entry of schema 1 says: it may be wrong."""


_DAY = 86_400.0


class DamagedEntryWarning(UserWarning):
    """An entry was not what was written; it was set aside."""


class Store:
    """A folder of entries by key. Every failure of the file system is a StoreError that names the folder."""

    def __init__(self, root: Path | None = None) -> None:
        if root is not None and not str(root):
            raise StoreError("the store's folder is an empty text; name a folder, or leave it out for the default")
        self.root = Path(root) if root else default_root()

    @property
    def place(self) -> str:
        """What another process finds it by: its folder."""
        return str(self.root.absolute())

    def find(self, key: str, about: About | None = None, check: Check | None = None) -> Entry | None:
        """Return the entry of `key` when it is there and whole, else None.

        An entry of schema 1, whose `about` no digest covers, gets what `about` says, and is written so where that is
        possible; without one, its `about` is empty. With `check`, its file must also be readable by that.
        """
        entry, _ = self._read(key, check)
        if entry:
            self._used(entry)
        return self._renewed(entry, about) if entry and entry.schema == 1 else entry

    def damage(self, key: str) -> str | None:
        """Return what is wrong with the entry of `key`; None when it is whole or not there."""
        return self._read(key)[1]

    def path(self, entry: Entry) -> Path:
        """Return where the file of `entry` is."""
        return self._folder(entry.key) / entry.file

    def get(
        self,
        key: str,
        make: Callable[[Path], Mapping[str, Any]],
        file: str,
        about: About | None = None,
        check: Check | None = None,
    ) -> Entry:
        """Return the entry of `key`; when it is missing or damaged, have `make` write it first.

        `make(path)` writes one file to `path` and returns what to keep beside it (JSON types). When it raises,
        nothing is stored. Of several processes that ask for one key, one makes it and the others wait. `about` and
        `check` are as in `find`.
        """
        if entry := self.find(key, about, check):
            return entry
        self._sweep()
        with self._locked(key):
            entry, damage = self._read(key, check)
            if entry:
                return self._renewed(entry, about) if entry.schema == 1 else entry
            if damage:
                self._set_aside(key, damage)
            making = self.root / "making" / key
            with self._guard("write to"):
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir(parents=True)
            try:
                with self._guard("write to"):
                    return self._admit(key, making, file, make(making / file))
            finally:
                shutil.rmtree(making, ignore_errors=True)

    def scratch(self, key: str) -> Path:
        """Return the folder, which may not exist yet, for what the making of `key` keeps in case it is interrupted.

        It is for the process that makes `key` alone, and goes when the entry is stored.
        """
        return self.root / "scratch" / _checked(key)

    def read_note(self, name: str) -> dict[str, Any]:
        """Return the JSON object kept under `name`, or an empty one when there is none or it is unreadable."""
        with self._guard("read"):
            try:
                return decode_json(read_bytes(self._noted(name)), dict[str, Any])
            except (FileNotFoundError, IsADirectoryError, DocumentError):
                return {}

    def write_note(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a JSON object under `name`, replacing what was there, atomically."""
        path = self._note(name)
        partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with self._guard("write to"):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
            partial.replace(path)

    def _note(self, name: str) -> Path:
        return self.root / "notes" / f"{hashlib.sha256(name.encode()).hexdigest()}.json"

    def _noted(self, name: str) -> Path:
        """Return where the note called `name` is: up to version 0.1.0 a plain name was the file's own."""
        path, older = self._note(name), self.root / "notes" / f"{name}.json" if is_title(name) else None
        return older if older and not path.exists() and older.exists() else path

    def _folder(self, key: str) -> Path:
        return self.root / "entries" / _checked(key)[:2] / key

    def _read(self, key: str, check: Check | None = None) -> tuple[Entry | None, str | None]:
        """Return (entry, None) when whole, (None, what is wrong) when damaged, (None, None) when not there."""
        folder = self._folder(key)
        with self._guard("read"):
            if not os.path.lexists(folder):
                return None, None
            try:
                entry = read_entry(folder, key)
            except Damage as damage:
                return None, str(damage)
        if check:
            try:
                check(self.path(entry))
            except Exception as error:
                return None, f"{entry.file} cannot be read ({' '.join(str(error).split()) or type(error).__name__})"
        return entry, None

    def _used(self, entry: Entry) -> None:
        """Note when `entry` was used, to the day, where that can be written: `optkit store gc` keeps what is in use."""
        folder = self._folder(entry.key)
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _DAY:
                os.utime(folder)

    def _renewed(self, entry: Entry, about: About | None) -> Entry:
        """Return an entry of schema 1 as one of this schema, and write it so, unless the store cannot be written."""
        path = self.path(entry)
        renewed = new_entry(entry.key, path, about(path, entry.about) if about else {})
        if about:
            try:
                with filelock.FileLock(self._lock(entry.key), timeout=0):
                    if path.is_file():  # no other process has set it aside
                        write_entry(renewed, path.with_name(ABOUT_NAME))
            except (OSError, RuntimeError):
                pass  # it is read the same way the next time
        return renewed

    def _admit(self, key: str, making: Path, file: str, about: Mapping[str, Any]) -> Entry:
        path = making / file
        entry = new_entry(key, path, about)
        write_entry(entry, making / ABOUT_NAME)
        with path.open("rb") as opened:
            os.fsync(opened.fileno())
        folder = self._folder(key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        making.rename(folder)
        shutil.rmtree(self.scratch(key), ignore_errors=True)
        return entry

    def _set_aside(self, key: str, damage: str) -> None:
        target = self.root / "damaged" / f"{key}-{time.time_ns()}"
        with self._guard("write to"):
            target.parent.mkdir(parents=True, exist_ok=True)
            self._folder(key).rename(target)
        warnings.warn(
            f"stored artifact {key[:12]} is damaged: {damage}; set aside in {target} and made again",
            DamagedEntryWarning,
            stacklevel=3,
        )

    def _sweep(self) -> None:
        """Remove what processes that were killed had begun to make. What a living one makes has its lock held."""
        making = self.root / "making"
        with self._guard("read"):
            left = list(making.iterdir()) if making.is_dir() else []
        for folder in left:
            try:
                with filelock.FileLock(self._lock(folder.name), timeout=0):
                    shutil.rmtree(folder, ignore_errors=True)
            except (OSError, RuntimeError, StoreError):  # the last: nothing of the store's has that name
                continue

    def _lock(self, key: str) -> Path:
        return self.root / "locks" / f"{_checked(key)}.lock"

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        path = self._lock(key)
        with self._guard("write to"):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(path)
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _guard(self, action: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot {action} the store {self.root}: {_reason(error)}; free space or rights there, "
                "or choose another folder with --store or OPTKIT_STORE"
            ) from error


def _checked(key: str) -> str:
    """Return `key`. Raises StoreError when it is not the sha256, in hex, that a key is: it becomes part of a path."""
    if not re.fullmatch("[0-9a-f]{64}", key):
        raise StoreError(f"{key!r} is not a key of the store; a key is a sha256 in 64 hexadecimal digits")
    return key


def _reason(error: OSError) -> str:
    """Return the system's words for `error`. HDF5 raises its own, of many lines, with the system's number inside."""
    number = re.search(r"errno = (\d+)", str(error))
    if number:
        return os.strerror(int(number[1]))
    return error.strerror or " ".join(str(error).split())
