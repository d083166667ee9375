"""The guide to accuracy shows an inconclusive gate as the command prints it, of a run that is kept here."""

import shlex
import shutil
from pathlib import Path

import pytest

from optkit.cli import main
from tests.docs.pages import blocks
from tests.isolation import ROOT

PAGE = "docs/accuracy.md"


def test_the_gate_of_the_guide_is_inconclusive_as_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a guide whose output nobody has seen, and a gate that passes what nobody can tell."""
    [suite] = [block for block in blocks(PAGE, "toml") if block.startswith("extends = ")]
    [(command, _, output)] = [block.partition("\n") for block in blocks(PAGE, "console")]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strict.toml").write_text(suite)
    shutil.copy(ROOT / "docs" / "results" / "runs" / "mnist.json", tmp_path / "run.json")
    assert command.startswith("$ optkit gate ")
    assert main(shlex.split(command.removeprefix("$ optkit "))) == 3
    assert capsys.readouterr().out.strip("\n") == output
    assert output.count("inconclusive: ") == 4
