"""What CONTRIBUTING says of each addition is true: it is one file and one line, and nothing else has to know of it."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.isolation import GUARD, ROOT

TOYS = ROOT / "tests" / "toys"
LINES = {
    "a technique": ("from optkit.techniques import toy", '"toy": Technique(toy.Toy, toy.apply, check=toy.check),'),
    "a network": ("from optkit.models import toy", '"toy": NetworkEntry(toy.build),'),
    "a data set": ("from optkit.data import toy", '"toy": toy.ENTRY,'),
    "a suite": (),
    "a runtime": ("", '"toy": "optkit.runtime.toy",'),
    "a command": ("", '"toy": Line("toy", "a toy"),'),
    "a report": ("from optkit.report.export import toy", '"toy": Format(toy.text),'),
    "a metric": ("", '"toy": Metric("bytes", "lower"),'),
    "a metric of a task, such as accuracy": (
        "",
        '"toy": TaskMetric("fraction", "higher", ("regression",), True, "a toy"),',
    ),
}
"""What is added to the place that the table names: an import, and one line."""


def rows() -> dict[str, tuple[str, str]]:
    """Return the table in CONTRIBUTING: what is added, to where its file goes, and the place of its line."""
    found = re.findall(
        r"^\| (an? [^|]+) \| ([^|]+) \| ([^|]+) \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    return {re.sub(r" \(.*\)", "", what): (file, place) for what, file, place in found}


def add_line(path: Path, to: str, *lines: str) -> None:
    """Put the last of `lines` first into the dict `to` in the file at `path`, and the others before it."""
    text = path.read_text()
    (head,) = re.findall(rf"^ *{to}\b.*{{$", text, re.MULTILINE)
    *before, line = filter(None, lines)
    path.write_text(text.replace(head, "\n".join([*before, head, f"    {line}"])))


def test_the_table_has_what_is_tried_here() -> None:
    """A kind of addition that the table gains needs a toy."""
    assert set(rows()) == set(LINES)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder with a copy of optkit to which a toy of each kind is added, as the table says."""
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "optkit", tmp_path / "package" / "optkit", ignore=ignore)
    for what, (file, place) in rows().items():
        target = re.search(r"`(optkit/.*)`", file)
        assert target
        path = tmp_path / "package" / target[1].replace("<name>", "toy")
        if what == "a metric":
            add_line(path, "values", "", '    "toy": 2.0 * facts.artifact.file_bytes,')
        elif what.startswith("a metric of a task"):
            add_line(path, "FORMULAS", "", '("toy", "regression"): (lambda case: case.outputs, mean),')
        else:
            assert not path.exists()
            shutil.copy(TOYS / f"{what.removeprefix('a ').replace(' ', '_')}{path.suffix}", path)
        if LINES[what]:
            named = re.fullmatch(r"`(\w+)` in `(.+)`", place)
            assert named
            add_line(tmp_path / "package" / named[2], named[1], *LINES[what])
        else:
            assert place == "nothing"
    return tmp_path / "package"


def test_a_toy_of_each_kind_is_one_file_and_one_line(package: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{GUARD}"}
    command = [sys.executable, "-m", "optkit", "toy", "--json", "--store", str(tmp_path / "store")]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["data"], found["network"], found["gates"]) == ("toy", "toy", ["toy"])
    assert found["factor"] == pytest.approx(3)
    assert found["warned"] == ["variant 'changed': toy: layer 'y': times 3.0"], "preflight asks the toy"
    assert found["metric"] == 2 * found["file_bytes"] > 0
    assert found["in_toy"] == pytest.approx(7), "seven times what LiteRT gives, by its setting"


def test_a_toy_metric_of_a_task_measures(package: Path, tmp_path: Path) -> None:
    code = """
import numpy as np
from optkit.measure.metrics import choose_scorer
print(choose_scorer("toy", "regression").from_outputs(np.zeros(3), np.array([1.0, 2.0, 6.0])).value)
"""
    env = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{GUARD}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.stdout.strip() == "3.0", done.stderr


def test_a_toy_report_is_a_format_of_the_command(package: Path, tmp_path: Path) -> None:
    run = ROOT / "tests" / "judge" / "mnist_run.json"
    env = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{GUARD}"}
    command = [sys.executable, "-m", "optkit", "export", str(run), "--format", "toy"]
    done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert "int8" in done.stdout.split(), done.stderr
