"""Time per operator without a profiler: the graph is cut behind each operator, and each piece is timed.

An operator takes what the file that ends with it takes more than the file that ends before it. Two such files are timed
in turns, so both feel the same clock. Where a cut changes how a delegate takes the graph, a difference holds that, too.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.inspect.inspection import Inspection
from optkit.inspect.profile import Profile, Timed, scattered
from optkit.inspect.turns import Job, Rounds, take_turns
from optkit.process.temporary import temporary_folder
from optkit.tflite.flatbuffer import read_flatbuffer
from optkit.tflite.tensors import listed, numbers

PROCESSES = 3
_SECONDS = 0.03
"""What each piece is timed for, in each process."""
_AT_ONCE = 64 << 20
"""Bytes of files that a process loads at once; it always loads two."""
_MOST_FILES = 40


def time_prefixes(found: Inspection, *, processes: int = PROCESSES, note: str = "") -> Profile:
    """Return the time of each operator of an inspected file, by the pieces of its graph.

    `note` says why it is not LiteRT's profiler. Raises ArtifactError when the file does not run here.
    """
    if found.running.error:
        raise ArtifactError(f"{found.path} cannot be timed: {found.running.error}")
    count = len(found.main.operators)
    differences: list[list[float]] = [[] for _ in range(count)]
    wholes: list[float] = []
    with temporary_folder("prefixes") as folder:
        files = [cut(Path(found.path), length, folder) for length in range(count + 1)]
        for _ in range(processes):
            for first, group in _groups(files):
                rounds = _timed(found, group)
                for place in range(1, len(group)):
                    difference = _difference(rounds[place - 1], rounds[place], group[place - 1] is files[0])
                    if difference is not None:
                        differences[first + place - 1].append(difference)
                if first + len(group) == len(files) and rounds[-1].seconds:
                    wholes.append(statistics.median(rounds[-1].seconds))
    if not wholes:
        raise ArtifactError(f"{found.path} cannot be timed by the pieces of its graph; LiteRT runs none of them")
    timed = [Timed(operators=(i,), **scattered(some)) for i, some in enumerate(differences) if some]
    return Profile(
        method="prefixes",
        kernels="default",
        threads=found.running.threads,
        batch=found.running.batch,
        processes=processes,
        whole=statistics.median(wholes),
        low=min(wholes),
        high=max(wholes),
        spread=scattered(wholes)["spread"],
        timed=tuple(timed),
        note=note,
    )


def cut(path: Path, length: int, folder: Path) -> Path:
    """Write the file at `path` with the first `length` operators of subgraph 0 alone, into `folder`; return where.

    It gives what a later operator would read, or what the whole file gives. Values that no operator left reads are
    dropped.
    """
    model = read_flatbuffer(path)
    graph = model.subgraphs[0]
    operators = listed(graph.operators)
    kept, rest = operators[:length], operators[length:]
    made = {int(index) for operator in kept for index in numbers(operator.outputs)}
    wanted = {int(index) for operator in rest for index in numbers(operator.inputs)}
    ends = [int(index) for index in numbers(graph.outputs)]
    outputs = sorted(made & (wanted | set(ends))) or ([ends[0]] if length == len(operators) else [])
    graph.operators = kept
    graph.outputs = ends if length == len(operators) else outputs or [int(numbers(graph.inputs)[0])]
    model.signatureDefs = model.metadata = model.metadataBuffer = None
    _drop_values(model)
    target = folder / f"{length}.tflite"
    target.write_bytes(_packed(model))
    return target


def _drop_values(model: Any) -> None:
    used: set[int] = set()
    for number, graph in enumerate(model.subgraphs):
        read = {int(index) for operator in listed(graph.operators) for index in numbers(operator.inputs)}
        ends = {int(index) for index in numbers(graph.outputs)}
        for index, tensor in enumerate(listed(graph.tensors)):
            if number or index in read | ends:
                used.add(int(tensor.buffer))
    dropped = set(range(1, len(model.buffers))) - used
    for graph in model.subgraphs:
        for tensor in listed(graph.tensors):
            if int(tensor.buffer) in dropped:
                tensor.buffer, tensor.sparsity = 0, None
    for number in dropped:
        model.buffers[number].data = None


def _packed(model: Any) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1 << 16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _groups(files: list[Path]) -> Iterator[tuple[int, list[Path]]]:
    """Yield (number of the first, files) of each process: a group begins with the last file of the one before."""
    start = 0
    while start < len(files) - 1:
        stop, size = start + 1, files[start].stat().st_size
        while stop < len(files) and stop - start < _MOST_FILES:
            size += files[stop].stat().st_size
            if size > _AT_ONCE and stop - start >= 2:
                break
            stop += 1
        yield start, files[start:stop]
        start = stop - 1
    if len(files) == 1:
        yield 0, files


def _timed(found: Inspection, group: list[Path]) -> list[Rounds]:
    jobs = [Job(str(path), found.running.threads, found.running.batch) for path in group]
    return take_turns(jobs, _SECONDS * len(group))


def _difference(before: Rounds, after: Rounds, empty: bool) -> float | None:
    """Return the seconds that `after` takes more; where `before` is the empty file and does not run, all of them."""
    if not after.seconds:
        return None
    if not before.seconds:
        return statistics.median(after.seconds) if empty else None
    return statistics.median(b - a for a, b in zip(before.seconds, after.seconds, strict=True))
