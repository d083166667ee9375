"""Files that crash LiteRT, keep it busy or ask for all memory end a process of their own, in one line."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from optkit.errors import ArtifactError
from optkit.measure.paired_process import run_process
from optkit.process.children import own_code
from optkit.runtime import TFLiteRunner
from optkit.runtime.predict import predict
from optkit.tflite import trial
from optkit.tflite.trial import check_runs
from tests.conftest import Command
from tests.tflite.models import (
    crashing_model,
    dense_model,
    huge_model,
    int8_model,
    loop_model,
    pack,
    sparse_model,
    split_model,
)
from tests.tflite.networks import two_ends


def written(path: Path, model: object) -> Path:
    path.write_bytes(pack(model))
    return path


@pytest.fixture
def dense(tmp_path: Path) -> Path:
    return written(tmp_path / "dense.tflite", dense_model())


@pytest.mark.parametrize("make", [dense_model, int8_model, sparse_model, two_ends])
def test_a_whole_file_runs(make, tmp_path: Path) -> None:
    check_runs(written(tmp_path / "model.tflite", make()), seconds=60)


def test_a_crash_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path / "model.tflite", crashing_model())
    with pytest.raises(ArtifactError, match=r"the runtime crashed on .*model\.tflite \(signal SIG(SEGV|BUS|ABRT)\)"):
        check_runs(path, seconds=60)


def test_what_never_ends_is_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "model.tflite", loop_model())
    began = time.monotonic()
    with pytest.raises(ArtifactError, match=r"model\.tflite took over 0\.5 s to load and run once"):
        check_runs(path, seconds=0.5)
    assert time.monotonic() - began < 20


def test_a_file_that_asks_for_too_much_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "model.tflite", huge_model())
    with pytest.raises(ArtifactError, match=r"model\.tflite"):
        check_runs(path, seconds=60)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is mapped")
def test_memory_is_limited() -> None:
    code = """
import numpy as np
from optkit.process.limits import limit_memory
limit_memory(0, 1)
np.empty(2**30, np.uint8)
try:
    np.empty(5 * 2**30, np.uint8)
except MemoryError:
    print("limited")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "limited\n", done.stderr


def test_the_runtimes_own_words(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot be run: .*NumInputs\(node\) != 2"):
        check_runs(written(tmp_path / "model.tflite", split_model([4], 1)), seconds=60)


def test_a_damaged_file_starts_no_process(tmp_path: Path, dense: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "launch", lambda *_: pytest.fail("started"))
    path = tmp_path / "half.tflite"
    path.write_bytes(dense.read_bytes()[:300])
    with pytest.raises(ArtifactError, match="is damaged"):
        check_runs(path)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"crashed on .*dense\.tflite \(signal SIGSEGV\)"),
        ("import os; os.kill(os.getpid(), 14)", r"dense\.tflite took over 3.* s"),
        ("import time; time.sleep(60)", r"dense\.tflite took over 3.* s"),
        ("import sys; sys.exit('no such module')", "ended with code 1 and said: no such module"),
    ],
)
def test_however_the_process_ends(script: str, told: str, dense: Path, monkeypatch, module_of) -> None:
    monkeypatch.setattr(trial, "_WORKER", module_of(script))
    monkeypatch.setattr(trial, "_START_SECONDS", -2.0 if "sleep" in script else 30.0)
    with pytest.raises(ArtifactError, match=told):
        check_runs(dense)


def test_the_trial_imports_little_of_optkit() -> None:
    command = [sys.executable, "-X", "importtime", *own_code("optkit.tflite.trial_worker")]
    done = subprocess.run(command, input="{}", capture_output=True, text=True)
    assert "attempt()" in done.stderr  # a request without a path
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time")}
    assert "optkit.process.limits" in imported
    own = {name for name in imported if name.startswith("optkit.") and not name.startswith("optkit.process")}
    assert own <= {"optkit.names"}, own
    assert not {name.partition(".")[0] for name in imported} & {"numpy", "scipy", "tensorflow", "msgspec"}


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (crashing_model, r"the runtime crashed on .*head\.tflite \(signal"),
        (loop_model, r"head\.tflite took over 0\.5 s"),
    ],
)
def test_ab_says_which_file_ended_its_process(make, told: str, dense: Path, tmp_path: Path) -> None:
    head = written(tmp_path / "head.tflite", make())
    with pytest.raises(ArtifactError, match=told):
        run_process(dense, head, number=0, seconds=0.01, limit=0.5 if make is loop_model else 60)
    with pytest.raises(ArtifactError, match=told):
        run_process(head, dense, number=1, seconds=0.01, limit=0.5 if make is loop_model else 60)


def test_predict_is_not_ended_by_a_crash(tmp_path: Path) -> None:
    Image.new("L", (4, 4)).save(tmp_path / "image.png")
    with pytest.raises(ArtifactError, match="the runtime crashed on"):
        predict(written(tmp_path / "model.tflite", crashing_model()), [tmp_path / "image.png"], seconds=60)


def test_the_command_ends_with_one_line_and_2(tmp_path: Path, command: Command) -> None:
    written(tmp_path / "loop.tflite", loop_model())
    written(tmp_path / "crash.tflite", crashing_model())
    Image.new("L", (4, 4)).save(tmp_path / "image.png")
    done = command("optkit", "run", "loop.tflite", "image.png", "--time-limit", "0.5")
    assert done.returncode == 2
    assert done.stderr.startswith("optkit: error: loop.tflite took over 0.5 s")
    assert done.stderr.count("\n") == 1
    done = command("optkit", "ab", "crash.tflite", "crash.tflite", "--time-limit", "60")
    assert done.returncode == 2
    assert done.stderr.startswith("optkit: error: the runtime crashed on crash.tflite (signal")
    assert done.stderr.count("\n") == 1


def test_what_fails_in_a_call_is_an_error_of_ours(dense: Path) -> None:
    runner = TFLiteRunner(dense)
    with pytest.raises(ArtifactError, match=r"dense\.tflite cannot be run with batch 1: Cannot set tensor"):
        runner.invoke(np.zeros((7, 7), np.float32))
