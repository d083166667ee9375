"""Weights as lookup tables: smaller in flash, equal outputs by both files, and refused where nothing is gained."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.errors import ArtifactError
from optkit.runtime import micro_tables
from optkit.runtime.micro_tables import write_tables
from optkit.runtime.tflite_micro import MicroRunner
from tests.tflite import models

pytestmark = pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="pip install 'optkit[micro]'")
ROWS, COLUMNS = 32, 256


def dense(values: int) -> Any:
    """Return a dense int8 layer whose rows have so many distinct weights each; scales differ by row."""
    rng = np.random.default_rng(0)
    weights = rng.integers(0, values, (ROWS, COLUMNS)).astype(np.int8) * (100 // values) - 50
    weights[:, :values] = np.arange(values) * (100 // values) - 50
    kind = schema.TensorType
    tensors = [
        models.tensor([1, COLUMNS], 0, "x", kind.INT8),
        models.tensor([ROWS, COLUMNS], 1, "w", kind.INT8),
        models.tensor([ROWS], 2, "b", kind.INT32),
        models.tensor([1, ROWS], 0, "y", kind.INT8),
    ]
    scale = np.linspace(0.01, 0.03, ROWS).tolist()
    for tensor, scales in zip(tensors, ([0.1], scale, [0.1 * s for s in scale], [0.5]), strict=True):
        tensor.quantization = schema.QuantizationParametersT(
            scale=scales, zeroPoint=[0] * len(scales), quantizedDimension=0
        )
    graph = schema.SubGraphT(
        tensors=tensors,
        inputs=[0],
        outputs=[3],
        operators=[models.operator([0, 1, 2], [3], options=schema.FullyConnectedOptionsT())],
    )
    bias = rng.integers(-50, 50, ROWS).astype(np.int32)
    code = models.opcode(models.FULLY_CONNECTED)
    code.version = 4
    buffers = [models.buffer(), models.buffer(weights.astype(np.int8)), models.buffer(bias)]
    return schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=buffers)


@pytest.fixture
def clustered(tmp_path: Path) -> Path:
    path = tmp_path / "clustered.tflite"
    path.write_bytes(models.pack(dense(16)))
    return path


def test_a_clustered_file_is_half_as_large_and_gives_the_same(clustered: Path, tmp_path: Path) -> None:
    """A table of the wrong axis, or scales that are lost, would give other outputs."""
    to = tmp_path / "tables.tflite"
    found = write_tables(clustered, to)
    [table] = found.tables
    assert (table.bits, table.bytes_before) == (4, ROWS * COLUMNS)
    assert found.flash_bytes == (clustered.stat().st_size, to.stat().st_size)
    assert to.stat().st_size < 0.7 * clustered.stat().st_size
    assert found.arena_bytes[1] > found.arena_bytes[0] + ROWS * COLUMNS - 1  # the decoded weights stand there
    x = np.random.default_rng(1).normal(0, 2, (50, COLUMNS)).astype(np.float32)
    outputs = []
    for path in (clustered, to):
        runner = MicroRunner(path, batch=50)
        outputs.append(runner.invoke(runner.prepare(x)))
        runner.close()
    assert len(np.unique(outputs[0])) > 50
    np.testing.assert_array_equal(outputs[0], outputs[1])


def test_nothing_is_written_where_nothing_is_gained_or_something_is_there(clustered: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.tflite"
    plain.write_bytes(models.pack(dense(100)))
    with pytest.raises(ArtifactError, match=r"no weights would be smaller.*cluster the model"):
        write_tables(plain, tmp_path / "tables.tflite")
    assert not (tmp_path / "tables.tflite").exists()
    with pytest.raises(ArtifactError, match="cannot be written"):
        write_tables(clustered, plain)


def test_a_file_with_other_outputs_is_not_written(
    clustered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof is what stands between a wrong file and its user."""
    compress = micro_tables._compress

    def wrong(path: Path, to: Path, tables: Any) -> None:
        other = tmp_path / "other.tflite"
        model = dense(16)
        model.buffers[2] = models.buffer(np.full(ROWS, 900, np.int32))
        other.write_bytes(models.pack(model))
        compress(other, to, tables)

    monkeypatch.setattr(micro_tables, "_compress", wrong)
    with pytest.raises(ArtifactError, match="gives other outputs with lookup tables; it is not written"):
        write_tables(clustered, tmp_path / "tables.tflite")
    assert not (tmp_path / "tables.tflite").exists()
