"""Times per operator that are kept: a file is timed once for each version of LiteRT and each processor.

They stand in the store as notes under the digest of the file. So a page can show them without timing anything.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from optkit.build.store import Store
from optkit.errors import ArtifactError
from optkit.inspect.inspection import Inspection, inspect_model
from optkit.inspect.profile import Profile
from optkit.inspect.roofline import processor
from optkit.inspect.times import time_operators
from optkit.runtime.litert import runtime_version
from optkit.spec.keys import file_sha256

_SCHEMA = 1
_PROCESSES = 3


@dataclass(frozen=True, kw_only=True)
class KeptProfile:
    """The profile of one file, and where and when it was made: processor, version of LiteRT, and a date (UTC)."""

    profile: Profile
    processor: str
    litert: str
    made: str


class _Note(msgspec.Struct, kw_only=True):
    schema: int
    kept: KeptProfile


def read_profiles(files: Mapping[str, Path], store: Store) -> dict[str, KeptProfile]:
    """Return the kept profile of each of `files` (.tflite, by variant) that has one, of this machine and LiteRT."""
    found = {}
    for variant, path in files.items():
        try:
            note = msgspec.convert(store.read_note(_name(path)), _Note, strict=False)
        except (msgspec.ValidationError, OSError):
            continue
        if note.schema == _SCHEMA:
            found[variant] = note.kept
    return found


def make_profiles(files: Mapping[str, Path], store: Store) -> dict[str, str]:
    """Time the operators of those of `files` that have no kept profile that adds up, and keep them in `store`.

    Files take turns in `_PROCESSES` processes, one sample a call on one thread. Returns, by variant, why a file could
    not be timed.
    """
    kept = read_profiles(files, store)
    wanted: dict[str, list[str]] = {}
    for variant, path in files.items():
        if variant not in kept or not kept[variant].profile.adds_up:
            wanted.setdefault(file_sha256(path), []).append(variant)
    reasons: dict[str, str] = {}
    inspected = {}
    for names in wanted.values():
        found = inspect_model(files[names[0]])
        if found.running.error:
            reasons |= dict.fromkeys(names, found.running.error)
        else:
            inspected[names[0]] = found
    profiles, more = _timed(inspected)
    made = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    for variant, profile in profiles.items():
        one = KeptProfile(profile=profile, processor=processor(), litert=runtime_version(), made=made)
        store.write_note(_name(files[variant]), msgspec.to_builtins(_Note(schema=_SCHEMA, kept=one)))
    return reasons | more


def _timed(inspected: Mapping[str, Inspection]) -> tuple[dict[str, Profile], dict[str, str]]:
    """Return the profiles of files, and why others have none: one that cannot be timed does not cost the others."""
    if not inspected:
        return {}, {}
    try:
        return dict(zip(inspected, time_operators(*inspected.values(), processes=_PROCESSES), strict=True)), {}
    except ArtifactError as error:
        if len(inspected) == 1:
            return {}, dict.fromkeys(inspected, str(error))
    profiles: dict[str, Profile] = {}
    reasons: dict[str, str] = {}
    for variant, found in inspected.items():
        own, why = _timed({variant: found})
        profiles |= own
        reasons |= why
    return profiles, reasons


def _name(path: Path) -> str:
    return f"operators / {file_sha256(path)} / ai-edge-litert {runtime_version()} / {processor()}"
