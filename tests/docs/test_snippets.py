"""What docs tell a reader to type is what optkit takes: suite files are read, and commands are parsed."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from optkit import OptkitError, load_suite
from optkit.cli import parser_for
from optkit.suites import suite_text
from tests.docs.pages import PAGES, blocks, commands
from tests.isolation import ROOT

TABLES = [(page, block) for page in PAGES for block in blocks(page, "toml")]
WHOLE = re.compile(r"^schema = |\Aextends = ", re.M)
SUITES = [(page, block) for page, block in TABLES if WHOLE.search(block)]
PARTS = [(page, block) for page, block in TABLES if not WHOLE.search(block)]

OWN = """\
schema = 2
name = "own"
model = "model.keras"
data = "data.npz"
"""
IMAGES = 'schema = 1\nname = "x"\n[variants.baseline]\n'
BASES = (
    f'{OWN}variants = ["int8"]\n{{part}}',
    "{mnist}\n{part}",
    f'{OWN}variants = ["int8"]\n[workload]\n{{part}}',
    f'{IMAGES}[workload]\nnetwork = "mobilenet_v2"\ntraining = {{{{ epochs = 1 }}}}\n{{part}}',
)
"""What a part of a suite file may stand in."""
CONFIGURATION = re.compile(r"^allow = \[")
"""Of the user's own configuration, not of a suite file: tests/files/test_functions.py."""


@pytest.mark.parametrize(("page", "text"), SUITES)
def test_a_suite_file_of_the_docs_is_read(page: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "suite.toml"
    path.write_text(text)
    assert load_suite(str(path)).variants


@pytest.mark.parametrize(("page", "part"), PARTS)
def test_a_part_of_a_suite_file_is_read_where_it_belongs(page: str, part: str, tmp_path: Path) -> None:
    if CONFIGURATION.match(part):
        return
    path, said = tmp_path / "suite.toml", []
    for base in BASES:
        path.write_text(base.format(part=part, mnist=suite_text("mnist")))
        try:
            load_suite(str(path))
        except OptkitError as error:
            said.append(str(error))
    assert len(said) < len(BASES), said


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_of_the_docs_is_parsed(page: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    if "…" in command or "SUITE" in command or "..." in command:
        pytest.skip("a form, not a command")
    try:
        words = shlex.split(command)[1:]
        parser_for(words).parse_args(words)
    except SystemExit:
        pytest.fail(f"{page}: {command}: {capsys.readouterr().err}")


def test_the_workflow_of_the_readme_installs_and_runs_what_there_is() -> None:
    (block,) = blocks("README.md", "yaml")
    assert len(block.splitlines()) <= 10
    steps = yaml.safe_load(block)["jobs"]["models"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == ["pip install 'optkit[train]'", "pytest model.toml"]
    pinned = set(re.findall(r"uses: (\S+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text()))
    assert {step["uses"] for step in steps if "uses" in step} <= pinned


def test_every_extra_that_is_installed_in_the_docs_is_there() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    named = {name for page in PAGES for name in re.findall(r"optkit\[(\w+)\]", (ROOT / page).read_text())}
    assert {"train", "quantize"} <= named
    for name in named:
        assert re.search(rf"^{name} = \[", text, re.M), name


def test_there_are_some_of_each() -> None:
    assert len(SUITES) >= 3
    assert len(PARTS) >= 5
    assert len(commands()) >= 40
