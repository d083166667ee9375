"""A suite file as a test file, in a folder that has nothing of optkit but the plugin."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from optkit import read_run
from optkit.record import sessions
from tests.isolation import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "tflite_only"
QUICK = ("--optkit-threads=1", "--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "--benchmark-quiet")
INT8 = "--optkit-variants=int8"

Session = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plugin") / "store"


@pytest.fixture
def session(tmp_path: Path, store: Path) -> Session:
    """Run pytest with the plugin in a folder of its own, which holds the example's model and data."""
    for path in EXAMPLE.iterdir():
        shutil.copy(path, tmp_path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        env = {**sessions.environment(), "PYTHONPATH": os.pathsep.join((str(ROOT), str(tmp_path)))}
        env["OPTKIT_STORE"] = str(store)
        command = [sys.executable, "-m", "pytest", "-p", "optkit.plugin.entry", *QUICK, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)

    return run


def test_ids_say_what_each_test_is(session: Session) -> None:
    done = session("model.toml", "--collect-only", "-q")
    assert "model.toml::time[int8-single_sample-1]" in done.stdout.splitlines()
    assert "model.toml::gate[int8-drop<=0.02]" in done.stdout.splitlines()
    chosen = session("model.toml", "--collect-only", "-q", "-k", "int8 and full_set")
    found = [line for line in chosen.stdout.splitlines() if "::" in line]
    assert found == ["model.toml::time[int8-full_set-1]"]


def test_a_timed_session_is_a_run_and_loads_no_tensorflow(session: Session, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import sys\n"
        "def pytest_sessionfinish():\n"
        "    assert 'optkit.plugin.timing' in sys.modules\n"
        "    open('loaded.txt', 'w').write(str('tensorflow' in sys.modules))\n"
    )
    done = session("model.toml", INT8, "--benchmark-only", "--benchmark-json=run.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "loaded.txt").read_text() == "False"
    run = read_run(tmp_path / "run.json")
    assert run.baseline == "float32"
    assert {(one.variant, one.mode) for one in run.timings} == {
        (name, mode) for name in ("float32", "int8") for mode in ("single_sample", "single_batch", "full_set")
    }
    assert len(json.loads((tmp_path / "run.json").read_text())["benchmarks"]) == 6


def test_a_gate_fails_with_its_figures(session: Session, tmp_path: Path) -> None:
    suite = tmp_path / "model.toml"
    suite.write_text(suite.read_text().replace("file_bytes = 6944", "file_bytes = 100"))
    done = session("model.toml", INT8, "--benchmark-skip", "--junitxml=report.xml")
    assert done.returncode == 1
    assert "must be <= 100" in done.stdout
    assert "Traceback" not in done.stdout
    report = (tmp_path / "report.xml").read_text()
    assert 'failures="1"' in report
    again = session("model.toml", INT8, "--benchmark-skip", "--lf", "-q")
    assert "1 failed" in again.stdout
    assert "passed" not in again.stdout


def test_two_suite_files_in_one_session(session: Session, tmp_path: Path) -> None:
    text = (tmp_path / "model.toml").read_text().replace('"waves"', '"other"')
    (tmp_path / "other.toml").write_text(text)
    done = session("model.toml", "other.toml", INT8, "--benchmark-skip", "-v")
    assert done.returncode == 0, done.stdout
    for name in ("model", "other"):
        assert f"{name}.toml::gate[int8-drop<=0.02] PASSED" in done.stdout


def test_a_file_that_is_no_suite_is_one_line(session: Session, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.other]\na = 1\n")
    (tmp_path / "other.toml").write_text("a = 1\n")
    done = session("other.toml")
    assert done.returncode == 2
    assert "optkit: error: other.toml: schema is None; this optkit reads suite files of schema 1 and 2" in done.stdout
    assert ".py:" not in done.stdout
    every = session("--collect-only", "-q")
    assert every.returncode == 5, "a suite file that is not named is left alone"
    assert "no tests collected" in every.stdout


def test_a_label_that_the_model_does_not_know_is_refused(session: Session, tmp_path: Path) -> None:
    import numpy as np

    data = dict(np.load(tmp_path / "waves.npz"))
    data["y_test"][0] = 7
    np.savez(tmp_path / "waves.npz", **data)
    done = session("model.toml", INT8)
    assert done.returncode == 2
    assert "y_test holds class 7, and the model has 3 classes; expected labels from 0 to 2" in done.stdout


def test_an_unknown_metric_is_refused_when_the_file_is_read(session: Session, tmp_path: Path) -> None:
    suite = tmp_path / "model.toml"
    suite.write_text(suite.read_text().replace('"accuracy"', '"acuracy"'))
    done = session("model.toml", "--collect-only")
    assert done.returncode == 2
    assert "there is no metric 'acuracy'; did you mean 'accuracy'?" in done.stdout


def test_it_stays_out_of_the_way() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import optkit.plugin.entry; "
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    env = {**sessions.environment(), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(["lazy_loader", "optkit"])


def test_fixtures_for_a_test_module(session: Session, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import numpy as np\n"
        "def test_size(optkit_suite):\n"
        "    assert optkit_suite('model.toml')['int8'].zip_bytes < 3_000\n"
        "def test_speed(optkit_benchmark):\n"
        "    optkit_benchmark('waves.tflite', np.zeros((1, 32), np.float32))\n"
    )
    done = session("test_own.py", "--benchmark-json=own.json")
    assert done.returncode == 0, done.stdout + done.stderr
    (timing,) = read_run(tmp_path / "own.json").timings
    assert (timing.variant, timing.mode) == ("waves", "single_sample")
