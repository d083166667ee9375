"""A store that machines share, in a bucket, with a store of this machine in front of it.

    entries/<2 hex>/<key>    one object an entry: its `entry.json` on one line, then its file
    claims/<key>             who makes it now

Law: an object is written whole or not at all, under a condition, and what is read is checked by the same digests as an
entry of a folder. When the bucket cannot be reached the work goes on with the folder alone, and says so.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from optkit.build.claims import Watched, claim, held
from optkit.build.entries import ABOUT_NAME, SCHEMA, Damage, Entry, check_plain, read_entry
from optkit.build.remote import Bucket, Unreachable
from optkit.build.store import About, Check, Store
from optkit.errors import StoreError
from optkit.process.temporary import temporary_folder

READ_ONLY = "OPTKIT_STORE_READ_ONLY"
_POLL_SECONDS = 2.0
_AWAY_SECONDS = 60.0
"""How long a bucket that did not answer is left alone."""
_LONGEST_HEAD = 1 << 24


class SharedStoreWarning(UserWarning):
    """Something about a shared store that is worth knowing, but stops nothing."""


def open_store(place: str | Path | None = None) -> Store:
    """Return the store at `place`: a folder, or a URL such as s3://bucket/folder; OPTKIT_STORE or the cache without.

    Raises StoreError when it cannot be one.
    """
    named = str(place) if place is not None else os.environ.get("OPTKIT_STORE", "")
    if "://" in named:
        return SharedStore(named)
    return Store(Path(place) if place is not None else None)


class SharedStore(Store):
    """The store of a bucket. Its entries are kept in a folder of this machine's cache, too.

    With OPTKIT_STORE_READ_ONLY=1 nothing is written to the bucket: for machines that must not change what others use.
    """

    def __init__(self, url: str) -> None:
        cache = Path(platformdirs.user_cache_dir("optkit"))
        super().__init__(cache / "shared" / hashlib.sha256(url.encode()).hexdigest()[:16])
        self.url, self.bucket = url, Bucket(url)
        self.read_only = os.environ.get(READ_ONLY, "") not in ("", "0")
        self._away_until = 0.0
        self._damaged: set[str] = set()

    @property
    def place(self) -> str:
        """The URL."""
        return self.url

    def find(self, key: str, about: About | None = None, check: Check | None = None) -> Entry | None:
        """Return the entry of `key` of this machine, else of the bucket; None when neither has it whole."""
        found = super().find(key, about, check)
        if found is None and self._fetched(key):
            found = super().find(key, about, check)
        return found

    def damage_in_bucket(self, key: str) -> str | None:
        """Download the entry of `key` and return what is wrong with it; None when it is whole or not there."""
        with temporary_folder("verify") as place:
            try:
                if self.bucket.download(_object_name(key), lambda pieces: _unpack(pieces, place)):
                    read_entry(place, key)
            except Damage as damage:
                return str(damage)
        return None

    def get(
        self,
        key: str,
        make: Callable[[Path], Mapping[str, Any]],
        file: str,
        about: About | None = None,
        check: Check | None = None,
    ) -> Entry:
        """Return the entry of `key`; when nobody has it, make it, while other machines wait for it, and share it."""
        if found := self.find(key, about, check):
            return found
        with ExitStack() as stack:
            if not self.read_only and (version := self._claimed(key)):
                stack.enter_context(held(self.bucket, _claim_name(key), version))
            found = super().get(key, make, file, about, check)  # looks up again
            self._share(found)
        return found

    def _claimed(self, key: str) -> str | None:
        """Wait until `key` is there (None), or is ours to make (the version of the claim), or nobody answers (None)."""
        watched: Watched | None = None
        while self._near():
            try:
                got = claim(self.bucket, _claim_name(key), watched)
            except Unreachable as error:
                self._leave(error)
                break
            if self._fetched(key):
                if isinstance(got, str):
                    self._quietly(self.bucket.delete, _claim_name(key))
                return None
            if isinstance(got, str):
                return got
            watched = got
            time.sleep(_POLL_SECONDS)
        return None

    def _fetched(self, key: str) -> bool:
        """Bring the entry of `key` from the bucket into the folder; tell whether it was there, and whole."""
        if not self._near() or key in self._damaged:
            return False
        place = self.root / "fetching" / f"{key}-{os.getpid()}-{time.monotonic_ns()}"
        try:
            with self._guard("write to"):
                place.mkdir(parents=True)
                if not self.bucket.download(_object_name(key), lambda pieces: _unpack(pieces, place)):
                    return False
                read_entry(place, key)
                self._take_in(place, key)
            return True
        except Damage as damage:
            self._warn(f"entry {key[:12]} of the shared store {self.place} is damaged: {damage}; it is made again here")
            self._damaged.add(key)
        except Unreachable as error:
            self._leave(error)
        finally:
            shutil.rmtree(place, ignore_errors=True)
        return False

    def _take_in(self, place: Path, key: str) -> None:
        folder = self._folder(key)
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            place.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first
                raise

    def _share(self, entry: Entry) -> None:
        """Write `entry` to the bucket, unless it is there."""
        if self.read_only or not self._near() or entry.schema != SCHEMA:
            return
        packed = self.root / "sharing" / f"{entry.key}-{os.getpid()}-{time.monotonic_ns()}"
        try:
            with self._guard("write to"):
                packed.parent.mkdir(parents=True, exist_ok=True)
                _pack(entry, self.path(entry), packed)
            write = self.bucket.overwrite if entry.key in self._damaged else self.bucket.create
            write(_object_name(entry.key), packed)
        except StoreError as error:  # it is made, and it is here
            self._leave(error)
        finally:
            packed.unlink(missing_ok=True)

    def _near(self) -> bool:
        return time.monotonic() >= self._away_until

    def _leave(self, error: StoreError) -> None:
        """Do without the bucket for a while."""
        self._away_until = time.monotonic() + _AWAY_SECONDS
        self._warn(f"{error}; going on with {self.root} alone, and what is made now is not shared")

    def _quietly(self, do: Callable[[str], None], name: str) -> None:
        try:
            do(name)
        except StoreError as error:
            self._leave(error)

    def _warn(self, text: str) -> None:
        warnings.warn(text, SharedStoreWarning, stacklevel=4)


def _object_name(key: str) -> str:
    return f"entries/{key[:2]}/{key}"


def _claim_name(key: str) -> str:
    return f"claims/{key}"


def _pack(entry: Entry, file: Path, target: Path) -> None:
    with target.open("wb") as packed, file.open("rb") as content:
        packed.write(json.dumps(msgspec.to_builtins(entry), sort_keys=True).encode() + b"\n")
        shutil.copyfileobj(content, packed)


def _unpack(pieces: Iterator[Any], place: Path) -> None:
    """Write the entry and the file of a packed object into the folder `place`. Raises Damage when it is none."""
    head = b""
    for piece in pieces:
        head += bytes(piece)
        if b"\n" in head or len(head) > _LONGEST_HEAD:
            break
    said, newline, rest = head.partition(b"\n")
    try:
        entry = msgspec.json.decode(said, type=Entry)
    except (ValueError, RecursionError) as error:
        raise Damage(f"it does not begin with an {ABOUT_NAME} ({' '.join(str(error).split())})") from error
    if not newline:
        raise Damage(f"it has no file after its {ABOUT_NAME}")
    check_plain(entry)
    (place / ABOUT_NAME).write_bytes(said)
    with (place / entry.file).open("wb") as file:
        file.write(rest)
        for piece in pieces:
            file.write(piece)
            if file.tell() > entry.bytes:
                raise Damage(f"{entry.file} is longer than the {entry.bytes} bytes that it should have")
