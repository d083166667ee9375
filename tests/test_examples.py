"""Each folder of docs/examples, copied and run as a new user would run it: build, time and judge."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from optkit.record import sessions
from tests.isolation import ROOT

EXAMPLES = ROOT / "docs" / "examples"
NAMES = ("image_classifier", "tabular_regression", "text_classifier", "two_inputs", "tflite_only")


def test_every_folder_is_run_here_and_is_small() -> None:
    assert sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir()) == sorted(NAMES)
    for name in NAMES:
        for path in (EXAMPLES / name).iterdir():
            assert path.stat().st_size <= (200_000 if path.suffix == ".npz" else 100_000), path


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_built_timed_and_judged(name: str, tmp_path: Path) -> None:
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
