"""The part of pytest-benchmark's saved form that optkit reads, typed.

Law: a file from outside has this form or is an error; nothing looks into it before that is known.
"""

from __future__ import annotations

from typing import Any

import msgspec

from optkit.errors import RecordError
from optkit.files.documents import DocumentError, typed


class SavedStats(msgspec.Struct):
    """What is read of the times: their median, and the raw rounds when they were saved."""

    median: float | None = None
    data: list[float] = []


class SavedBenchmark(msgspec.Struct):
    """What is read of one benchmark that pytest-benchmark saved."""

    name: str = "without a name"
    stats: SavedStats | None = None
    extra_info: dict[str, Any] = {}


class _Commit(msgspec.Struct):
    id: str | None = None
    dirty: bool = False


class SavedRun(msgspec.Struct):
    """What is read of a file that pytest-benchmark saved."""

    benchmarks: list[SavedBenchmark]
    machine_info: dict[str, Any] = {}
    datetime: str = ""
    commit_info: dict[str, Any] | None = None


def saved_as(value: Any, form: Any) -> Any:
    """Return `value`, of JSON types, as `form`. Raises RecordError when pytest-benchmark never saves such a thing."""
    try:
        return typed(value, form)
    except DocumentError as error:
        raise RecordError(f"it is not what pytest-benchmark saves: {error}") from error


def check_commit(commit: dict[str, Any]) -> None:
    """Raise RecordError when `commit` is no `commit_info` of pytest-benchmark's."""
    try:
        typed(commit, _Commit)
    except DocumentError as error:
        raise RecordError(f"commit_info is not what pytest-benchmark saves: {error}") from error
