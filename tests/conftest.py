"""What many tests share: a home of its own for each, tiny data, a tiny suite, and a store in which it is built."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import numpy as np
import pytest
from hypothesis import settings

from optkit.cli import main
from optkit.record import sessions
from tests.isolation import environment_in
from tests.wheels import build_wheel

settings.register_profile("optkit", max_examples=60, deadline=None, database=None, derandomize=True)
settings.load_profile("optkit")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what goes on in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # else no process of a test hears an interrupt

SUITE = """
schema = 1
name = "tiny"

[workload]
dataset = "mnist"
network = { name = "mnist_conv", params = { filters = 12 } }
training = { epochs = 3, batch_size = 16, learning_rate = 0.005 }

[variants.baseline]

[variants.pruned]
steps = [{ technique = "prune", final_sparsity = 0.8, epochs = 2, batch_size = 16 }]

[variants.float_tflite]
from = "baseline"
conversion = { mode = "float32" }

[variants.int8]
from = "baseline"
conversion = { mode = "int8", calibration_samples = 20 }

[variants.pruned_qat]
from = "pruned"
steps = [{ technique = "quantize_aware", preserve = "sparsity", epochs = 1, batch_size = 16 }]
conversion = { mode = "int8" }

[[gates]]
metric = "accuracy_drop"
max = 0.5

[[gates]]
metric = "speedup"
kind = "tflite"
modes = ["single_batch"]
above = 1.0
"""


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Give the test a home, a cache and a store that no other test has seen. The network is refused to all."""
    for name, place in environment_in(tmp_path_factory.mktemp("home")).items():
        if name != "TMPDIR":
            monkeypatch.setenv(name, place)
    monkeypatch.delenv("OPTKIT_DATA", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # tests of what is printed have the width of a pipe


def digits(samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return easy images: class k is a bright 7x7 square in one of ten places, under noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 10, samples).astype(np.uint8)
    x = rng.integers(0, 60, (samples, 28, 28)).astype(np.uint8)
    for image, label in zip(x, y, strict=True):
        row, column = divmod(int(label), 4)
        image[row * 8 : row * 8 + 7, column * 7 : column * 7 + 7] += 180
    return x, y


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for OPTKIT_DATA whose mnist.npz has 320 easy training images and 70 to test."""
    folder = tmp_path_factory.mktemp("data")
    (x_train, y_train), (x_test, y_test) = digits(320, 1), digits(70, 2)
    np.savez(folder / "mnist.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return folder


@pytest.fixture(scope="session")
def tiny_suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite file that trains in seconds."""
    path = tmp_path_factory.mktemp("suite") / "tiny.toml"
    path.write_text(SUITE)
    return path


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path: Path, tiny_data: Path) -> Command:
    """Run `python -m MODULE ARGS` as a user would, in a folder of its own, on the tiny data."""
    return command_in(tmp_path, tiny_data)


def command_in(folder: Path, data: Path) -> Command:
    """Return what runs `python -m MODULE ARGS` in `folder`, with `data` as OPTKIT_DATA."""

    def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        # without what xdist tells its workers: a pytest started here is not one of them
        env = {**sessions.environment(), "OPTKIT_DATA": str(data), **environment}
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.fixture
def here(
    tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """As `command`, of the module optkit alone, in this process: for what a process of its own would not change."""

    def run(module: str, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        assert module == "optkit"
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name, value in {"OPTKIT_DATA": str(tiny_data), **environment}.items():
                patch.setenv(name, value)
            patch.chdir(tmp_path)
            try:
                code = main(arguments)
            except SystemExit as end:
                code = int(end.code or 0)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def built_store(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path, tiny_suite: Path) -> Path:
    """A store with every variant of the tiny suite, built once for the whole session by the command itself.

    Of several workers of pytest-xdist one builds, and each has a copy of its own.
    """
    base = tmp_path_factory.getbasetemp()
    built = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-store"
    with filelock.FileLock(f"{built}.lock"):
        if not built.exists():
            _build(tiny_suite, tiny_data, tmp_path_factory.mktemp("building") / "store").rename(built)
    return Path(shutil.copytree(built, tmp_path_factory.mktemp("built") / "store"))


def _build(suite: Path, data: Path, store: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "optkit", "build", str(suite), "--store", str(store)],
        env={**os.environ, "OPTKIT_DATA": str(data)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return store


@pytest.fixture
def module_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Make a module of some code, which child processes find, and return its name."""

    def write(code: str) -> str:
        folder = tmp_path / "modules"
        folder.mkdir()
        (folder / "module_of_a_test.py").write_text(code)
        monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
        return "module_of_a_test"

    return write


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this repository. Of several workers of pytest-xdist one builds it."""
    base = tmp_path_factory.getbasetemp()
    built = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "built-wheel"
    with filelock.FileLock(f"{built}.lock"):
        if not built.exists():
            found = build_wheel(tmp_path_factory.mktemp("wheel"))
            part = built.with_name("built-wheel.part")
            part.mkdir()
            shutil.copy(found, part)
            part.rename(built)
    (path,) = built.glob("*.whl")
    return path
