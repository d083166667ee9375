"""What the guide shows is what the command prints: each console block is run, and its output compared."""

import re
import shlex
from pathlib import Path

import pytest

from optkit import choose, read_run
from optkit.cli import main
from tests.docs.pages import blocks
from tests.isolation import ROOT


def shown() -> list[tuple[str, str]]:
    """Return each command of a console block with the output below it."""
    found = []
    for block in blocks("docs/choose.md", "console"):
        command, _, output = block.partition("\n")
        assert command.startswith("$ optkit "), command
        found.append((command.removeprefix("$ optkit "), output.strip("\n")))
    return found


@pytest.mark.parametrize(("command", "output"), shown(), ids=[command for command, _ in shown()])
def test_a_command_of_the_guide_prints_what_stands_there(
    command: str, output: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = main(shlex.split(command))
    assert code in (0, 3)
    assert (code == 3) == ("nothing fits" in output)
    assert capsys.readouterr().out.strip("\n") == output


def test_there_are_two_of_them() -> None:
    assert len(shown()) == 2


def test_the_python_of_the_guide_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import optkit

    [code] = [block for block in blocks("docs/choose.md", "python") if "optkit.choose" in block]
    run = read_run(ROOT / "docs" / "results" / "runs" / "mnist.json")
    monkeypatch.setattr(optkit, "read_run", lambda path: run)
    exec(code, {"optkit": optkit})
    strict = choose(run, max_zip_bytes=10_000, max_drop=0.005, at="95%")
    assert capsys.readouterr().out.splitlines()[0].startswith(str(strict.chosen))


@pytest.mark.parametrize("page", ["choose.md", "why-slow.md"])
def test_the_pictures_of_the_guide_are_there_and_small(page: str) -> None:
    named = re.findall(r"!\[[^\]]+\]\((pictures/[\w.-]+)\)", (ROOT / "docs" / page).read_text())
    assert named
    for name in named:
        assert 5_000 < Path(ROOT, "docs", name).stat().st_size < 300_000
