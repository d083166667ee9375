"""The page of reproduced figures: every published figure is there, none of ours is made up, and none is typed."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies import mnn_deployment, quantize_mobilenet
from benchmarks.studies.reproduction import in_mnn, old_mobilenet, saved
from benchmarks.studies.reproduction.documents import Document, Row, Table, read_document, read_documents
from benchmarks.studies.reproduction.figures import FIGURES
from benchmarks.studies.reproduction.lines import Line, lines_of
from benchmarks.studies.reproduction.render import page
from optkit import OptkitError, Run, load_suite
from optkit.suites import built_in
from tests.builders import ZIP, a_run, benchmark, facts, sized
from tests.isolation import ROOT

PLANNED = saved.planned_runs()
ARROW = {"higher": "↑", "lower": "↓"}

# Rows and figures of every table, counted by hand in the documents: a figure that falls out of a file is noticed.
COUNTED = {
    "1_mnist_six_variants": [(6, 30), (6, 18), (4, 20)],
    "2_quickdraw_binary": [(4, 12)],
    "3_tflite_guide": [(4, 4), (12, 30), (18, 21)],
    "4_mnist_course_report": [(2, 2), (4, 8), (4, 4)],
    "5_cifar10_compression": [(5, 8), (2, 2), (10, 25)],
}


def documents() -> tuple[Document, ...]:
    return read_documents(runs=list(PLANNED))


def test_every_row_and_figure_of_the_documents_is_there() -> None:
    found = {d.name: [(len(t.rows), sum(len(r.figures) for r in t.rows)) for t in d.tables] for d in documents()}
    assert found == COUNTED


@pytest.mark.parametrize(
    ("document", "row", "figure", "published"),
    [  # one of each table, so that a slip of columns is noticed
        ("1_mnist_six_variants", "pruned + QAT → TFLite", "zip_bytes", {8044, 8342}),
        ("1_mnist_six_variants", "QAT → TFLite", "loop_seconds", {3.52852}),
        ("2_quickdraw_binary", "pruned + dynamic range", "zip_bytes", {3996}),
        ("3_tflite_guide", "Inception v3, quantization-aware", "milliseconds", {543}),
        ("3_tflite_guide", "DeepSpeech 0.5.1 (unrolled), int8", "character_error_rate", {0.4367}),
        ("4_mnist_course_report", "student, distilled", "accuracy", {0.9798}),
        ("5_cifar10_compression", "pruned 0.7", "accuracy", {0.243}),
    ],
)
def test_figures_are_as_published(document: str, row: str, figure: str, published: set[float]) -> None:
    (found,) = (d for d in documents() if d.name == document)
    assert {r.figures[figure] for r in found.rows if r.name == row and figure in r.figures} == published


def test_the_committed_page_is_what_the_command_makes_of_the_committed_runs() -> None:
    """Fails when the page was edited by hand, or a run or document changed without rendering it again."""
    runs = saved.read_runs(sorted((ROOT / saved.FOLDER).glob("*.json")))
    after = {
        old_mobilenet.DOCUMENT: old_mobilenet.section(ROOT / quantize_mobilenet.FOUND),
        in_mnn.DOCUMENT: in_mnn.section(ROOT / mnn_deployment.RESULTS),
    }
    made, _ = page(documents(), runs, after)
    assert (ROOT / "docs/reproduction.md").read_text(encoding="utf-8") == made


def test_every_committed_run_is_planned_and_of_its_suite() -> None:
    for name, run in saved.read_runs(sorted((ROOT / saved.FOLDER).glob("*.json"))).items():
        assert run.suite == PLANNED[name].suite, f"{name}: recorded with another suite than runs.toml says"


@pytest.mark.parametrize("name", [n for n, plan in PLANNED.items() if plan.suite.partition(":")[0] in built_in()])
def test_documents_name_variants_that_the_suites_have(name: str) -> None:
    """A variant renamed in a suite would otherwise be found only after hours of recording."""
    known = {variant.name for variant in load_suite(PLANNED[name].suite).variants}
    named = {row.variant for d in documents() for row in d.rows if row.run == name and row.variant}
    assert named | set(PLANNED[name].variants) <= known


def test_a_run_keeps_the_modes_and_variants_that_the_documents_name() -> None:
    for row in (row for d in documents() for row in d.rows if row.run):
        plan = PLANNED[row.run]
        assert not row.mode or not plan.modes or row.mode in plan.modes, row
        assert not plan.variants or row.variant in plan.variants, row


GOOD = """
schema = 1
title = "A paper"
source = "someone"
data = "MNIST"
machine = "a phone"

[[tables]]
title = "T"
default = { run = "tiny", mode = "single_batch", threads = 1, if_absent = { accuracy = "no labels" } }

[[tables.rows]]
name = "float"
variant = "baseline"
figures = { seconds = 2, zip_bytes = 100 }

[[tables.rows]]
name = "int8"
variant = "int8"
against = "float"
figures = { accuracy = 0.8, seconds = 0.5, speedup = 4 }

[[tables.rows]]
name = "other"
why_not = "no such network"
figures = { f1 = 0.5 }
"""


def read(tmp_path: Path, text: str) -> Document:
    path = tmp_path / "paper.toml"
    path.write_text(text, encoding="utf-8")
    return read_document(path, runs=["tiny", "else"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('variant = "int8"\n', "", "row 'int8': accuracy lacks variant; name them, or say with why_not"),
        ('run = "tiny", ', "", "row 'float': seconds lacks run"),
        ('mode = "single_batch", ', "", "row 'float': seconds lacks mode"),
        ('against = "float"\n', "", "row 'int8': speedup lacks against"),
        ('why_not = "no such network"\n', "", "row 'other': f1 is of no suite here; say why with why_not"),
        ('run = "tiny"', 'run = "tinny"', "there is no run 'tinny'; did you mean 'tiny'"),
        ('"single_batch"', '"single_bach"', "there is no mode 'single_bach'; did you mean 'single_batch'"),
        ('against = "float"', 'against = "flat"', "there is no against 'flat'; did you mean 'float'"),
        ("zip_bytes = 100", "zip_bites = 100", "unknown figure 'zip_bites'; did you mean 'zip_bytes'"),
        ("zip_bytes = 100", "zip_bytes = nan", "zip_bytes is nan; expected a number"),
        ('name = "other"', 'name = "int8"', "each with a name of its own"),
        ('why_not = "no such', 'whynot = "no such', "unknown key 'whynot'; did you mean 'why_not'"),
        ('variant = "int8"', 'variant = "int8"\nwhy_not = "x"', "why_not holds for all its figures; drop one of them"),
        ("schema = 1", "schema = 2", "it is of schema 2; expected schema = 1"),
        ('why_not = "no such network"', 'why_not = { f2 = "x" }', "a text for 'f2'; did you mean 'f1'"),
        (
            "figures = { f1 = 0.5 }",
            'run = "else"\nagainst = "float"\nfigures = {}',
            "expected a variant of the same run, 'else'",
        ),
    ],
)
def test_a_row_that_names_no_place_and_gives_no_reason_is_an_error(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in GOOD
    with pytest.raises(OptkitError, match=r"paper\.toml: ") as error:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert message in str(error.value)


def by_figure(document: Document, runs: dict[str, Run]) -> dict[tuple[str, str], Line]:
    return {(line.row, line.figure): line for line in lines_of(document, document.tables[0], runs)}


def tiny_run(**int8: Any) -> Run:
    small = facts("int8", **{"artifact": sized(2), "accuracy": 0.9, **int8})
    return a_run(benchmark(facts(), 0.5), benchmark(small, 0.25))


def test_ratios_are_ours_by_the_documents_and_speed_ups_are_of_one_run(tmp_path: Path) -> None:
    lines = by_figure(read(tmp_path, GOOD), {"tiny": tiny_run()})
    assert (lines["float", "zip_bytes"].ours, lines["float", "zip_bytes"].ratio) == (ZIP, ZIP / 100)
    assert lines["int8", "seconds"].ratio == 0.5
    assert (lines["int8", "speedup"].ours, lines["int8", "speedup"].ratio) == (2, 0.5)
    assert lines["int8", "accuracy"].ratio == pytest.approx(0.9 / 0.8)
    assert not any(line.missing for line in lines.values())


def test_a_speed_up_stands_beside_an_absolute_time(tmp_path: Path) -> None:
    """Against a row with threads of its own: comparing equal threads would not be the document's comparison."""
    text = GOOD.replace(", speedup = 4", "").replace('variant = "baseline"', 'variant = "baseline"\nthreads = "all"')
    run = a_run(
        benchmark(facts(), 0.5, threads=1), benchmark(facts(), 0.3, threads=2), benchmark(facts("int8"), 0.1, threads=1)
    )
    lines = by_figure(read(tmp_path, text), {"tiny": run})
    assert (lines["float", "seconds"].ours, lines["float", "seconds"].threads) == (0.3, 2)
    assert lines["int8", "seconds"].notes == ("speed-up over float: 4.00 there, 3.00 ours",)
    made, _ = page([read(tmp_path, text)], {"tiny": run})
    assert "| 0.200 † |" in made


def no_accuracy() -> Run:
    """A run as one without labels saves it."""
    run = tiny_run()
    unlabelled = dataclasses.replace(run.variants["int8"], accuracy=None, accuracy_drop=None, correct="")
    return dataclasses.replace(run, variants={**run.variants, "int8": unlabelled})


@pytest.mark.parametrize(
    ("run", "row", "figure", "reason", "missing"),
    [
        (None, "int8", "accuracy", "there is no saved run 'tiny'", True),
        (a_run(benchmark(facts())), "int8", "accuracy", "run 'tiny' has no variant 'int8'", True),
        (a_run(benchmark(facts(), mode="full_set")), "float", "seconds", "has no time of 'baseline'", True),
        (a_run(benchmark(facts(), threads=2)), "float", "seconds", "(single_batch, threads 1)", True),
        (a_run(benchmark(facts("int8"))), "int8", "speedup", "run 'tiny' has no variant 'baseline'", True),
        (no_accuracy(), "int8", "accuracy", "no labels", False),
        (tiny_run(), "other", "f1", "no such network", False),
    ],
)  # fmt: skip
def test_what_a_run_lacks_is_never_a_number(
    tmp_path: Path, run: Run | None, row: str, figure: str, reason: str, missing: bool
) -> None:
    document = read(tmp_path, GOOD)
    runs = {"tiny": run} if run else {}
    line = by_figure(document, runs)[row, figure]
    assert (line.ours, line.ratio, line.missing) == (None, None, missing)
    assert reason in line.reason
    made, _ = page([document], runs)
    word = "not measured (*missing*)" if missing else "not measured"
    (label, published) = FIGURES[figure].label, next(r for r in document.rows if r.name == row).figures[figure]
    cells = [[cell.strip() for cell in text.strip("|").split("|")] for text in made.splitlines()]
    (shown,) = [found for found in cells if found[1:3] == [f"{label} {ARROW[FIGURES[figure].better]}", str(published)]]
    assert shown[3:6] == [f"{word}: {line.reason}", "-", "-"]


def test_an_absent_value_without_a_known_reason_is_missing(tmp_path: Path) -> None:
    text = GOOD.replace(', if_absent = { accuracy = "no labels" }', "")
    line = by_figure(read(tmp_path, text), {"tiny": no_accuracy()})["int8", "accuracy"]
    assert (line.ours, line.missing) == (None, True)


def test_without_runs_the_page_has_no_figure_of_ours() -> None:
    _, lines = page(documents(), {})
    assert all(line.ours is None and line.ratio is None and line.reason for line in lines if line.published is not None)
    assert sum(line.published is not None for line in lines) == sum(n for t in COUNTED.values() for _, n in t)


@pytest.mark.parametrize("name", [name for name, figure in FIGURES.items() if figure.read])
def test_every_kind_of_figure_reads_a_whole_run_and_gives_nothing_without_its_source(name: str) -> None:
    """A reader that crashes, or falls back to some number, when a record lacks what it reads."""
    figure = FIGURES[name]
    timing = {"trial": {"loop of 32": 0.25}}
    whole = benchmark(facts("int8"), 0.25)
    whole["extra_info"]["optkit"].update(timing)
    run = a_run(benchmark(facts(), 0.5), whole)
    row = Row(name="r", figures={name: 1}, run="tiny", variant="int8", mode="single_batch", against="b")
    base = Row(name="b", run="tiny", variant="baseline", mode="single_batch")
    document = Document(
        name="d", title="d", source="", data="", machine="", tables=(Table(title="t", rows=(row, base)),)
    )
    value = by_figure(document, {"tiny": run})["r", name].ours
    assert value is not None
    untimed = dataclasses.replace(run, timings=())
    if figure.timed:
        assert by_figure(document, {"tiny": untimed})["r", name].ours is None
    if name in ("loop_seconds", "loop_speedup"):
        no_trial = a_run(benchmark(facts(), 0.5), benchmark(facts("int8"), 0.25))
        assert by_figure(document, {"tiny": no_trial})["r", name].ours is None
