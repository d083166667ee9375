"""The saved runs of a folder, oldest first. What cannot be read is named with the reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

from optkit.errors import RecordError
from optkit.judge.past import PastRun, moment, read_past
from optkit.judge.past_index import Index, state_of
from optkit.names import shown


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """A run, the file it was read from, under the folder, and when it was made."""

    path: str
    made: datetime
    run: PastRun

    @cached_property
    def stamp(self) -> str:
        """When it was made, to the second."""
        return self.made.isoformat(timespec="seconds")


@dataclass(frozen=True, kw_only=True)
class Unread:
    """A file that is not in the history, and why."""

    path: str
    reason: str


def read_runs(folder: Path) -> tuple[tuple[SavedRun, ...], tuple[Unread, ...]]:
    """Return the runs in `folder` and below, oldest first, and the .json files that are none.

    What was read is kept in the user's cache (`optkit.past_index`): the next time, only what is new is read.
    Raises RecordError when there is no run at all.
    """
    if not folder.is_dir():
        raise RecordError(
            f"{folder} is not a folder; give the one that --benchmark-autosave writes, such as .benchmarks"
        )
    runs: list[SavedRun] = []
    unread: list[Unread] = []
    index = Index(folder)
    for path in sorted(folder.rglob("*.json")):
        name = shown(path.relative_to(folder).as_posix())
        try:
            runs.append(_read(path, name, index))
        except RecordError as error:
            unread.append(Unread(path=name, reason=str(error)))
    index.save()
    runs.sort(key=lambda saved: (saved.made, saved.path))
    copies = list(_copies(runs))
    if not runs:
        why = f"; {unread[0].path}: {unread[0].reason}" if unread else ""
        raise RecordError(
            f"{folder} has no saved run among {len(unread)} .json files{why}; save runs there with: "
            "pytest --benchmark-only --benchmark-autosave"
        )
    again = {copy.path for copy in copies}
    return tuple(saved for saved in runs if saved.path not in again), (*unread, *copies)


def _read(path: Path, name: str, index: Index) -> SavedRun:
    try:
        state = state_of(path)
    except OSError as error:
        raise RecordError(f"cannot be read: {error.strerror}") from error
    found = index.find(name, state)
    if found is None:
        found = index.keep(name, state, _outcome(path))
    if isinstance(found, str):
        raise RecordError(found)
    made = moment(found.made)
    return SavedRun(path=name, made=made if made.tzinfo else made.replace(tzinfo=timezone.utc), run=found)


def _outcome(path: Path) -> PastRun | str:
    try:
        return read_past(path)
    except RecordError as error:
        return str(error).removeprefix(f"{shown(path)}: ").removeprefix(f"{shown(path)} ")


def _copies(runs: Sequence[SavedRun]) -> Iterator[Unread]:
    """Yield the runs that were saved a second time: a copy would count as evidence."""
    first: dict[Any, str] = {}
    for saved in runs:
        timings = tuple((timing.setting.name, timing.seconds) for timing in saved.run.timings)
        known = first.setdefault((saved.made, saved.run.suite, timings), saved.path)
        if known != saved.path:
            yield Unread(path=saved.path, reason=f"the same run as {known}")
