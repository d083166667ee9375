"""The artifact store: files by content key. Atomic, locked, checked by sha256; knows nothing of TensorFlow.

Law: look up, lock, look up again, make in a temporary place, rename. An entry is there whole or not at all, and
only the holder of a key's lock touches that key's temporary place. Reading needs neither lock nor write access.

    entries/<2 hex>/<key>/   entry.json and the one file it describes
    making/<key>/            what the lock holder is making; a killed process leaves it for the next one to wipe
    locks/<key>.lock         advisory locks, released by the system when their process dies
    notes/<name>.json        small JSON objects that may change: which gates last passed, and on what
    scratch/<key>/           what a making keeps in case it is interrupted: checkpoints of training
    damaged/<key>-<time>/    entries whose bytes no longer match their sha256, set aside
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import msgspec
import platformdirs

from optkit.documents import DocumentError, decode_json
from optkit.errors import StoreError
from optkit.keys import file_sha256

SCHEMA = 1


class DamagedEntryWarning(UserWarning):
    """An entry's bytes did not match its sha256; it was set aside."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One stored file, and what its maker wrote about it."""

    schema: int
    key: str
    file: str
    sha256: str
    bytes: int
    about: dict[str, Any]


def default_root() -> Path:
    """Return the store's folder: OPTKIT_STORE, else a folder in the user's cache."""
    return Path(os.environ.get("OPTKIT_STORE") or platformdirs.user_cache_dir("optkit"))


class Store:
    """A folder of entries by key. Every failure of the file system is a StoreError that names the folder."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(root) if root else default_root()

    def find(self, key: str) -> Entry | None:
        """Return the entry of `key` when it is there and whole, else None."""
        with self._guard("read"):
            return self._read(key)[0]

    def path(self, entry: Entry) -> Path:
        """Return where the file of `entry` is."""
        return self._folder(entry.key) / entry.file

    def get(self, key: str, make: Callable[[Path], Mapping[str, Any]], file: str) -> Entry:
        """Return the entry of `key`; when it is missing or damaged, have `make` write it first.

        `make(path)` writes one file to `path` and returns what to keep beside it (JSON types). When it raises,
        nothing is stored. Of several processes that ask for one key, one makes it and the others wait.
        """
        if entry := self.find(key):
            return entry
        with self._locked(key):
            with self._guard("read"):
                entry, damage = self._read(key)
            if entry:
                return entry
            if damage:
                self._set_aside(key, damage)
            making = self.root / "making" / key
            with self._guard("write to"):
                shutil.rmtree(making, ignore_errors=True)
                making.mkdir(parents=True)
            try:
                with self._guard("write to"):
                    about = make(making / file)
                    return self._admit(key, making, file, about)
            finally:
                shutil.rmtree(making, ignore_errors=True)

    def scratch(self, key: str) -> Path:
        """Return the folder, which may not exist yet, for what the making of `key` keeps in case it is interrupted.

        It is for the process that makes `key` alone, and goes when the entry is stored.
        """
        return self.root / "scratch" / key

    def read_note(self, name: str) -> dict[str, Any]:
        """Return the JSON object kept under `name`, or an empty one when there is none or it is unreadable."""
        with self._guard("read"):
            try:
                return decode_json((self.root / "notes" / f"{name}.json").read_bytes(), dict[str, Any])
            except (FileNotFoundError, DocumentError):
                return {}

    def write_note(self, name: str, content: Mapping[str, Any]) -> None:
        """Keep a JSON object under `name`, replacing what was there, atomically."""
        path = self.root / "notes" / f"{name}.json"
        partial = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        with self._guard("write to"):
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1))
            partial.replace(path)

    def _folder(self, key: str) -> Path:
        return self.root / "entries" / key[:2] / key

    def _read(self, key: str) -> tuple[Entry | None, str | None]:
        """Return (entry, None) when whole, (None, what is wrong) when damaged, (None, None) when not there."""
        folder = self._folder(key)
        if not folder.is_dir():
            return None, None
        try:
            entry = decode_json((folder / "entry.json").read_bytes(), Entry)
        except (FileNotFoundError, DocumentError) as error:
            return None, f"entry.json is missing or unreadable ({error})"
        path = folder / Path(entry.file).name
        if entry.schema != SCHEMA or entry.key != key:
            return None, f"entry.json is of schema {entry.schema} and key {entry.key[:12]}"
        if not path.is_file():
            return None, f"{path.name} is missing"
        if (found := file_sha256(path)) != entry.sha256:
            return None, f"{path.name} has sha256 {found[:12]}…, expected {entry.sha256[:12]}…"
        return entry, None

    def _admit(self, key: str, making: Path, file: str, about: Mapping[str, Any]) -> Entry:
        path = making / file
        entry = Entry(
            schema=SCHEMA,
            key=key,
            file=file,
            sha256=file_sha256(path),
            bytes=path.stat().st_size,
            about=dict(about),
        )
        (making / "entry.json").write_text(json.dumps(msgspec.to_builtins(entry), indent=1, sort_keys=True))
        for written in (path, making / "entry.json"):
            with written.open("rb") as opened:
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

    @contextmanager
    def _locked(self, key: str) -> Iterator[None]:
        path = self.root / "locks" / f"{key}.lock"
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


def _reason(error: OSError) -> str:
    """Return the system's words for `error`. HDF5 raises its own, of many lines, with the system's number inside."""
    number = re.search(r"errno = (\d+)", str(error))
    if number:
        return os.strerror(int(number[1]))
    return error.strerror or " ".join(str(error).split())
