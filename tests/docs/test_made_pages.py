"""The pages that are made are up to date, and say what there is."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import optkit
from benchmarks.studies.pages import __main__ as made
from benchmarks.studies.pages import commands, front, python, suite_keys
from optkit.commands import COMMANDS
from optkit.plugin.options import OPTIONS
from optkit.spec.target import KINDS
from optkit.suites.json_schema import suite_schema
from optkit.suites.meanings import MEANINGS, meaning
from tests.isolation import ROOT


@pytest.fixture(scope="module")
def pages() -> dict[Path, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return made.pages()


def test_what_is_made_is_up_to_date(pages: dict[Path, str]) -> None:
    """Catches a command, key, name or run that changed after the pages were made: `make generated` makes them anew."""
    stale = [str(path) for path, text in pages.items() if (ROOT / path).read_text(encoding="utf-8") != text]
    assert stale == [], "make generated"


def test_the_command_tells_and_writes_what_is_stale(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(made, "pages", lambda: {tmp_path / "docs" / "page.md": "new\n"})
    assert made.main(["--check"]) == 1
    assert "page.md is out of date" in capsys.readouterr().out
    assert not (tmp_path / "docs").exists()
    assert made.main([]) == 0
    assert (tmp_path / "docs" / "page.md").read_text() == "new\n"
    assert made.main(["--check"]) == 0


@pytest.mark.parametrize("name", COMMANDS)
def test_every_word_of_a_commands_help_is_on_its_page(name: str) -> None:
    """Against the help that argparse prints: an option that the page leaves out is noticed."""
    shown = commands.subparser(name).format_help()
    section = commands.section(name)
    given = [line.split("  ")[1] for line in shown.splitlines() if line.startswith("  -")]
    options = {word for part in given for word in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", part)}
    assert options >= {"--json", "--help"}
    for option in options - {"-h", "--help", "--json", "--max-", "--min-"}:
        assert f"`{option}" in section, option
    assert f"## optkit {name}" in section


def test_the_options_of_pytest_are_in_their_guide() -> None:
    text = (ROOT / "docs" / "plugin.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `--optkit-(\w+) ", text, re.M)) == sorted(OPTIONS)


def test_every_key_says_what_it_means_and_nothing_is_said_of_a_key_that_is_gone() -> None:
    schema = suite_schema()
    tables = {
        "suite": schema["properties"],
        "workload": schema["properties"]["workload"]["properties"],
        "budget": schema["properties"]["budget"]["properties"],
        "data": schema["$defs"]["DataTable"]["properties"],
        "training": schema["$defs"]["Training"]["properties"],
        "conversion": schema["$defs"]["Conversion"]["properties"],
        "gate": schema["$defs"]["Gate"]["properties"],
        "variant": schema["$defs"]["Variant"]["properties"],
        "teaching": schema["$defs"]["Teaching"]["properties"],
        "target": {},
    }
    for kind in KINDS:
        tables["target"] |= schema["$defs"][kind.__name__]["properties"]
    for step in schema["$defs"]["Step"]["oneOf"]:
        found = schema["$defs"][step["$ref"].rsplit("/", 1)[1]]["properties"]
        tables[found["technique"]["const"]] = found
    assert set(tables) == set(MEANINGS)
    for name, keys in tables.items():
        assert set(MEANINGS[name]) <= set(keys), name
        for key, value in keys.items():
            assert value["description"] == meaning(name, key), (name, key)
    assert all(text.endswith((".", ")")) for table in MEANINGS.values() for text in table.values())


@pytest.mark.parametrize(
    ("title", "row"),
    [
        ("## [workload.training]", r"`epochs` \| whole number \| needed \| .*epochs is -1; expected 0 or more"),
        ("## conversion", r"`mode` \| `.*\"int16x8\"`, .* \| `\"float32\"` \| "),
        ("## [[gates]]", r"`at` \| text \|  \| .*95%.* \| .*expected a confidence"),
        ('## steps: technique = "slim"', r"`ratio` \| number \| `0.5` \| .*: ratio is -1.0; expected a fraction"),
        ('## steps: technique = "distill"', r"`teacher` \| text \| needed \|"),
        ("## budget", r"`drop` \| number \|  \| .* \| `\"wrong\"`: budget.drop is 'wrong'; expected a number"),
        (
            '## [targets.NAME], compiler = "vela"',
            r"`accelerator` \| .*`\"ethos-u55-128\"`.*there is no accelerator 'wrong'",
        ),
        ("## data, as a table", r"`test_share` \| number \|"),
    ],
)
def test_a_key_has_its_type_default_meaning_and_error(pages: dict[Path, str], title: str, row: str) -> None:
    text = pages[Path("docs/reference/suite-keys.md")]
    section = text.split(f"\n{title}\n")[1].split("\n## ")[0]
    assert re.search(row, section), section


def test_most_keys_show_an_error_that_is_read(pages: dict[Path, str]) -> None:
    rows = [line for line in pages[Path("docs/reference/suite-keys.md")].splitlines() if line.startswith("| `")]
    without = [row for row in rows if row.endswith("|  |")]
    assert len(rows) > 100
    assert len(without) <= len(rows) / 5, without


def test_the_page_of_the_api_has_every_public_name(pages: dict[Path, str]) -> None:
    named = [name.rpartition(".")[2] for names in python.public().values() for name in names]
    assert sorted(named) == sorted(set(vars(optkit)["__all__"]) - {"__version__"})
    text = pages[Path("docs/reference/api.md")]
    assert all(f"::: {name}\n" in text for names in python.public().values() for name in names)


POINTS = st.lists(
    st.builds(
        front.Point,
        name=st.just("x"),
        zip_bytes=st.integers(1, 6),
        accuracy=st.integers(0, 6).map(lambda n: n / 6),
        seconds=st.none(),
    ),
    min_size=1,
    max_size=8,
)


@given(POINTS)
def test_the_front_is_what_nothing_beats(found: list[front.Point]) -> None:
    def beaten(one: front.Point) -> bool:
        return any(
            other.zip_bytes <= one.zip_bytes
            and other.accuracy >= one.accuracy
            and (other.zip_bytes, other.accuracy) != (one.zip_bytes, one.accuracy)
            for other in found
        )

    expected = {(one.zip_bytes, one.accuracy) for one in found if not beaten(one)}
    best = front.front(found)
    assert [(one.zip_bytes, one.accuracy) for one in best] == sorted(expected)


def test_the_picture_is_of_the_run_and_hides_nothing(pages: dict[Path, str]) -> None:
    root = ElementTree.fromstring(pages[Path("docs/front.svg")])
    run = optkit.read_run(ROOT / front.RUN)
    shown = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
    for name, facts in run.variants.items():
        assert (name in shown) == (facts.kind == "tflite"), name
    circles = list(root.iter("{http://www.w3.org/2000/svg}circle"))
    kept, low = front.points(run)
    assert len(circles) == len(kept) == 7
    assert low == ["slimmed_30_unsparse", "slimmed_50_untuned"]
    across = [float(one.attrib["cx"]) for one in circles]
    assert across == sorted(across)


def test_the_table_of_the_readme_has_six_rows_and_fits(pages: dict[Path, str]) -> None:
    (table,) = re.findall(r"<!-- results:begin -->\n```\n(.*?)```", pages[Path("README.md")], re.S)
    assert max(map(len, table.splitlines())) <= 100
    lines = table.splitlines()
    [head] = [place for place, line in enumerate(lines) if line.startswith("variant")]
    rows = lines[head + 1 : head + 7]
    assert [row.split()[0] for row in rows] == list(made.SHOWN)
    assert suite_keys.refusal({**suite_keys._BASE}) == ""
