"""Vela: its figures against its own file, what falls back, and files that it refuses."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from optkit.errors import ArtifactError
from optkit.runtime.vela import estimate
from tests.builders import artifact
from tests.tflite import models

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ethosu") is None, reason="pip install 'optkit[ethos]'")


@pytest.fixture(scope="session")
def int8_file(built_store: Path) -> Path:
    """The int8 file of the tiny suite."""
    return artifact(built_store, "int8")


def test_the_figures_are_those_of_its_own_summary(int8_file: Path, tmp_path: Path) -> None:
    """Bytes as KiB, or the cycles of another column, would differ."""
    found = estimate(int8_file, "ethos-u55-128")
    command = [sys.executable, "-m", "ethosu.vela", str(int8_file), "--accelerator-config", "ethos-u55-128"]
    subprocess.run([*command, "--output-dir", str(tmp_path)], check=True, capture_output=True, cwd=tmp_path)
    with next(tmp_path.glob("*_summary_*.csv")).open() as file:
        [own] = csv.DictReader(file)
    assert found.cycles == float(own["cycles_total"]) > 0
    assert found.memory_bytes["sram"] == 1024 * float(own["sram_memory_used"]) > 0
    assert found.seconds == pytest.approx(found.cycles / found.clock_hz) == pytest.approx(float(own["inference_time"]))
    assert found.flash_bytes == (tmp_path / "model_vela.tflite").stat().st_size
    assert 0 < found.npu_share < 1
    assert {one.operator for one in found.fallbacks} == {"Quantize", "Dequantize"}
    assert any("Float32" in one.reason for one in found.fallbacks)


def test_a_float_file_has_nothing_on_the_accelerator(tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(models.pack(models.dense_model()))
    found = estimate(path, "ethos-u55-128")
    assert (found.npu_operators, found.npu_share) == (0, 0.0)
    assert [one.operator for one in found.fallbacks] == ["FullyConnected"]


def test_what_it_refuses_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(models.pack(models.dense_model()))
    with pytest.raises(ArtifactError, match=r"Vela refuses .*ethos-u99") as error:
        estimate(path, "ethos-u99")
    assert "\n" not in str(error.value)
    path.write_bytes(b"garbage" * 10)
    with pytest.raises(ArtifactError, match=r"not a \.tflite file"):
        estimate(path, "ethos-u55-128")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "float.tflite"
    path.write_bytes(models.pack(models.dense_model()))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match=r"pip install 'optkit\[ethos\]'"):
        estimate(path, "ethos-u55-128")
