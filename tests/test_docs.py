"""What docs tell a reader to type is what optkit takes: suite files are read, and commands are parsed."""

import re
import shlex
from pathlib import Path

import pytest

from optkit import load_suite
from optkit.cli import parser_for
from tests.isolation import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in `language`; of none when it is empty."""
    found: list[str] = []
    inside: list[str] | None = None
    kind = ""
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            if inside is None:
                inside, kind = [], line[3:].strip()
            else:
                found += ["\n".join(inside)] if kind == language else []
                inside = None
        elif inside is not None:
            inside.append(line)
    return found


def commands() -> list[tuple[str, str]]:
    """Return every line that begins with `optkit` in a plain block, without its comment, and its page."""
    lines = [(page.name, line) for page in PAGES for block in blocks(page, "") for line in block.splitlines()]
    return [(page, line.split("  #")[0].split(" > ")[0].strip()) for page, line in lines if line.startswith("optkit ")]


SUITES = [
    (page.name, block) for page in PAGES for block in blocks(page, "toml") if re.search(r"^schema = ", block, re.M)
]


@pytest.mark.parametrize(("page", "text"), SUITES, ids=[f"{page}-{i}" for i, (page, _) in enumerate(SUITES)])
def test_a_suite_file_of_the_docs_is_read(page: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    assert load_suite(str(path)).variants


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_the_docs_is_parsed(page: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "…" in command or "SUITE" in command or "..." in command:
        pytest.skip("a form, not a command")
    try:
        words = shlex.split(command)[1:]
        parser_for(words).parse_args(words)
    except SystemExit:
        pytest.fail(f"{page}: {command}: {capsys.readouterr().err}")


def test_there_are_some_of_both() -> None:
    assert len(SUITES) >= 3
    assert len(commands()) >= 20
