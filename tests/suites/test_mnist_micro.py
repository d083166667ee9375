"""The suite mnist_micro, whole: two networks trained, converted, run and estimated on two targets."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from optkit.record import sessions
from tests.isolation import ROOT

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None or importlib.util.find_spec("ethosu") is None,
    reason="pip install 'optkit[micro,ethos]'",
)


def test_it_runs_and_its_files_fit(tiny_data: Path, tmp_path: Path) -> None:
    env = {**sessions.environment(), "OPTKIT_DATA": str(tiny_data), "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "optkit.plugin.entry", "-rA"),
            *(str(ROOT / "optkit" / "suites" / "mnist_micro.toml"), "-k", "fits"),
            *("--optkit-variants=int8,keyword_int8", f"--optkit-store={tmp_path / 'store'}"),
            "--benchmark-disable",
        ],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    lines = done.stdout.splitlines()
    for name in ("int8-cortex_m4", "keyword_int8-cortex_m4", "int8-ethos_u55", "keyword_int8-ethos_u55"):
        assert any(line.startswith("PASSED") and line.endswith(f"fits[{name}]") for line in lines), done.stdout
    assert "target ethos_u55: vela" in done.stdout
    assert done.returncode == 0
