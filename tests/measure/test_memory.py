"""How far a process grows: the order of what is loaded, the same from run to run, and where it cannot be told."""

import sys
from pathlib import Path

import numpy as np
import pytest

from optkit.errors import ArtifactError
from optkit.measure.memory import Peak, peak_memory
from tests.tflite import models
from tests.tflite.networks import Graph

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux says how much memory a process takes")
SIZE = 1024


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 16 MiB: four dense layers of 1,024 by 1,024 floats."""
    graph = Graph()
    x = first = graph.add([1, SIZE], "x")
    for number in range(4):
        x = graph.dense(x, SIZE, SIZE, f"dense{number}")
    path = tmp_path_factory.mktemp("memory") / "large.tflite"
    path.write_bytes(models.pack(graph.model([first], [x])))
    return path


def test_a_large_file_takes_at_least_its_weights_and_the_same_each_time(large: Path) -> None:
    """Growth that begins after loading, or that has the import in it, would be off by megabytes."""
    found = peak_memory(large, processes=3)
    weights = large.stat().st_size
    assert weights <= found.bytes < 3.5 * weights
    assert found.scatter < 0.05
    again = peak_memory(large, processes=3)
    assert abs(again.bytes - found.bytes) < 0.05 * found.bytes


def test_a_small_file_takes_less(large: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.tflite"
    small.write_bytes(models.pack(models.dense_model()))
    assert peak_memory(small, processes=1).bytes < large.stat().st_size / 2


def test_the_median_and_the_scatter() -> None:
    found = Peak(growth=(10, 30, 20), threads=1, batch=1)
    assert (found.bytes, found.scatter) == (20, 1.0)
    assert Peak(growth=(0,), threads=1, batch=1).scatter == 0.0


def test_a_file_that_does_not_run_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.tflite"
    path.write_bytes(models.pack(models.crashing_model()))
    with pytest.raises(ArtifactError, match=r"crashed|cannot be run"):
        peak_memory(path, processes=1)
    path.write_bytes(np.zeros(64, np.uint8).tobytes())
    with pytest.raises(ArtifactError, match=r"not a \.tflite file"):
        peak_memory(path, processes=1)
