"""The plugin in a repository of a user's: out of the way where it is not used, and fixtures for tests of one's own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from optkit import compare_runs, read_run
from optkit.judge.tolerances import Tolerances
from optkit.measure.reference import REFERENCE
from optkit.runtime.samples import run_samples
from tests.isolation import GUARD, ROOT, environment_in

SUITE = """schema = 2
name = "mine"
model = "model.tflite"
data = "data.npz"
task = "multiclass"
variants = ["dynamic_range", "int8"]
budget = { file_bytes = 1_000_000, drop = 0.5 }
modes = ["single_sample"]
"""
FAST = ("--benchmark-max-time=0.01", "--benchmark-min-rounds=3", "--optkit-threads=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, its data and a suite file, as a user has it."""
    place = tmp_path_factory.mktemp("user")
    shutil.copy(REFERENCE, place / "model.tflite")
    rng = np.random.default_rng(1)
    x = rng.random((40, *SHAPE)).astype(np.float32)
    [outputs] = run_samples(place / "model.tflite", x).values()
    y = outputs.reshape(len(x), -1).argmax(axis=1)
    np.savez(place / "data.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    (place / "model.toml").write_text(SUITE)
    return place


SHAPE = (32, 32, 3)


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run pytest there, with nothing of this repository but the package."""
    env = {**os.environ, **environment_in(folder / ".user"), "PYTHONPATH": f"{ROOT}{os.pathsep}{GUARD}"}
    env = {name: value for name, value in env.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-p", "optkit.plugin.entry", "-p", "no:xdist", *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)


def test_it_stays_out_of_the_way(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "model.toml").write_text(SUITE)  # not named, so not a test file
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_it(request):\n"
        "    own = {name for name in sys.modules if name.startswith('optkit.') and 'optkit.process' not in name}\n"
        "    assert own <= {'optkit.names', 'optkit.plugin', 'optkit.plugin.entry', 'optkit.plugin.options'}, own\n"
        "    assert 'numpy' not in sys.modules\n"
    )
    done = run(tmp_path, "-v")
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
    assert "optkit" not in done.stdout.replace(f"{ROOT}", "").split("collected", 1)[1]
    helped = run(tmp_path, "--help").stdout.split("\n[pytest] configuration options", 1)[0]
    mine = helped.split("optkit:", 1)[1].split("\n\n", 1)[0]
    options = [word for word in mine.split() if word.startswith("--")]
    assert options
    assert all(option.startswith("--optkit-") for option in options)


def test_fixtures_for_tests_of_ones_own(folder: Path) -> None:
    (folder / "test_mine.py").write_text(
        "import numpy as np\n"
        "import pytest\n"
        "def test_size(optkit_suite):\n"
        "    assert optkit_suite('model.toml')['int8'].zip_bytes < 40_000_000\n"
        "    assert optkit_suite('model.toml')['int8'].drop <= 0.5\n"
        "@pytest.mark.parametrize('name', ['model', 'copy'])\n"
        "def test_speed(optkit_benchmark, name):\n"
        f"    out = optkit_benchmark(f'{{name}}.tflite', np.zeros((1, *{SHAPE}), np.float32))\n"
        "    assert len(out) == 1\n"
    )
    shutil.copy(folder / "model.tflite", folder / "copy.tflite")
    done = run(folder, "test_mine.py", *FAST, "--benchmark-json=own.json", "--benchmark-save-data")
    assert done.returncode == 0, done.stdout + done.stderr
    found = read_run(folder / "own.json")
    assert (found.suite, found.baseline) == ("test_mine", "model")
    assert found.variants["copy"].artifact.size_ratio == 1.0
    compared = compare_runs(found, found, Tolerances())
    assert {delta.name for delta in compared.deltas} >= {"model", "copy/single_sample/1"}
    assert json.loads((folder / "own.json").read_text())["benchmarks"]
