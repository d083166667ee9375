"""`optkit key`: one key for all that a suite builds."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from optkit.cli import main
from tests.isolation import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "tflite_only"


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "own")) / "model.toml"


def key_of(suite: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    assert main(["key", str(suite), *more]) == 0
    return capsys.readouterr().out.strip()


def test_what_a_build_depends_on_changes_the_key_and_nothing_else(
    suite: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Catches a cache that is found again after the model or the data has changed, or lost for a remark."""
    first = key_of(suite, capsys)
    suite.write_text(suite.read_text() + "# a remark\n")
    moved = Path(shutil.copytree(suite.parent, tmp_path / "elsewhere")) / "model.toml"
    assert {first, key_of(suite, capsys), key_of(moved, capsys)} == {first}
    keys = [first, key_of(suite, capsys, "--variants", "int8")]
    model, data = (suite.parent / name for name in ("waves.tflite", "waves.npz"))
    model.write_bytes(model.read_bytes() + bytes(16))
    keys.append(key_of(suite, capsys))
    with np.load(data) as arrays:
        changed = dict(arrays)
    changed["x_train"][0, 0] += 1
    np.savez(data, **changed)
    keys.append(key_of(suite, capsys))
    assert len(set(keys)) == len(keys) == 4


def test_it_is_appended_for_a_workflow_and_told_by_variant(
    suite: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    outputs.write_text("before=1\n")
    key = key_of(suite, capsys, "--outputs", str(outputs), "--allow", "")
    assert outputs.read_text() == f"before=1\nkey={key}\n"
    assert main(["key", str(suite), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["schema"], found["key"]) == (1, key)
    assert list(found["variants"]) == ["float32", "dynamic_range", "int8", "float16"]


def test_a_suite_without_its_data_is_refused(suite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (suite.parent / "waves.npz").unlink()
    assert main(["key", str(suite)]) == 2
    assert "waves.npz" in capsys.readouterr().err
