"""Each folder of docs/examples, copied and run as a new user would run it: build, time and judge."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optkit.record import sessions
from tests.examples import EXAMPLES, NAMES, QUICK, commands, fences, typed
from tests.isolation import PYTHONPATH, ROOT

GATED = "gated_pull_request"


def test_every_folder_is_run_here_and_is_small() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == sorted(NAMES)
    for name in NAMES:
        assert f"[{name}]({name}/README.md)" in (EXAMPLES / "README.md").read_text()
        for path in (EXAMPLES / name).iterdir():
            assert path.stat().st_size <= (200_000 if path.suffix == ".npz" else 100_000), path


@pytest.mark.parametrize("name", ["tflite_only"])
def test_an_example_is_built_timed_and_judged(name: str, tmp_path: Path) -> None:
    """The one without TensorFlow; `make examples` runs all of them from the wheel."""
    folder = tmp_path / name
    shutil.copytree(EXAMPLES / name, folder)
    quick = ("--benchmark-disable", "--optkit-threads=1", "--optkit-variants=int8", "-p", "no:cacheprovider")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "optkit.plugin.entry", "model.toml", "-rA", "-q", *quick],
        cwd=folder,
        env={**sessions.environment(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASSED model.toml::time[int8-single_sample-1]" in done.stdout
    assert "PASSED model.toml::gate[int8-file_bytes<=" in done.stdout
    assert "PASSED model.toml::gate[int8-drop<=0.0" in done.stdout


@pytest.mark.parametrize("name", [name for name in NAMES if name != GATED])
def test_from_pip_install_to_gates_are_three_commands(name: str) -> None:
    """Catches a README that needs more. `make examples` types these three in a fresh environment."""
    (install, _), (begin, _), (run, _), *others = commands(name)
    extras = "quantize" if name == "tflite_only" else "train"
    assert install == f"pip install 'optkit[{extras}]'"
    model = begin.split()[2]
    assert begin.startswith("optkit init ")
    assert run == f"pytest {Path(model).stem}.toml"
    assert [command for command, _ in others] == ["pytest model.toml"]


def without_figures(line: str) -> str:
    """Return a line without its figures: another processor may be right on a sample more."""
    return " ".join(re.sub(r"[\d.,]+", "#", line).split())


@pytest.mark.slow
def test_the_gated_pull_request_fails_as_its_readme_shows(tmp_path: Path) -> None:
    """Catches a gate that lets a worse model through, and a README whose output nobody has seen."""
    folder, tools = tmp_path / GATED, tmp_path / "bin"
    shutil.copytree(EXAMPLES / GATED, folder)
    tools.mkdir()
    (tools / "optkit").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m optkit "$@"\n')
    (tools / "optkit").chmod(0o755)
    more = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": PYTHONPATH, "PYTEST_ADDOPTS": QUICK}
    env = {**sessions.environment(), **more}
    said = list(map(without_figures, typed(GATED, folder, env).splitlines()))
    shown = [line for block in fences((folder / "README.md").read_text(), "text") for line in block.splitlines()]
    assert any(line.startswith("fail: ") for line in shown)
    assert [line for line in shown if without_figures(line) not in said] == []
