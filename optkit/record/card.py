"""The card of a model that is shipped: what it is, how it was made, what was measured, and how to make it again."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.store import Store
from optkit.errors import ArtifactError, OptkitError
from optkit.record.facts import ArtifactFacts, DatasetFacts, RuntimeFacts, VariantFacts
from optkit.spec.keys import file_sha256

SCHEMA = 1
"""Version of the saved form of a card."""
JSON_NAME, TEXT_NAME = "model-card.json", "model-card.md"


@dataclass(frozen=True, kw_only=True)
class CardFigure:
    """One figure: `value` in `unit` (empty: a fraction, ratio or count), with confidence bounds where they are known.

    `low` and `high` are one-sided bounds of confidence `confidence`; `data` says what they rest on. `where` is the
    mode and threads of a time.
    """

    name: str
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    confidence: float | None = None
    data: str = ""
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class CardBound:
    """A bound that the choice was made with: `word` says how it was met."""

    key: str
    value: float
    word: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a reader of a shipped file must know. `recipe` is all that the file's key was made of."""

    schema: int
    optkit: str
    variant: str
    suite: str
    baseline: str
    kind: str
    file: str
    artifact: ArtifactFacts
    dataset: DatasetFacts
    runtime: RuntimeFacts
    lineage: tuple[str, ...]
    recipe: dict[str, Any]
    figures: tuple[CardFigure, ...]
    bounds: tuple[CardBound, ...]
    at: str | None
    wish: str
    environment: dict[str, Any]
    sessions: int
    made: str
    commit: str
    rebuild: str


def find_file(facts: VariantFacts, store: Store, rebuild: str) -> Path:
    """Return the file of a variant in the store. Raises ArtifactError when it is not there, or not the one measured."""
    entry = store.find(facts.artifact.key)
    if entry is None:
        where = f"the file of {facts.variant!r} is not in the store {store.place}"
        raise ArtifactError(f"{where}; build it with: {rebuild}")
    path = store.path(entry)
    if entry.sha256 != facts.artifact.sha256:
        raise ArtifactError(
            f"the file of {facts.variant!r} in the store has sha256 {entry.sha256[:12]}, and the run measured "
            f"{facts.artifact.sha256[:12]}; time it again with optkit bench"
        )
    return path


def ship(card: Card, text: str, source: Path, folder: Path) -> dict[str, Path]:
    """Copy the file at `source` to `folder`, which is made, with its card as JSON and `text`; return what was written.

    Each is there whole or not at all, the card last. Raises OptkitError when one cannot be written, or the copy is not
    the file that the card is of.
    """
    places = {"file": folder / card.file, "text": folder / TEXT_NAME, "card": folder / JSON_NAME}
    parts = {name: place.with_name(f".{place.name}.part") for name, place in places.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, parts["file"])
        if file_sha256(parts["file"]) != card.artifact.sha256:
            raise ArtifactError(f"{source} changed while it was copied; build {card.variant!r} again")
        parts["text"].write_text(text, encoding="utf-8")
        parts["card"].write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=1) + b"\n")
        for name, place in places.items():
            os.replace(parts[name], place)
    except OSError as error:
        raise OptkitError(f"{folder} cannot be written ({error.strerror}); give another folder with -o") from error
    finally:
        with contextlib.suppress(OSError):  # the folder itself may be none
            for part in parts.values():
                part.unlink(missing_ok=True)
    return places
