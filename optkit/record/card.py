"""The card of a model that is shipped: what it is, how it was made, what was measured, and how to make it again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.store import Store
from optkit.errors import ArtifactError, OptkitError
from optkit.record.facts import ArtifactFacts, DatasetFacts, RuntimeFacts, VariantFacts
from optkit.runtime.chosen import shipped_file
from optkit.runtime.registry import RUNTIMES
from optkit.spec.keys import file_sha256
from optkit.spec.running import Running

SCHEMA = 1
"""Version of the saved form of a card."""
_SUFFIXES = {"keras": ".h5", "tflite": ".tflite"}
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
    """Return the file of a variant as it was built, in the store: of what MNN ran, the .tflite file.

    Raises ArtifactError when it is not there, or is not the one that was measured.
    """
    entry = store.find(facts.artifact.key)
    if entry is None:
        where = f"the file of {facts.variant!r} is not in the store {store.place}"
        raise ArtifactError(f"{where}; build it with: {rebuild}")
    if entry.sha256 != facts.artifact.sha256 and not ships_another(facts):
        raise _another(facts, entry.sha256)
    return store.path(entry)


def file_to_ship(facts: VariantFacts, store: Store, rebuild: str) -> tuple[Path | bytes, str]:
    """Return the file of a variant that was measured, its path or its content, and the suffix of its name.

    That is the file in the store, or what the runtime made of it. Raises as `find_file`, and as the runtime does.
    """
    path = find_file(facts, store, rebuild)
    if file_sha256(path) == facts.artifact.sha256:  # also of what MNN ran, in runs of before: they had its sizes
        return path, _SUFFIXES[facts.kind]
    content = shipped_file(path, _running(facts))
    sha256 = hashlib.sha256(content or b"").hexdigest()
    if content is None or sha256 != facts.artifact.sha256:
        raise _another(facts, sha256)
    return content, f".{facts.runtime.name}"


def _running(facts: VariantFacts) -> Running:
    return Running(runtime=facts.runtime.name, settings=facts.runtime.settings)


def ships_another(facts: VariantFacts) -> bool:
    """Tell whether the file that was measured is not the one that was built, but what the runtime made of it."""
    runtime = RUNTIMES.get(facts.runtime.name)
    return runtime is not None and runtime.ships is not None


def _another(facts: VariantFacts, sha256: str) -> ArtifactError:
    return ArtifactError(
        f"the file of {facts.variant!r} in the store has sha256 {sha256[:12]}, and the run measured "
        f"{facts.artifact.sha256[:12]}; time it again with optkit bench"
    )


def ship(card: Card, text: str, source: Path | bytes, folder: Path) -> dict[str, Path]:
    """Copy the file at `source`, or with that content, to `folder`, which is made; return what was written.

    Beside it stand its card as JSON, and `text`.

    Each is there whole or not at all, the card last. Raises OptkitError when one cannot be written, or the copy is not
    the file that the card is of.
    """
    places = {"file": folder / card.file, "text": folder / TEXT_NAME, "card": folder / JSON_NAME}
    parts = {name: place.with_name(f".{place.name}.part") for name, place in places.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if isinstance(source, bytes):
            parts["file"].write_bytes(source)
        else:
            shutil.copyfile(source, parts["file"])
        if file_sha256(parts["file"]) != card.artifact.sha256:
            raise ArtifactError(f"the file changed while it was copied; build {card.variant!r} again")
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
