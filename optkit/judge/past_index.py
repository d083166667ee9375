"""What was read of the runs in a folder, kept in the user's cache: a file that did not change is not read again.

Law: an index says nothing that the files do not. A missing, damaged or older one is as if it were not there, and a file
counts as unchanged only with the same size, times and inode. One that changed a moment ago is read again next time: a
second change within the clock's tick would not show.

Form: a line with the name of the form, a line with the sha256 of the rest, then a `_Body` as MessagePack. What many
runs share is written once and referred to by its number.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec

from optkit.build.store import default_root
from optkit.judge.past import PastRun, PastTiming, PastVariant, Setting
from optkit.record.facts import SCHEMA, DatasetFacts

VERSION = 4
"""Raise it by hand when the form changes, or what is kept of a run."""
_HEAD = f"optkit history index {VERSION}, records {SCHEMA}\n".encode()
_SETTLED_NS = 2_000_000_000

State = tuple[int, int, int, int]
"""Of a file: bytes, time of its last change and of its last change of status (ns), inode."""
Outcome = PastRun | str
"""What was read of a file, or why it is not in the history."""
_T = TypeVar("_T")


class _Packed(msgspec.Struct, array_like=True):
    suite: str
    dataset: int
    made: str
    commit: str
    environment: int
    variants: list[int]
    timings: list[tuple[int, int, float, float | None, float | None]]


class _Entry(msgspec.Struct, array_like=True):
    state: State
    found: _Packed | str


class _Body(msgspec.Struct):
    datasets: list[DatasetFacts]
    environments: list[dict[str, Any]]
    variants: list[PastVariant]
    settings: list[Setting]
    entries: dict[str, _Entry]


class _Table(Generic[_T]):
    """Values by their number, each once."""

    def __init__(self, values: list[_T], key: Callable[[_T], Hashable]) -> None:
        self.values, self._key = values, key
        self._numbers = {key(value): number for number, value in enumerate(values)}

    def number(self, value: _T) -> int:
        """Return the number of `value`, a new one when it is not there yet."""
        number = self._numbers.setdefault(self._key(value), len(self.values))
        if number == len(self.values):
            self.values.append(value)
        return number


class Index:
    """The index of one folder: `find` a file in it, `keep` what was read of one, `save` it if anything changed."""

    def __init__(self, folder: Path) -> None:
        name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:32]
        self.path = default_root() / "history" / f"{name}.index"
        self._body = _read(self.path) or _Body([], [], [], [], {})
        self._entries: dict[str, _Entry] = {}
        self._tables: tuple[Any, ...] = (
            _Table(self._body.datasets, lambda value: value),
            _Table(self._body.environments, lambda value: msgspec.json.encode(value, order="sorted")),
            _Table(self._body.variants, lambda value: value),
            _Table(self._body.settings, lambda value: value),
        )

    def find(self, name: str, state: State) -> Outcome | None:
        """Return what was read of the file `name` when it was in this `state`; None when it must be read."""
        entry = self._body.entries.get(name)
        if entry is None or entry.state != state:
            return None
        self._entries[name] = entry
        return self._unpacked(entry.found)

    def keep(self, name: str, state: State, found: Outcome) -> Outcome:
        """Keep what was `found` in a file; return it, sharing with other runs what they have in common."""
        packed = self._packed(found)
        if time.time_ns() - max(state[1:3]) > _SETTLED_NS:
            self._entries[name] = _Entry(state, packed)
        return self._unpacked(packed)

    def save(self) -> None:
        """Write the index, unless it is what was read. A cache that cannot be written is done without."""
        if self._entries == self._body.entries:
            return
        body = msgspec.structs.replace(self._body, entries=self._entries)
        content = msgspec.msgpack.encode(body)
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self.path.parent, prefix=self.path.stem)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(b"".join((_HEAD, hashlib.sha256(content).hexdigest().encode(), b"\n", content)))
                Path(part).replace(self.path)
            finally:
                Path(part).unlink(missing_ok=True)

    def _packed(self, found: Outcome) -> _Packed | str:
        if isinstance(found, str):
            return found
        datasets, environments, variants, settings = self._tables
        timings = [
            (settings.number(one.setting), one.session, one.seconds, one.reference_seconds, one.quotient)
            for one in found.timings
        ]
        return _Packed(
            suite=found.suite,
            dataset=datasets.number(found.dataset),
            made=found.made,
            commit=found.commit,
            environment=environments.number(found.environment),
            variants=[variants.number(one) for one in found.variants],
            timings=timings,
        )

    def _unpacked(self, found: _Packed | str) -> Outcome:
        if isinstance(found, str):
            return found
        body = self._body
        return PastRun(
            suite=found.suite,
            dataset=body.datasets[found.dataset],
            made=found.made,
            commit=found.commit,
            environment=body.environments[found.environment],
            variants=tuple(body.variants[number] for number in found.variants),
            timings=tuple(PastTiming(body.settings[one[0]], *one[1:]) for one in found.timings),
        )


def state_of(path: Path) -> State:
    """Return the state of the file at `path`. Raises OSError."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _read(path: Path) -> _Body | None:
    """Return the body of the index at `path` when it is there, whole and of this version."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest = content[len(_HEAD) : len(_HEAD) + 64]
    rest = content[len(_HEAD) + 65 :]
    if not content.startswith(_HEAD) or digest != hashlib.sha256(rest).hexdigest().encode():
        return None
    try:
        body = msgspec.msgpack.decode(rest, type=_Body)
    except msgspec.MsgspecError:
        return None
    return body if _is_whole(body) else None


def _is_whole(body: _Body) -> bool:
    """Tell whether every number in the entries is of something in the tables."""
    for entry in body.entries.values():
        run = entry.found
        if isinstance(run, str):
            continue
        settings = {timing[0] for timing in run.timings}
        for numbers, table in (
            ([run.dataset], len(body.datasets)),
            ([run.environment], len(body.environments)),
            (run.variants, len(body.variants)),
            (settings, len(body.settings)),
        ):
            if not all(0 <= number < table for number in numbers):
                return False
    return True
