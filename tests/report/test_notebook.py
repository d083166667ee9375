"""A run and a study in a notebook: a table and the front, escaped, with the figures of the text."""

import dataclasses
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import optkit
from optkit import read_run
from optkit.report.notebook import front_of, run_html
from optkit.report.page.parts import Chart
from optkit.study import Study
from tests.builders import a_run, benchmark, facts
from tests.report.many import judged, many
from tests.report.pages import page_of

MNIST = Path(__file__).parent.parent / "judge" / "mnist_run.json"


def text(element: ET.Element) -> str:
    return "".join(element.itertext())


def parsed(text: str) -> ET.Element:
    """HTML that is XML, too: everything in it is closed and escaped."""
    return ET.fromstring(text)


def test_a_run_is_a_table_and_a_front() -> None:
    run = read_run(MNIST)
    found = parsed(run._repr_html_())
    assert [one.tag for one in found] == [*["table"] * 3, "{http://www.w3.org/2000/svg}svg"], (
        "files, and two thread counts"
    )
    files, one_thread = ({text(row[0]): list(map(text, row[1:])) for row in table.iter("tr")} for table in found[:2])
    rows = {name: [*cells, *one_thread[name]] for name, cells in files.items()}
    assert set(rows) == {"variant", *run.variants}
    int8 = dict(zip(rows["variant"], rows["int8"], strict=False))
    assert int8["zip bytes"].rstrip("◀") == f"{run.variants['int8'].artifact.zip_bytes:,}"
    assert int8["batch"] == "1.19 ms"
    assert all(th.get("scope") in ("col", "row") for th in found.iter("th"))


def test_a_study_shows_the_same() -> None:
    run = read_run(MNIST)
    assert Study(run, {})._repr_html_() == optkit.run_html(run) == run._repr_html_()


def test_the_report_page_shows_the_same_front(tmp_path: Path) -> None:
    run = read_run(MNIST)
    [chart] = next(one for one in page_of(run, store=tmp_path).runs[0].sections if one.name == "front").parts
    assert isinstance(chart, Chart)
    assert chart.instead
    assert chart.instead.svg == front_of(run)
    assert (chart.data["x"], chart.data["y"]) == ("zip_bytes", "score")


def test_the_front_has_the_files_that_are_shipped_with_their_intervals() -> None:
    run = read_run(MNIST)
    text = front_of(run)
    names = {name for name, one in run.variants.items() if one.kind == "tflite"}
    told = re.findall(r"(\S+): zipped size [\d,]+ bytes, accuracy [\d.]+ \([\d.]+ to [\d.]+\)[;.]", text)
    assert set(told) == names
    assert "accuracy, higher is better" in text


@pytest.mark.parametrize(("metric", "better"), [("mse", "lower"), ("auc", "higher")])
def test_the_front_follows_the_direction_of_the_metric(metric: str, better: str) -> None:
    assert re.search(rf"{metric}( \([a-z ]+\))?, {better} is better", front_of(many(5, names="short", metric=metric)))


def test_without_labels_the_front_is_of_times_and_without_times_there_is_none() -> None:
    bare: dict[str, Any] = {"accuracy": None, "accuracy_drop": None, "correct": None}
    run = a_run(benchmark(facts(**bare), 2e-3), benchmark(facts("int8", **bare), 8.6e-6))
    assert "time of a batch (µs), lower is better" in front_of(run)
    untimed = dataclasses.replace(run, timings=())
    assert front_of(untimed) == ""
    assert "<svg" not in run_html(untimed)


def test_forty_variants_on_two_threads_and_gates() -> None:
    run = many()
    found = parsed(run_html(run, judged(run)))
    assert len(list(found.iter("table"))) == 3
    assert "".join(found.itertext()).count("pass") >= 40


def test_text_of_a_record_is_escaped() -> None:
    run = many(3, names="short")
    name = "<script>"
    run.variants[name] = dataclasses.replace(run.variants.pop("int8_2"), variant=name)
    shown = run_html(run)
    assert name not in shown
    assert "&lt;script&gt;" in shown
