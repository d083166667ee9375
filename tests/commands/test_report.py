"""`optkit report` as users run it: the files it writes, folders of runs, and what it refuses."""

import json
import re
from pathlib import Path

import pytest

import optkit
from optkit.cli import main
from tests.builders import benchmark, facts
from tests.isolation import ROOT

MNIST = str(ROOT / "docs" / "results" / "runs" / "mnist.json")


def test_it_writes_the_page_its_markdown_and_the_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", MNIST, "-o", str(tmp_path / "a" / "page"), "--store", str(tmp_path / "s"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [Path(place).name for place in found["written"]] == ["report.html", "report.md", "front.svg"]
    assert sorted(one.name for one in (tmp_path / "a" / "page").iterdir()) == ["front.svg", "report.html", "report.md"]
    assert (tmp_path / "a" / "page" / "report.html").read_text().startswith("<!doctype html>")


def test_python_writes_the_same_page(tmp_path: Path) -> None:
    assert main(["report", MNIST, "-o", str(tmp_path / "one"), "--store", str(tmp_path / "s")]) == 0
    run = optkit.read_run(Path(MNIST))
    written = optkit.write_report(run, tmp_path / "other", store=tmp_path / "s")
    assert [path.name for path in written] == ["report.html", "report.md", "front.svg"]
    one, other = ((tmp_path / name / "report.md").read_text().splitlines() for name in ("one", "other"))
    assert [line for line in one if line and not line.endswith("mnist\\.json")] == [line for line in other if line]
    both = optkit.write_report([run, run], tmp_path / "both", store=tmp_path / "s")
    assert [path.name for path in both[2:]] == ["run1-front.svg", "run2-front.svg"]


def test_the_markdown_is_appended_to_a_job_summary(tmp_path: Path) -> None:
    """Catches a picture that a job summary does not show: of a file, as data in its address, or as SVG in the text."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n\n")
    arguments = ["report", MNIST, "-o", str(tmp_path / "page"), "--store", str(tmp_path / "s")]
    assert main([*arguments, "--summary", str(summary)]) == 0
    text = summary.read_text()
    assert text.startswith("before\n\n### optkit: mnist\n")
    assert text.count("```mermaid\n") == 1
    assert not re.search(r"!\[|<img|<svg|data:", text)
    assert text.index("#### The answer") < text.index("```mermaid") < text.index("#### All files")
    folded = re.search(r"<details><summary>[^<]*Accuracy, .*", text, re.S)
    assert folded
    assert "#### Accuracy" in folded[0]
    assert text.count("<details>") == text.count("</details>")
    for variant in ("`qat_tflite`", "| int16x8 |"):
        assert variant in text
    assert main([*arguments, "--summary", str(tmp_path / "no" / "summary.md")]) == 2


def test_a_folder_alone_shows_its_newest_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for place in (1, 2):
        document = {"benchmarks": [benchmark(facts(), float(place))], "datetime": f"2026-01-0{place}T00:00:00"}
        (folder / f"{place}.json").write_text(json.dumps(document))
    assert main(["report", str(folder), "-o", str(tmp_path / "page"), "--store", str(tmp_path / "s")]) == 0
    text = (tmp_path / "page" / "report.md").read_text()
    assert "2026\\-01\\-02" in text
    assert "2.json" in text.replace("\\", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.json",), "cannot be read"),
        ((MNIST, "-o", "/proc/none/page"), "give another folder with -o"),
        ((MNIST, "--data", "half"), "there is no data set 'half'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *arguments, "--store", str(tmp_path / "s")]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_run_of_another_schema_is_refused_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = benchmark(facts(), 1.0)
    one["extra_info"]["optkit"]["schema"] = 99
    (tmp_path / "run.json").write_text(json.dumps({"benchmarks": [one]}))
    for command in ("report", "choose"):
        assert main([command, str(tmp_path / "run.json")]) == 2
        assert "records of schema 99; this optkit reads schema 1" in capsys.readouterr().err
