"""The guide *Why is it slow* works as it stands: its commands run, its Python runs."""

import re
from pathlib import Path

import pytest

from benchmarks.studies.inspect_edits.attempt import packed
from benchmarks.studies.inspect_edits.networks import network
from optkit.cli import main
from optkit.inspect import prefixes, roofline, tries
from tests.isolation import ROOT

PAGE = ROOT / "docs" / "why-slow.md"
FILES = {"float.tflite": ("plain", False), "int8.tflite": ("plain", True), "model.tflite": ("residual", False)}


def lines() -> list[str]:
    text = PAGE.read_text() if PAGE.exists() else ""
    found = [line.split("  #")[0].strip() for line in text.splitlines() if line.startswith("optkit inspect ")]
    return list(dict.fromkeys(found))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, (form, integer) in FILES.items():
        (tmp_path / name).write_bytes(packed(network(form, 1, integer)))
    return tmp_path


def test_the_guide_has_commands() -> None:
    assert len(lines()) >= 4


@pytest.mark.parametrize("line", lines())
def test_a_command_of_the_guide_runs(
    files: Path, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(files)
    for module, seconds in ((roofline, 0.1), (tries, 0.1), (prefixes, 0.002)):
        monkeypatch.setattr(module, "_SECONDS", seconds)
    fewer = ["--processes", "1"] if "--profile" in line or "--prefixes" in line else []
    assert main([*line.split()[1:], *fewer]) == 0
    assert "operators" in capsys.readouterr().out


def test_the_python_of_the_guide_runs(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    assert blocks
    for block in blocks:
        exec(block, {})
