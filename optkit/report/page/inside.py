"""What the run's files themselves say, where they are in the store: their graphs, and the memory that they need."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.inspect.memory import activations
from optkit.inspect.operators import GraphInfo
from optkit.inspect.reading import read_graphs
from optkit.report.page.parts import Missing
from optkit.tflite.verify import verify_file

_PATIENCE = 1.5
"""Seconds for looking into files; those that are left then are not looked into, and the page says so."""


@dataclass(frozen=True)
class Inside:
    """A .tflite file of the run: its verified ModelT, and its subgraphs."""

    model: Any
    graphs: tuple[GraphInfo, ...]

    @property
    def main(self) -> GraphInfo:
        """The subgraph that LiteRT's interpreter runs."""
        return self.graphs[0]

    @property
    def memory(self) -> int:
        """Bytes that activations need with one sample, or the fixed batch (`inspect.memory`)."""
        need = activations(self.main)
        return need.live_bytes if need.arena_bytes is None else need.arena_bytes


def look_inside(files: Mapping[str, Path], missing: Missing) -> dict[str, Inside]:
    """Return what is in each .tflite file of `files`, by variant; a line in `missing` for those left out."""
    found: dict[str, Inside] = {}
    same: dict[Path, Inside] = {}
    until = time.monotonic() + _PATIENCE
    for variant, path in files.items():
        if path.suffix != ".tflite":
            continue
        if path not in same:
            if time.monotonic() > until:
                missing.add("Some files are not looked into, since that takes long: optkit inspect shows one.")
                break
            try:
                model = verify_file(path)
                same[path] = Inside(model, read_graphs(model))
            except ArtifactError as error:
                missing.add(f"{variant} is not looked into: {error}")
                continue
        found[variant] = same[path]
    return found
