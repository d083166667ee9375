"""Weights as lookup tables, which TensorFlow Lite Micro decodes while it runs: small in flash without a decompressor.

A clustered model zips well, and takes its full size in flash. With few distinct values in each channel, a weight may be
an index of 1 to 7 bits into a table of the channel. The decoded weights stand in the arena instead, so flash is traded
for RAM. Source: the compressor of `tflite_micro` (tensorflow/lite/micro/compression), operator TFLM_DECODE. Only
TensorFlow Lite Micro runs such a file.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optkit.build.artifact import zipped_bytes
from optkit.errors import ArtifactError
from optkit.process.temporary import temporary_folder
from optkit.runtime.tflite_micro import MicroRunner, need
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer, read_flatbuffer, tensor_name, tensor_type
from optkit.tflite.trial import crashed, launch

_WORKER = "optkit.runtime.micro_tables_worker"
_SECONDS = 60.0
_SAMPLES = 16
_HEADER = 16
_MOST_BITS = 7
_AXES = {"CONV_2D": 0, "FULLY_CONNECTED": 0, "DEPTHWISE_CONV_2D": 3}
"""Operators whose weights are written as tables, and the axis of their output channels."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One weight tensor: its number and name, the bits of an index, and bytes before and after."""

    tensor: int
    name: str
    bits: int
    axis: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A file as lookup tables: bytes in flash, in a ZIP, and of the arena, of the file as it was and as it is now."""

    tables: tuple[Table, ...]
    flash_bytes: tuple[int, int]
    zip_bytes: tuple[int, int]
    arena_bytes: tuple[int, int]
    samples: int


def write_tables(path: Path, to: Path) -> Tables:
    """Write the .tflite file at `path` with its weights as lookup tables to `to`, which must not be there.

    Both files are run on zeros and random samples; the new one is written only when every output is equal. Raises
    ArtifactError when nothing would be smaller, outputs differ, or TensorFlow Lite Micro refuses either file.
    """
    need()
    model = read_flatbuffer(path)
    tables = tuple(_tables(model))
    if not tables:
        raise ArtifactError(
            f"{path}: no weights would be smaller as lookup tables: each channel has too many distinct values; "
            "cluster the model before it is converted to int8"
        )
    with temporary_folder("tables") as folder:
        made = folder / "model.tflite"
        _compress(path, made, tables)
        made.write_bytes(_cleaned(made.read_bytes()))
        arena = _proven(path, made)
        try:
            with to.open("xb") as file:  # never over a file that is there
                file.write(made.read_bytes())
        except OSError as error:
            raise ArtifactError(f"{to} cannot be written ({error.strerror}); name a new .tflite file") from error
    flash, zipped = ((what(path), what(to)) for what in (lambda one: one.stat().st_size, zipped_bytes))
    return Tables(tables=tables, flash_bytes=flash, zip_bytes=zipped, arena_bytes=arena, samples=_SAMPLES)


def _tables(model: Any) -> Iterator[Table]:
    """Yield the weight tensors that are smaller as tables, each once."""
    graph = model.subgraphs[0]
    uses: dict[int, int] = {}
    for operator in graph.operators:
        for index in operator.inputs:
            uses[int(index)] = uses.get(int(index), 0) + 1
    for operator in graph.operators:
        axis = _AXES.get(operator_name(model, operator))
        if axis is None:
            continue
        index = int(operator.inputs[1])
        tensor = graph.tensors[index]
        data = model.buffers[tensor.buffer].data
        if data is None or tensor_type(tensor) != "int8" or uses[index] > 1 or tensor.sparsity is not None:
            continue
        values = np.moveaxis(np.asarray(data).view(np.int8).reshape([int(size) for size in tensor.shape]), axis, 0)
        found = _table(index, tensor_name(tensor), axis, values.reshape(len(values), -1))
        if found:
            yield found


def _table(index: int, name: str, axis: int, rows: Any) -> Table | None:
    """Return the table of a tensor whose channels are `rows`; None when it would be no smaller."""
    length = max(len(np.unique(row)) for row in rows)
    bits = max(1, int(length - 1).bit_length())
    after = -(-rows.size * bits // 8) + len(rows) * length + _HEADER
    if bits > _MOST_BITS or after >= rows.size:
        return None
    return Table(tensor=index, name=name, bits=bits, axis=axis, bytes_before=rows.size, bytes_after=after)


def _compress(path: Path, to: Path, tables: tuple[Table, ...]) -> None:
    tensors = [[table.tensor, table.bits, table.axis] for table in tables]
    request = {"path": str(path), "to": str(to), "tensors": tensors, "seconds": _SECONDS}
    try:
        done = launch(_WORKER, request, 2 * _SECONDS)
    except subprocess.TimeoutExpired:
        raise ArtifactError(f"{path} took over {2 * _SECONDS:g} s to compress; give a smaller file") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise ArtifactError(crashed(path, done.returncode, done.stderr)) from None
    if "error" in answer:
        raise ArtifactError(f"{path} cannot be written as lookup tables: {answer['error']}")


def _cleaned(data: bytes) -> bytes:
    """Return the file without scales on indices, which stand for no values: those of the decoded weights stay."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(data)
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator_name(model, operator) == "TFLM_DECODE":
                for index in operator.inputs:
                    graph.tensors[int(index)].quantization = None
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _proven(path: Path, made: Path) -> tuple[int, int]:
    """Run both files and return their arenas. Raises ArtifactError when any output differs."""
    found: list[tuple[int, Any]] = []
    for one in (path, made):
        runner = MicroRunner(one, batch=_SAMPLES * MicroRunner.samples_a_call(one))
        try:
            raw = runner.invoke(runner.prepare(_samples(runner)))
            found.append((runner.arena.total, raw if isinstance(raw, tuple) else (raw,)))
        finally:
            runner.close()
    (before, first), (after, second) = found
    if not all(np.array_equal(x, y, equal_nan=True) for x, y in zip(first, second, strict=True)):
        raise ArtifactError(f"{path} gives other outputs with lookup tables; it is not written")
    return before, after


def _samples(runner: MicroRunner) -> dict[str, Any]:
    """Return zeros and random samples for each input, float32."""
    rng = np.random.default_rng(0)
    found = {}
    for spec, shape in zip(runner.interface.inputs, runner.sample_shapes, strict=True):
        array = rng.normal(0, 1, (runner.batch, *shape)).astype(np.float32)
        array[0] = 0
        found[spec.name] = array
    return found
