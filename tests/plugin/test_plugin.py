"""A suite file as a test file, in an empty folder: what a user of the wheel sees. The model is a .tflite file."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from optkit import compare_runs, read_run
from optkit.judge.tolerances import Rules
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


@pytest.fixture(scope="module")
def whole(folder: Path) -> "subprocess.CompletedProcess[str]":
    """One whole session: timings and gates."""
    (folder / "conftest.py").write_text(
        "import sys\n"
        "def pytest_unconfigure(config):\n"
        "    print('LOADED', sorted({'tensorflow', 'tf_keras', 'keras'} & set(sys.modules)))\n"
    )
    done = run(folder, "model.toml", *FAST, "-v", "--benchmark-json=run.json", "--junitxml=junit.xml")
    (folder / "conftest.py").unlink()
    return done


def test_ids_are_readable_and_all_pass(whole: "subprocess.CompletedProcess[str]") -> None:
    assert whole.returncode == 0, whole.stdout + whole.stderr
    for name in (
        "model.toml::time[float32-single_sample-1] PASSED",
        "model.toml::time[int8-single_sample-1] PASSED",
        "model.toml::gate[int8-drop<=0.5] PASSED",
        "model.toml::gate[dynamic_range-file_bytes<=1e+06] PASSED",
    ):
        assert name in whole.stdout
    assert whole.stdout.index("::gate[") > whole.stdout.rindex("::time["), "gates are judged after timing"
    assert "mine on data (20 train, 20 test" in whole.stdout


def test_no_tensorflow_is_loaded(whole: "subprocess.CompletedProcess[str]") -> None:
    assert "LOADED []" in whole.stdout


def test_the_record_is_a_run(folder: Path, whole: "subprocess.CompletedProcess[str]") -> None:
    found = read_run(folder / "run.json")
    assert found.baseline == "float32"
    assert found.variants["float32"].accuracy == 1.0
    assert all(timing.rounds and timing.reference_rounds for timing in found.timings), "every round was saved"
    cases = ET.parse(folder / "junit.xml").getroot().iter("testcase")
    assert "gate[int8-drop<=0.5]" in {case.get("name") for case in cases}


def test_a_gate_that_fails_shows_its_figures_and_last_failed_runs_it_again(
    folder: Path, whole: "subprocess.CompletedProcess[str]"
) -> None:
    (folder / "small.toml").write_text(SUITE.replace("1_000_000", "1_000"))
    done = run(folder, "small.toml", *FAST, "-k", "gate and file_bytes")
    assert done.returncode == 1
    assert "fail: int8: file_bytes is " in done.stdout
    assert "must be <= 1000" in done.stdout
    assert "Traceback" not in done.stdout
    again = run(folder, "small.toml", *FAST, "--lf", "--co", "-q")
    assert "2 tests collected" in again.stdout.replace("2/", "2 tests collected ").replace("run-last-failure", "")
    first = run(folder, "small.toml", *FAST, "-k", "gate", "-x")
    assert "1 failed" in first.stdout


def test_what_is_no_suite_is_one_line(folder: Path) -> None:
    (folder / "other.toml").write_text("[tool.black]\nline-length = 100\n")
    done = run(folder, "other.toml")
    assert done.returncode == 2
    assert "optkit: error: other.toml: schema is None" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    (folder / "typo.toml").write_text(SUITE.replace("int8", "int9"))
    done = run(folder, "typo.toml")
    assert done.returncode == 2
    assert "there is no recipe 'int9'; did you mean 'int8'?" in done.stdout


def test_it_stays_out_of_the_way(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "model.toml").write_text(SUITE)  # not named, so not a test file
    (tmp_path / "test_other.py").write_text(
        "import sys\n"
        "def test_it(request):\n"
        "    own = {name for name in sys.modules if name.startswith('optkit.') and 'optkit.process' not in name}\n"
        "    assert own <= {'optkit.plugin', 'optkit.plugin.entry', 'optkit.plugin.options'}, own\n"
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


def test_fixtures_for_tests_of_ones_own(folder: Path, whole: "subprocess.CompletedProcess[str]") -> None:
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
    compared = compare_runs(found, found, Rules())
    assert {delta.name for delta in compared.deltas} >= {"model", "copy/single_sample/1"}
    assert json.loads((folder / "own.json").read_text())["benchmarks"]
