"""What a build gives: artifacts, and whom it tells of its progress."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """One built variant on disk.

    `source` is the Keras file that a .tflite file was converted from. `notes` are what its stages had to say: zeros
    of each pruned layer, where slimming's floor held, and the like.
    """

    variant: str
    kind: Literal["keras", "tflite"]
    path: Path
    key: str
    sha256: str
    file_bytes: int
    zip_bytes: int
    spec: dict[str, Any]
    source: Path | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """Told of what a build does: a stage begins, an epoch ends, a stage is stored."""

    begin: Callable[[str], None]
    epoch: Callable[[int, int, dict[str, float]], None]
    end: Callable[[str], None]


SILENT = Progress(begin=lambda stage: None, epoch=lambda epoch, epochs, logs: None, end=lambda stage: None)


def zipped_bytes(path: Path) -> int:
    """Return the size in bytes of a ZIP (deflate) archive that holds the one file at `path`.

    The name and date inside are fixed, so that the size depends on the content alone.
    """
    return zipped_size(path.read_bytes())


def zipped_size(content: bytes) -> int:
    """Return as `zipped_bytes`, of a file's content."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(zipfile.ZipInfo("model"), content, compress_type=zipfile.ZIP_DEFLATED)
    return len(archive.getvalue())
