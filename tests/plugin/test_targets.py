"""Targets in a session of pytest, then judged, chosen and advised from its run: one test for each file and target."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from optkit import read_run
from optkit.record import sessions
from tests.isolation import ROOT

needs_micro = pytest.mark.skipif(
    importlib.util.find_spec("tflite_micro") is None or importlib.util.find_spec("ethosu") is None,
    reason="pip install 'optkit[micro,ethos]'",
)
EXAMPLE = ROOT / "docs" / "examples" / "tflite_only"
TARGETS = """
[targets.m4]
runtime = "tflite_micro"
variants = ["int8", "float16"]
max_arena_bytes = 16_384
max_accuracy_drop = 0.02

[targets.u55]
compiler = "vela"
accelerator = "ethos-u55-64"
variants = ["int8"]
min_npu_share = 0.99

[targets.cpu]
runtime = "litert"
variants = ["int8"]
max_single_sample_ms = 1_000
"""
QUICK = ("--optkit-threads=1", "--benchmark-max-time=0.01", "--benchmark-min-rounds=2", "--benchmark-quiet")

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example's model and data, and a suite that has targets."""
    found = tmp_path_factory.mktemp("targets")
    for path in EXAMPLE.iterdir():
        shutil.copy(path, found)
    (found / "model.toml").write_text((found / "model.toml").read_text() + TARGETS)
    return found


@pytest.fixture(scope="module")
def command(folder: Path) -> Command:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        env = {**sessions.environment(), "PYTHONPATH": str(ROOT), "OPTKIT_STORE": str(folder / "store")}
        env["COLUMNS"] = "100"
        return subprocess.run(
            [sys.executable, "-m", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300
        )

    return run


@pytest.fixture(scope="module")
def session(command: Command) -> "subprocess.CompletedProcess[str]":
    """A session of pytest on the suite, which saves run.json."""
    arguments = ("pytest", "-p", "optkit.plugin.entry", *QUICK, "model.toml", "--benchmark-json=run.json", "-rA")
    return command(*arguments, "-k", "fits or single_sample")


def test_ids_name_the_file_and_the_target(command: Command) -> None:
    done = command("pytest", "-p", "optkit.plugin.entry", "model.toml", "--collect-only", "-q")
    found = [line for line in done.stdout.splitlines() if "::fits" in line]
    names = ("int8-m4", "float16-m4", "int8-u55", "int8-cpu")
    assert found == [f"model.toml::fits[{name}]" for name in names]


def test_a_suite_without_targets_has_no_such_test(command: Command, folder: Path) -> None:
    (folder / "plain.toml").write_text((EXAMPLE / "model.toml").read_text())
    done = command("pytest", "-p", "optkit.plugin.entry", "plain.toml", "--collect-only", "-q")
    assert "gate[" in done.stdout
    assert "fits" not in done.stdout


@needs_micro
def test_what_fits_passes_and_what_is_refused_fails_with_the_reason(
    session: "subprocess.CompletedProcess[str]",
) -> None:
    lines = session.stdout.splitlines()
    assert "PASSED model.toml::fits[int8-m4]" in lines
    assert "PASSED model.toml::fits[int8-cpu]" in lines
    assert any(line.startswith("FAILED model.toml::fits[float16-m4]") for line in lines)
    assert any(line.startswith("FAILED model.toml::fits[int8-u55]") for line in lines)
    assert "TensorFlow Lite Micro refuses DEQUANTIZE (operator 0)" in session.stdout
    assert "npu_share is" in session.stdout
    assert "vela's estimate" in session.stdout
    assert "target m4: tflite_micro" in session.stdout


@needs_micro
def test_the_run_has_the_figures_and_is_judged_by_them(
    session: "subprocess.CompletedProcess[str]", command: Command, folder: Path
) -> None:
    run = read_run(folder / "run.json")
    there = run.variants["int8"].targets
    assert set(there) == {"m4", "u55", "cpu"}
    assert there["m4"].figures["arena_bytes"] == there["m4"].parts["head"] + there["m4"].parts["tail"]
    assert there["m4"].figures["flash_bytes"] == run.variants["int8"].artifact.file_bytes
    assert there["m4"].figures["accuracy"] == pytest.approx(run.variants["int8"].accuracy, abs=0.01)
    assert there["u55"].estimated
    assert "DEQUANTIZE" in run.variants["float16"].targets["m4"].refused
    done = command("optkit", "gate", "run.json", "--json")
    assert done.returncode == 1, done.stderr
    found = {(v["variant"], v["gate"].get("target"), v["status"]) for v in json.loads(done.stdout)}
    assert {("int8", "m4", "pass"), ("int8", "u55", "fail"), ("float16", "m4", "fail")} <= found


@needs_micro
def test_choose_takes_what_fits_the_target_and_says_why_no_other(
    session: "subprocess.CompletedProcess[str]", command: Command
) -> None:
    done = command("optkit", "choose", "run.json", "--target", "m4", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["chosen"] == "int8"
    why = {one["variant"]: one["why"] for one in found["variants"]}
    assert "does not fit m4: TensorFlow Lite Micro refuses" in why["float16"]
    assert command("optkit", "choose", "run.json", "--target", "u55").returncode == 3
    wrong = command("optkit", "choose", "run.json", "--target", "m5")
    assert wrong.returncode == 2
    assert "has no target 'm5'; did you mean 'm4'" in wrong.stderr


@needs_micro
def test_inspect_prints_the_arena(command: Command) -> None:
    done = command("optkit", "inspect", "waves.tflite", "--runtime", "tflite_micro", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    parts = found["runtime"]["memory"]["parts"]
    assert found["arena_bytes"] == parts["head"] + parts["tail"] > 0
    shown = command("optkit", "inspect", "waves.tflite", "--runtime", "tflite_micro").stdout
    assert f"arena {found['arena_bytes']:,} bytes" in shown
    wrong = command("optkit", "inspect", "waves.tflite", "--runtime", "tflite_micr")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "there is no runtime 'tflite_micr'; did you mean 'tflite_micro'" in wrong.stderr


def test_advise_takes_a_target_of_a_suite(command: Command) -> None:
    done = command(
        "optkit", "advise", "--data", "unlabelled", "--target", "u55", "--suite", "model.toml", "--wish", "smallest"
    )
    assert done.returncode == 0, done.stderr
    assert "u55 must keep: npu_share >= 0.99" in done.stdout
    assert 'input_type = "int8"' in done.stdout
    wrong = command(
        "optkit", "advise", "--data", "none", "--target", "u56", "--suite", "model.toml", "--wish", "smallest"
    )
    assert wrong.returncode == 2
    assert "there is no target 'u56'" in wrong.stderr


def test_a_missing_extra_is_named_and_never_a_pass(command: Command, folder: Path) -> None:
    """Both libraries are hidden from the session: it must not pass, and must say what to install."""
    (folder / "hidden").mkdir(exist_ok=True)
    (folder / "hidden" / "conftest.py").write_text(
        "import importlib.util\n"
        "_find = importlib.util.find_spec\n"
        "def find(name, *more):\n"
        "    return None if name in ('tflite_micro', 'ethosu') else _find(name, *more)\n"
        "importlib.util.find_spec = find\n"
    )
    for name in ("model.toml", "waves.tflite", "waves.npz"):
        shutil.copy(folder / name, folder / "hidden")
    done = command(
        "pytest",
        "-p",
        "optkit.plugin.entry",
        "hidden/model.toml",
        "-k",
        "fits and int8 and not cpu",
        "--benchmark-disable",
    )
    assert done.returncode == 1
    assert "not comparable: int8 (on m4)" in done.stdout
    assert "pip install 'optkit[micro]'" in done.stdout
    assert "pip install 'optkit[ethos]'" in done.stdout
