"""`optkit gate RUN --update`: the gates of a suite file move to what a run measured, from one reading of the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from optkit.cli import main
from optkit.files import regular
from tests.builders import benchmark, facts, saved, sized
from tests.conftest import SUITE


@pytest.fixture
def run_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run in the current folder, beside its suite: `int8` has lost 2 of 70 samples and takes half the time."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.toml").write_text(f"# mine\n{SUITE}")
    base, int8 = facts("float_tflite"), facts("int8", artifact=sized(3.0), accuracy_drop=2 / 70)
    return saved(tmp_path / "run.json", benchmark(facts(), 4.0), benchmark(base, 1.0), benchmark(int8, 0.5))


def update(run_file: str, *options: str, suite: str = "tiny.toml") -> int:
    return main(["gate", run_file, "--suite", suite, "--update", *options])


def test_the_suite_is_read_once_and_written_only_when_asked_to(
    run_file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches bounds that are put into places of another text than the one that the gates were read from."""
    opened: list[str] = []
    real = regular.open_file

    def counting(path: Path) -> Any:
        opened.append(path.name)
        return real(path)

    monkeypatch.setattr(regular, "open_file", counting)
    assert update(run_file, "--json") == 0
    assert opened.count("tiny.toml") == 1
    found = json.loads(capsys.readouterr().out)
    drop, speedup = {"place": ["gates", 0, "max"], "value": 0.02858}, {"place": ["gates", 1, "above"], "value": 3.2}
    assert found == {"written": False, "bounds": [drop, speedup]}
    assert Path("tiny.toml").read_text() == f"# mine\n{SUITE}"

    assert update(run_file, "--yes") == 0
    assert "+max = 0.02858" in capsys.readouterr().out
    moved = SUITE.replace("max = 0.5", "max = 0.02858").replace("above = 1.0", "above = 3.2")
    assert Path("tiny.toml").read_text() == f"# mine\n{moved}"
    assert update(run_file, "--yes") == 0
    assert "no gate moves" in capsys.readouterr().out


def test_gates_of_another_file_are_not_moved(run_file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.toml").write_text('schema = 1\nname = "tiny"\nextends = "tiny.toml"\n')
    assert update(run_file, suite="more.toml") == 2
    assert "more.toml extends 'tiny.toml'; give it gates of its own to move" in capsys.readouterr().err
