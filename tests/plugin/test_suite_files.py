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
    assert "model.toml::gate[int8-drop<=0.023]" in done.stdout.splitlines()
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
        assert f"{name}.toml::gate[int8-drop<=0.023] PASSED" in done.stdout


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


def test_a_suite_file_may_be_named_through_a_link(session: Session, tmp_path: Path) -> None:
    (tmp_path / "link.toml").symlink_to("model.toml")
    (tmp_path / "folder").symlink_to(tmp_path, target_is_directory=True)
    for name in ("link.toml", "folder/model.toml", f"{tmp_path}/folder/../model.toml"):
        done = session(name, INT8, "--collect-only", "-q")
        assert "::time[int8-single_sample-1]" in done.stdout, f"{name}: {done.stdout}"


def test_what_is_wrong_fails_the_test_that_asks_in_one_line_and_no_other(session: Session, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import numpy as np\n"
        "def test_suite(optkit_suite):\n"
        "    optkit_suite('nothing.toml')\n"
        "def test_variant(optkit_suite):\n"
        "    optkit_suite('model.toml')['int9']\n"
        "def test_file(optkit_benchmark):\n"
        "    optkit_benchmark('nothing.tflite', np.zeros((1, 32), np.float32))\n"
        "def test_samples(optkit_benchmark):\n"
        "    optkit_benchmark('waves.tflite', np.zeros((0, 32), np.float32))\n"
        "def test_number(optkit_benchmark):\n"
        "    optkit_benchmark('waves.tflite', 3)\n"
        "def test_other():\n"
        "    pass\n"
    )
    done = session("test_own.py", INT8)
    assert done.returncode == 1, done.stdout
    assert "5 failed, 1 passed" in done.stdout
    for said in (
        "suite file {folder}/nothing.toml cannot be read",
        "there is no variant 'int9'; did you mean 'int8'?",
        "nothing.tflite cannot be read",
        "x has shape (0, 32); expected at least one sample",
        "x has shape (); expected at least one sample",
    ):
        assert f"optkit: error: {said.format(folder=tmp_path)}" in done.stdout, said
    assert "optkit/plugin" not in done.stdout, "no traceback into optkit"


def test_records_of_ones_own_are_told_apart_or_refused(session: Session, tmp_path: Path) -> None:
    """Two calls under one name would be read as two sessions of one benchmark, and their rounds as one figure's."""
    shutil.copy(tmp_path / "waves.tflite", tmp_path / "same.tflite")
    (tmp_path / "test_own.py").write_text(
        "import numpy as np\n"
        "def zeros(n): return np.zeros((n, 32), np.float32)\n"
        "def test_wrong(optkit_benchmark): optkit_benchmark('waves.tflite', np.zeros((1, 3), np.float32))\n"
        "def test_8(optkit_benchmark): optkit_benchmark('waves.tflite', zeros(8), suite='speed')\n"
        "def test_16(optkit_benchmark): optkit_benchmark('waves.tflite', zeros(16), suite='speed')\n"
        "def test_16_named(optkit_benchmark):\n"
        "    optkit_benchmark('same.tflite', zeros(16), name='b16', suite='speed')\n"
        "def test_other_file(optkit_benchmark):\n"
        "    with open('waves.tflite', 'rb') as one, open('b16.tflite', 'wb') as two: two.write(one.read() + b'0')\n"
        "    optkit_benchmark('b16.tflite', zeros(1), suite='speed')\n"
    )
    (tmp_path / "test_more.py").write_text(
        "import numpy as np\n"
        "def test_1(optkit_benchmark):\n"
        "    optkit_benchmark('waves.tflite', np.zeros((1, 32), np.float32), suite='speed')\n"
    )
    done = session("test_own.py", "test_more.py", "--benchmark-json=own.json")
    assert "3 failed, 3 passed" in done.stdout
    twice = "'waves' is timed twice (single_batch, threads 1) in suite 'speed', the first time by test_own.py::test_8"
    assert twice in done.stdout
    assert "two files are called 'b16' in suite 'speed'; give each a name of its own" in done.stdout
    run = read_run(tmp_path / "own.json")
    assert (run.suite, run.baseline, run.sessions) == ("speed", "waves", 1), "what failed first is no baseline"
    assert [(one.variant, one.samples) for one in run.timings] == [("waves", 8), ("b16", 16), ("waves", 1)]
    assert "optkit: what was saved" not in done.stdout


def test_a_saved_file_that_is_no_run_of_one_suite_is_told(session: Session, tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text(
        "import numpy as np\n"
        "def test_it(optkit_benchmark): optkit_benchmark('waves.tflite', np.zeros((1, 32), np.float32))\n"
        "def test_plain(benchmark): benchmark(int)\n"
    )
    chosen = ("-k", "(float32 and single_sample) or test_own", "--benchmark-only", "--benchmark-json=two.json")
    done = session("model.toml", "test_own.py", INT8, *chosen)
    assert done.returncode == 0, done.stdout
    assert "optkit: what was saved holds suites test_own, waves and 1 benchmarks without a record" in done.stdout
    (tmp_path / "plain.py").write_text("def test_plain(benchmark): benchmark(int)\n")
    plain = session("plain.py", "--benchmark-json=plain.json")
    assert "optkit:" not in plain.stdout
