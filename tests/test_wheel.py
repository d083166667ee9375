"""What the wheel holds, and that nothing else is needed: pytest and optkit bench, from its content alone."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from configparser import ConfigParser
from pathlib import Path

import pytest

from optkit import read_run
from optkit.record import sessions
from tests.isolation import ROOT
from tests.wheels import libraries_of

EXAMPLE = ROOT / "docs" / "examples" / "tflite_only"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as pip unpacks it."""
    folder = tmp_path_factory.mktemp("wheel") / "site"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    return folder


@pytest.fixture
def run(site: Path, tmp_path: Path) -> Run:
    """Run a module in a folder that has a model and its suite file, with nothing of optkit but the wheel."""
    for path in EXAMPLE.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "conftest.py").write_text("import optkit\ndef pytest_report_header(): return optkit.__file__\n")

    def command(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        env = {**sessions.environment(), "PYTHONPATH": str(site), **environment}
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
        )

    return command


def test_the_wheel_holds_the_package_whole_and_nothing_else(wheel: Path) -> None:
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    suffixes = (".py", ".pyi", ".toml", ".tflite", ".typed", ".j2", ".css", ".js")
    source = [path for path in (ROOT / "optkit").rglob("*") if path.name.endswith(suffixes)]
    assert names == {path.relative_to(ROOT).as_posix() for path in source}
    needed = ("plugin/entry.py", "suites/mnist.toml", "measure/reference.tflite", "report/html/page.html.j2")
    assert {f"optkit/{name}" for name in needed} <= names


def test_pytest_finds_the_plugin_by_itself(site: Path, run: Run) -> None:
    (points,) = site.glob("*.dist-info/entry_points.txt")
    parser = ConfigParser()
    parser.read_string(points.read_text())
    assert list(parser["pytest11"].values()) == ["optkit.plugin.entry"]
    done = run("pytest", "model.toml", "--collect-only", "-q", "-v", "--optkit-threads=1")
    assert str(site / "optkit" / "__init__.py") in done.stdout, done.stdout + done.stderr
    assert "time[int8-single_sample-1]" in done.stdout


def test_a_built_in_suite_is_collected_from_its_packaged_file(site: Path, run: Run, tiny_data: Path) -> None:
    place = str(site / "optkit" / "suites" / "mnist.toml")
    choice = ("--optkit-threads=1", "--optkit-variants=int8", "-p", "no:cacheprovider", f"--rootdir={site}")
    done = run("pytest", place, "--collect-only", "-q", *choice, OPTKIT_DATA=str(tiny_data))
    assert "optkit/suites/mnist.toml::time[int8-single_sample-1]" in done.stdout, done.stdout + done.stderr


@pytest.fixture(scope="module")
def python(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the wheel, and what its extra `quantize` brings: no TensorFlow."""
    folder = tmp_path_factory.mktemp("quantize")
    libraries = libraries_of("quantize", folder / "libraries")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "environment")], check=True)
    (own,) = folder.glob("environment/lib/python*/site-packages")
    (own / "optkit.pth").write_text(f"{site}\n{libraries}\n")
    return folder / "environment" / "bin" / "python"


def test_a_tflite_file_needs_no_checkout_and_no_tensorflow(python: Path, tmp_path: Path) -> None:
    """Catches a command that needs this repository, or a library that `optkit[quantize]` does not bring."""
    for path in EXAMPLE.iterdir():
        shutil.copy(path, tmp_path)

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        env = {name: value for name, value in sessions.environment().items() if name != "PYTHONPATH"}
        command = [str(python), "-m", *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)

    assert "No module named tensorflow" in run("tensorflow").stderr
    quick = "--pytest=--benchmark-max-time=0.01 --benchmark-min-rounds=2"
    commands = (
        ("init", "waves.tflite", "waves.npz"),
        ("bench", "waves.toml", "--variants", "int8", "--threads", "1", quick, "-o", "run.json"),
        ("gate", "run.json"),
        ("choose", "run.json", "--max-drop", "0.5"),
        ("inspect", "waves.tflite"),
        ("ab", "waves.tflite", "waves.tflite", "--budget", "1"),
        ("report", "run.json", "-o", "page"),
    )
    for name, *arguments in commands:
        done = run("optkit", name, *arguments)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0 or (name == "ab" and done.returncode == 3), (name, done.stdout, done.stderr)
    assert {timing.variant for timing in read_run(tmp_path / "run.json").timings} == {"float32", "int8"}
    assert (tmp_path / "page" / "report.html").stat().st_size > 100_000
