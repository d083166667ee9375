"""How LiteRT runs a file here: which operators XNNPACK takes, in how many parts, and the memory that it needs.

Law: the file meets LiteRT in a process of its own. When it cannot be run, the reason is an answer, not an error: what
is in the file can be said all the same.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.inspect.operators import GraphInfo
from optkit.names import shown
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch, too_slow

_WORKER = "optkit.inspect.running_worker"
_START_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the graph that a delegate runs as one node: `node` is that node, `operators` those it stands for."""

    delegate: str
    node: int
    operators: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Running:
    """How a file runs on `threads` threads with `batch` samples a call; `error` says why it does not run here.

    `parts` are what delegates took, in the order of the graph; None when this LiteRT does not tell. `loaded_bytes` is
    how much the process grew by loading, `peak_bytes` by loading and running; None where the system does not tell.
    """

    threads: int
    batch: int
    error: str
    parts: tuple[Part, ...] | None
    loaded_bytes: int | None
    peak_bytes: int | None

    def part_of(self) -> dict[int, int]:
        """Return the number of the part that each operator is in; the others are not here."""
        return {operator: number for number, part in enumerate(self.parts or ()) for operator in part.operators}


def look_at_running(
    path: Path, graph: GraphInfo, *, threads: int = 1, batch: int = 1, seconds: float | None = None
) -> Running:
    """Load the verified file at `path` and run it twice in another process; return how that went."""
    limit = default_seconds(path) if seconds is None else seconds
    request = {"path": str(path), "threads": threads, "batch": batch, "seconds": limit}
    try:
        answer = _answer(path, launch(_WORKER, request, limit + _START_SECONDS), limit)
    except subprocess.TimeoutExpired:
        answer = {"error": too_slow(path, limit)}
    nodes = answer.get("delegates")
    return Running(
        threads=threads,
        batch=batch,
        error=shown(answer.get("error", "")),
        parts=None if nodes is None else _parts(graph, nodes),
        loaded_bytes=answer.get("loaded_bytes"),
        peak_bytes=answer.get("peak_bytes"),
    )


def _answer(path: Path, done: subprocess.CompletedProcess[str], limit: float) -> dict[str, Any]:
    if killed_by_alarm(done.returncode):
        return {"error": too_slow(path, limit)}
    try:
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    except ValueError:
        return {"error": crashed(path, done.returncode, done.stderr)}


def _parts(graph: GraphInfo, nodes: Sequence[dict[str, Any]]) -> tuple[Part, ...]:
    """Return the parts of delegates: LiteRT adds their nodes behind the file's own."""
    makers = graph.makers()
    found = []
    for node in nodes:
        if node["index"] >= len(graph.operators):
            inside = _between(graph, makers, set(node["inputs"]), node["outputs"])
            found.append(Part(delegate=shown(node["name"]), node=node["index"], operators=inside))
    return tuple(sorted(found, key=lambda part: part.operators[:1]))


def _between(graph: GraphInfo, makers: dict[int, int], inputs: set[int], outputs: Sequence[int]) -> tuple[int, ...]:
    """Return the operators from `outputs` back to `inputs`."""
    found: set[int] = set()
    left = [index for index in outputs if index not in inputs]
    while left:
        operator = makers.get(left.pop())
        if operator is None or operator in found:
            continue
        found.add(operator)
        left += [index for index in graph.operators[operator].inputs if index >= 0 and index not in inputs]
    return tuple(sorted(found))
