"""What `optkit build --json` prints: a saved build, which `optkit ab` reads again.

Law: what is printed is read back the same, and a build of another schema is refused by its number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from optkit.build.artifact import Artifact
from optkit.data import Dataset
from optkit.errors import ArtifactError, check_name
from optkit.files.documents import DocumentError, decode_json, typed
from optkit.files.regular import read_bytes
from optkit.spec import Suite

SCHEMA = 1
"""Version of the saved form. Before it had one, it was the list of `artifacts` alone."""


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """What is read of a build: which file a variant is, and its sha256."""

    variant: str
    path: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SavedArtifact(SavedFile):
    """One built variant, as `Artifact` has it."""

    kind: Literal["keras", "tflite"]
    key: str
    file_bytes: int
    zip_bytes: int
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SavedData:
    """The data that it was built with: name, sha256, samples to train and to test."""

    name: str
    digest: str
    train: int
    test: int


@dataclass(frozen=True, kw_only=True)
class SavedBuild:
    """A build: the suite's name and profile, the data, and the variants in the suite's order."""

    schema: int
    suite: str
    dataset: SavedData
    artifacts: tuple[SavedArtifact, ...]


def saved(suite: Suite, dataset: Dataset, artifacts: Iterable[Artifact]) -> SavedBuild:
    """Return what is printed of a build."""
    return SavedBuild(
        schema=SCHEMA,
        suite=suite.title,
        dataset=SavedData(**dataset.facts),
        artifacts=tuple(
            SavedArtifact(
                variant=one.variant,
                kind=one.kind,
                path=str(one.path),
                key=one.key,
                sha256=one.sha256,
                file_bytes=one.file_bytes,
                zip_bytes=one.zip_bytes,
                notes=one.notes,
            )
            for one in artifacts
        ),
    )


def read_build(path: Path) -> tuple[SavedFile, ...]:
    """Return the files of the saved build at `path`.

    Raises ArtifactError when it cannot be read, is none, or is of another schema; and when a variant has not the form
    of names.
    """
    try:
        files = _files(decode_json(read_bytes(path), Any), path)
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read: {error.strerror}; give a .tflite file, a saved build or a store"
        ) from error
    except DocumentError as error:
        raise ArtifactError(
            f"{path} is neither a .tflite file nor what optkit build --json prints ({error}); save one of these"
        ) from error
    for one in files:
        check_name(one.variant, "variant", ArtifactError)
    return files


def _files(document: Any, path: Path) -> tuple[SavedFile, ...]:
    if isinstance(document, list):  # before it had a schema
        found: tuple[SavedFile, ...] = typed(document, tuple[SavedFile, ...])
        return found
    schema = document.get("schema") if isinstance(document, dict) else None
    if type(schema) is int and schema != SCHEMA:
        raise ArtifactError(
            f"{path} is a build of schema {schema}, and this optkit reads schema {SCHEMA}; build it again with this one"
        )
    build: SavedBuild = typed(document, SavedBuild)
    return build.artifacts
