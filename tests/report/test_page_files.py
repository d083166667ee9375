"""What a page says of files that are in the store: time per operator, memory, and how long stages took."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from optkit import ArtifactError, Run
from optkit.build.store import Store
from optkit.inspect import kept
from optkit.inspect.inspection import Inspection, inspect_model
from optkit.inspect.profile import Profile, Timed
from optkit.measure.targets import TargetFacts
from optkit.record.facts import ArtifactFacts
from optkit.report.page.make import Source, make_page
from optkit.report.page.parts import Chart, Lines, Section, Table, Tree, Trees
from optkit.report.page_markdown import render_markdown
from optkit.spec.keys import digest, file_sha256
from tests.builders import a_run, benchmark, facts
from tests.tflite.models import pack
from tests.tflite.networks import KIND, Graph, classifier


def longer() -> Any:
    """The classifier with a RELU more, before its softmax."""
    graph = Graph()
    x = graph.add([1, 16], "net/x")
    logits = graph.dense(graph.dense(x, 16, 80, "net/hidden", activation=1), 80, 5, "net/logits")
    more = graph.apply(KIND.RELU, [logits], [graph.add([1, 5], "net/more")])
    return graph.model([x], [graph.softmax(more, 5, "net/softmax")], ("image", "scores"))


MODELS = {"float": classifier, "longer": longer}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def run(store: Store) -> Run:
    """A run of two files that are in the store: made in 90 s and 0.5 s."""
    made = []
    start = {"seed": 1, "network": {"name": "net", "params": {}}, "training": {"epochs": 2}, "steps": []}
    key = digest(start)
    store.get(key, lambda path: {"seconds": 90.0 * path.write_bytes(b"x")}, "model.h5")
    for name, model in MODELS.items():
        spec = {**start, "steps": [{"conversion": {"mode": "float32" if name == "float" else "int8"}}]}
        content = pack(model())

        def make(path: Path, content: bytes = content) -> dict[str, Any]:
            path.write_bytes(content)
            return {"seconds": 0.5}

        entry = store.get(digest(spec), make, "model.tflite")
        artifact = ArtifactFacts(key=entry.key, sha256=entry.sha256, file_bytes=9000, zip_bytes=8000, size_ratio=1)
        made.append(facts(name, kind="tflite", artifact=artifact, spec=spec))
    one, other = (benchmark(dataclasses.replace(of), 1e-5) for of in made)
    for saved in (one, other):
        saved["extra_info"]["optkit"]["baseline"] = "float"
    return a_run(one, other)


def sections(run: Run, store: Store, *, profile: bool = False) -> dict[str, Section]:
    page = make_page([Source("run.json", run, None, profile)], [], store, "0")
    return {section.name: section for section in page.runs[0].sections}


def cells(section: Section) -> dict[str, dict[str, str]]:
    table = next(part for part in section.parts if isinstance(part, Table))
    heads = [head.text for head in table.heads]
    return {row[0].text: {h: c.text for h, c in zip(heads, row, strict=True)} for row in table.rows}


def timed(found: Inspection) -> Profile:
    """Operator number n takes n + 1 µs, and the call 1 µs more than all of them."""
    parts = tuple(
        Timed(operators=(one.index,), seconds=(one.index + 1) * 1e-6, low=0, high=1, spread=0)
        for one in found.main.operators
    )
    whole = sum(one.seconds for one in parts) + 1e-7
    return Profile(
        method="profiler",
        kernels="default",
        threads=1,
        batch=1,
        processes=3,
        whole=whole,
        low=whole,
        high=whole,
        spread=0,
        timed=parts,
    )


def test_operators_that_belong_together_stand_side_by_side(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches rows by number: the softmax is number 2 in one file and 3 in the other."""
    calls: list[int] = []

    def time_operators(*found: Inspection, processes: int) -> list[Profile]:
        calls.append(len(found))
        return [timed(one) for one in found]

    monkeypatch.setattr(kept, "time_operators", time_operators)
    assert "give --profile" in sections(run, store)["operators"].missing[-1]
    section = sections(run, store, profile=True)["operators"]
    rows = cells(section)
    assert rows["2 SOFTMAX net"] == {"operator": "2 SOFTMAX net", "float": "3.00 µs", "longer": "4.00 µs"}
    assert rows["RELU net"]["float"] == "–"
    assert rows["RELU net"]["longer"] == "3.00 µs"
    assert rows["a whole call"]["float"] == "6.10 µs"
    chart = next(part for part in section.parts if isinstance(part, Chart))
    assert [sum(row["parts"]) for row in chart.data["rows"]] == pytest.approx([6.1e-6, 10.1e-6])
    assert cells(sections(run, store)["operators"]) == rows, "kept: shown without --profile"
    sections(run, store, profile=True)
    assert calls == [2], "and not timed again"


def test_times_that_do_not_add_up_are_said_so_and_taken_again(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def time_operators(*found: Inspection, processes: int) -> list[Profile]:
        calls.append(len(found))
        return [dataclasses.replace(timed(one), whole=1.0) for one in found]

    monkeypatch.setattr(kept, "time_operators", time_operators)
    section = sections(run, store, profile=True)["operators"]
    assert any("float, longer miss the whole call by more than 10 %" in line for line in section.missing)
    sections(run, store, profile=True)
    assert calls == [2, 2]


def test_a_file_that_cannot_be_timed_does_not_cost_the_others(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def time_operators(*found: Inspection, processes: int) -> list[Profile]:
        if any(len(one.main.operators) == 4 for one in found):
            raise ArtifactError("it ends here")
        return [timed(one) for one in found]

    monkeypatch.setattr(kept, "time_operators", time_operators)
    section = sections(run, store, profile=True)["operators"]
    assert section.missing[0] == "longer was not timed: it ends here"
    assert set(cells(section)["2 SOFTMAX net"]) == {"operator", "float"}
    assert not any(line.startswith("Not timed") for line in section.missing), "said once"


def test_the_times_of_another_file_are_not_those_of_this_one(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "time_operators", lambda *found, processes: [timed(one) for one in found])
    files = {name: store.path(entry) for name, one in run.variants.items() if (entry := store.find(one.artifact.key))}
    kept.make_profiles({"float": files["float"]}, store)
    assert set(kept.read_profiles(files, store)) == {"float"}
    store.write_note(kept._name(files["longer"]), {"schema": 1, "kept": {"profile": {"timed": "?"}}})
    assert set(kept.read_profiles(files, store)) == {"float"}, "a note of another form is no profile"


def test_the_memory_of_activations_is_a_column_and_an_axis(run: Run, store: Store, tmp_path: Path) -> None:
    found = sections(run, store)
    path = tmp_path / "float.tflite"
    path.write_bytes(pack(classifier()))
    wanted = inspect_model(path).activations.arena_bytes
    assert wanted
    assert cells(found["table"])["float"]["activations"] == f"{wanted:,}"
    chart = next(part for part in found["front"].parts if isinstance(part, Chart))
    assert {point["name"]: point["values"]["memory"] for point in chart.data["points"]}["float"] == wanted
    assert "memory" in {axis["key"] for axis in chart.data["axes"]}


def test_what_a_target_says_of_memory_is_an_axis(run: Run, tmp_path: Path) -> None:
    there = TargetFacts(target="uno", by="tflite_micro", figures={"arena_bytes": 12_672.0, "cycles": 9e6})
    variants = {**run.variants, "float": dataclasses.replace(run.variants["float"], targets={"uno": there})}
    found = sections(dataclasses.replace(run, variants=variants), Store(tmp_path / "none"))["front"]
    chart = next(part for part in found.parts if isinstance(part, Chart))
    axes = {axis["key"]: axis for axis in chart.data["axes"]}
    assert axes["arena_bytes on uno"]["label"] == "arena bytes on uno"
    assert axes["cycles on uno"]["log"]
    values = {point["name"]: point["values"]["arena_bytes on uno"] for point in chart.data["points"]}
    assert values == {"float": 12_672.0, "longer": None}
    assert not any("Memory is not an axis" in line for line in found.missing)


def test_each_stage_has_the_time_that_the_store_noted(run: Run, store: Store, tmp_path: Path) -> None:
    page = make_page([Source("run.json", run)], [], store, "0")
    assert "\nStages whose time is known took 91\\.0 s together\\.\n" in render_markdown(page)
    build = sections(run, store)["build"]
    trees, lines = build.parts
    assert isinstance(trees, Trees)
    assert isinstance(lines, Lines)
    [tree] = trees.trees
    assert tree.text.endswith(": 90.0 s")
    assert {leaf.text for leaf in tree.children} == {"convert to float32: 500 ms", "convert to int8: 500 ms"}
    assert lines.lines == ("Stages whose time is known took 91.0 s together.",), "what two files share counts once"
    assert build.missing == ()
    other = sections(run, Store(tmp_path / "other"))["build"]
    assert other.missing[0].startswith("No time of stages")
    assert not any(isinstance(part, Lines) for part in other.parts)
    assert isinstance(other.parts[0], Trees)
    assert all(":" not in text for text in _texts(other.parts[0].trees))


def _texts(trees: tuple[Tree, ...]) -> list[str]:
    return [text for tree in trees for text in (tree.text, *_texts(tree.children))]


def test_a_damaged_file_costs_its_figures_and_not_the_page(run: Run, store: Store) -> None:
    entry = store.find(run.variants["longer"].artifact.key)
    assert entry
    broken = dataclasses.replace(run.variants["longer"].artifact, sha256=_spoiled(store))
    spoiled = dataclasses.replace(run.variants["longer"], artifact=dataclasses.replace(broken, key="e" * 64))
    changed = dataclasses.replace(run, variants={**run.variants, "longer": spoiled})
    found = sections(changed, store)
    assert any("longer is not looked into" in line for line in found["operators"].missing)
    assert cells(found["table"])["longer"]["activations"] == "–"


def _spoiled(store: Store) -> str:
    content = bytearray(pack(longer()))
    content[40:80] = b"\xff" * 40

    def make(path: Path) -> dict[str, Any]:
        path.write_bytes(content)
        return {}

    entry = store.get("e" * 64, make, "model.tflite")
    assert file_sha256(store.path(entry)) == entry.sha256
    return entry.sha256
