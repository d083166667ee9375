"""What a judging command writes besides its text: a summary, outputs, and what becomes of an inconclusive result."""

import argparse
from pathlib import Path

import pytest

from optkit import OptkitError
from optkit.commands.reporting import InconclusiveWarning, add_reporting, reported
from tests.builders import benchmark, saved, variant
from tests.conftest import Command


def options(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_reporting(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize(("code", "word"), [(0, "pass"), (1, "fail"), (3, "inconclusive")])
def test_a_verdict_is_appended_to_every_file_that_is_named(tmp_path: Path, code: int, word: str) -> None:
    """Catches a summary that overwrites an earlier step's, and outputs that hide the code behind the verdict."""
    one, two, outputs = (tmp_path / name for name in ("one.md", "two.md", "outputs"))
    one.write_text("before\n")
    asked = options("--summary", str(one), "--summary", str(two), "--outputs", str(outputs))
    assert reported(asked, "optkit ab", ["x: why"], "table", code) == code
    assert one.read_text() == "before\n" + two.read_text()
    assert f"`optkit ab`: {word}\n\n- `x: why`\n\n<details>" in two.read_text()
    assert outputs.read_text() == f"verdict={word}\nexit_code={code}\n"


@pytest.mark.parametrize(("code", "end"), [(0, 0), (1, 1)])
def test_warn_is_for_inconclusive_results_only(code: int, end: int) -> None:
    assert reported(options("--inconclusive", "warn"), "optkit ab", ["x"], "table", code) == end


def test_an_inconclusive_result_may_be_a_warning_that_names_it(tmp_path: Path) -> None:
    asked = options("--inconclusive", "warn", "--outputs", str(tmp_path / "outputs"))
    with pytest.warns(InconclusiveWarning, match="optkit ab is inconclusive; x: why"):
        assert reported(asked, "optkit ab", ["x: why"], "table", 3) == 0
    assert "exit_code=3" in (tmp_path / "outputs").read_text()


def test_a_file_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(OptkitError, match="name a file in a folder that exists"):
        reported(options("--summary", str(tmp_path / "none" / "s.md")), "optkit ab", [], "table", 0)


def test_the_commands_take_the_options_and_github_shows_the_warning(here: Command, tmp_path: Path) -> None:
    """Catches an option that is parsed and ignored, an empty --allow refused, and a warning GitHub would not show."""
    base = saved(tmp_path / "base.json", benchmark(variant()))
    head = saved(tmp_path / "head.json", benchmark(variant(), 5.0))
    arguments = ("optkit", "compare", base, head, "--allow", "", "--summary", "s.md")
    assert here(*arguments).returncode == 3
    done = here(*arguments, "--inconclusive", "warn", GITHUB_ACTIONS="true")
    assert done.returncode == 0
    assert done.stderr.startswith("::warning title=optkit::optkit compare is inconclusive; int8/")
    assert done.stderr.count("\n") == 1, "GitHub reads one line"
    assert (tmp_path / "s.md").read_text().count("### ⚠️ `optkit compare`: inconclusive") == 2
    assert here(*arguments, "--no-times").returncode == 0


def test_what_failed_is_shown_on_the_pull_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a failure that only the log tells, and one that is lost because GitHub shows ten."""
    asked, suite = options(), tmp_path / "models" / "s.toml"
    reported(asked, "optkit gate", ["x: why"], "table", 1, file=suite)
    assert capsys.readouterr().err == "", "only in a workflow"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    reported(asked, "optkit gate", ["x: why"], "table", 3, file=suite)
    assert capsys.readouterr().err == "", "only what failed"
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    reported(asked, "optkit gate", ["x: 5 % of a, b\n::error::no"], "table", 1, file=suite)
    assert capsys.readouterr().err == ("::error title=optkit gate,file=models/s.toml::x: 5 %25 of a, b%0A::error::no\n")
    reported(asked, "optkit gate", [f"{number}: why" for number in range(12)], "table", 1, file=Path("/elsewhere.toml"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "::error title=optkit gate::0: why"
    assert lines[9:] == ["::error title=optkit gate::and 3 more: see the job's summary"]


def test_bad_input_is_shown_on_the_pull_request(here: Command) -> None:
    done = here("optkit", "gate", "none.json", GITHUB_ACTIONS="true")
    assert done.returncode == 2
    assert done.stderr.startswith("::error title=optkit::error: ")
    assert done.stderr.count("\n") == 1
