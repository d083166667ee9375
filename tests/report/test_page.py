"""The page: one file that needs nothing, figures that are those of the run, and names that stay text."""

import dataclasses
import importlib
import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import Dataset, OptkitError, RecordError, read_run
from optkit.report import html as html_package
from optkit.report.html import render_html
from optkit.report.page.parts import Cards, Chart, Page, Shots, Trees
from optkit.report.page_markdown import pictures, render_markdown
from tests.builders import a_run, benchmark, facts, variant
from tests.isolation import ROOT
from tests.report.pages import EVIL, Tags, full_run, page_of, section, table

MNIST = ROOT / "docs" / "results" / "runs" / "mnist.json"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return page_of(full_run(), store=tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def text(page: Page) -> str:
    return render_html(page)


def test_the_page_is_one_file_that_asks_for_nothing(text: str) -> None:
    """Catches a script, style, font or picture that is fetched from elsewhere."""
    tags = Tags(text)
    for tag, attributes in tags.tags:
        for name in ("src", "srcset", "poster", "data", "action", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:"), (tag, attributes)
        if tag == "link":
            pytest.fail(f"a link: {attributes}")
        if tag == "a":
            assert (attributes["href"] or "").startswith("#")
    policy = next(a for tag, a in tags.tags if a.get("http-equiv") == "Content-Security-Policy")["content"] or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-inline" not in policy.split("script-src")[1].split(";")[0]
    assert len(text.encode()) < 6_000_000


def test_names_and_values_of_a_record_are_data(text: str) -> None:
    """Script injection by names of layers, networks, machines and commits: in texts, attributes and in the JSON."""
    tags = Tags(text)
    assert sum(tag == "script" for tag, _ in tags.tags) == 3, "the data, plotly, and the page's own"
    assert not any(tag == "img" for tag, _ in tags.tags)
    assert not any(name.startswith("on") for _, attributes in tags.tags for name in attributes)
    assert text.count("&lt;script&gt;document.title") >= 5
    assert "{{ 7*7 }}" in text
    raw = text.split('<script type="application/json" id="charts">')[1].split("</script>")[0]
    assert not set("<>&") & set(raw)
    assert EVIL in json.dumps(json.loads(raw)).replace('\\"', '"')


def test_every_chart_of_the_page_has_its_data_and_every_form_is_known(text: str) -> None:
    raw = json.loads(text.split('<script type="application/json" id="charts">')[1].split("</script>")[0])
    asked = [str(a["data-chart"]) for tag, a in Tags(text).tags if "data-chart" in a]
    assert sorted(asked) == sorted(raw)
    own = (Path(html_package.__file__).parent / "page.js").read_text()
    forms = re.search(r"const FORMS = \{ (.*) \};", own)
    assert forms
    assert {one["form"] for one in raw.values()} <= set(forms[1].split(", "))


def test_the_table_holds_the_figures_of_the_run(tmp_path: Path) -> None:
    run = read_run(MNIST)
    rows = table(page_of(run, store=tmp_path), "table")
    assert next(iter(rows)) == run.baseline
    assert set(rows) == set(run.variants)
    one, facts_ = rows["int8"], run.variants["int8"]
    assert one["zip bytes"] == f"{facts_.artifact.zip_bytes:,}"
    assert one["ratio"] == f"{facts_.artifact.size_ratio:.2f}"
    assert float(one["accuracy"]) == pytest.approx(facts_.accuracy, abs=1e-4)
    assert float(one["drop"]) == pytest.approx(facts_.accuracy_drop, abs=1e-6)
    timing = run.timing("int8", "single_batch", 1)
    assert timing
    unit = {"µs": 1e-6, "ms": 1e-3, "s": 1.0}
    value, name = one["single_batch, 1 thread"].split()
    assert float(value) * unit[name] == pytest.approx(timing.seconds, rel=1e-2)


def test_the_answer_comes_first_and_is_right(page: Page) -> None:
    assert page.runs[0].sections[0].name == "answer"
    [cards] = section(page, "answer").parts
    assert isinstance(cards, Cards)
    found = {card.title.split(" (")[0]: card.variant for card in cards.cards}
    assert found["Smallest"] == "v3"
    assert found["Most accurate"] == found["Fastest"] == "baseline"
    assert any("budget" in line for line in section(page, "answer").missing), "the suite 'tiny' is not there"


def test_the_budget_of_the_suite_is_answered(tmp_path: Path) -> None:
    suite = tmp_path / "tiny.toml"
    suite.write_text(
        'schema = 2\nname = "tiny"\nbaseline = "baseline"\nbudget = { zip_bytes = 1200 }\n[workload]\n'
        'dataset = "mnist"\n'
        'network = "mnist_conv"\ntraining = { epochs = 1 }\n[variants.baseline]\n'
        '[variants.v1]\nconversion = { mode = "int8" }\n'
    )
    run = full_run(4)
    found = {name: dataclasses.replace(one, suite_path=str(suite)) for name, one in run.variants.items()}
    answered = page_of(dataclasses.replace(run, variants=found), store=tmp_path)
    [cards] = section(answered, "answer").parts
    assert isinstance(cards, Cards)
    assert (cards.cards[0].title, cards.cards[0].variant) == ("To ship, by the budget", "v3")


def test_what_a_run_does_not_have_is_left_out_with_a_line_that_says_why(tmp_path: Path) -> None:
    bare = facts(accuracy=None, accuracy_drop=None, correct=None, spec={})
    found = page_of(a_run(benchmark(bare, 1.0)), store=tmp_path)
    said = " ".join(line for one in found.runs[0].sections for line in one.missing)
    for words in (
        "no knee",
        "the data have no labels",
        "No distribution of times",
        "No scaling by threads",
        "No scaling by batch",
        "No time per operator",
        "No bytes by tensor",
        "how its files were built",
        "No history",
        "Memory is not an axis",
    ):
        assert words in said

    assert "single\\_batch" in render_markdown(found)


def test_a_page_of_forty_variants_takes_less_than_five_seconds(tmp_path: Path) -> None:
    run = full_run(40)
    began = time.perf_counter()
    text = render_html(page_of(run, store=tmp_path))
    assert time.perf_counter() - began < 5
    assert len(text.encode()) < 6_000_000


def test_several_runs_are_one_page_with_parts_of_their_own(tmp_path: Path) -> None:
    found = page_of(full_run(2), full_run(3), store=tmp_path)
    text = render_html(found)
    identifiers = [
        a["id"] for _, a in Tags(text).tags if a.get("id") and not (a["id"] or "").startswith(("front-", "about-"))
    ]
    assert len(identifiers) == len(set(identifiers))
    assert set(pictures(found)) == {"run1-front.svg", "run2-front.svg"}
    targets = {a["href"] for tag, a in Tags(text).tags if tag == "a"}
    assert {target and target[1:] for target in targets} <= set(identifiers)


def test_the_markdown_twin_names_its_pictures_and_stays_text(page: Page) -> None:
    text = render_markdown(page)
    assert "![" in text
    assert set(re.findall(r"\]\(([\w-]+\.svg)\)", text)) == set(pictures(page)) == {"front.svg"}
    markup = set(re.findall(r"(?<!\\)<[^>]*", text))
    assert markup <= {"<details", "</details", "<summary", "</summary"}
    assert pictures(page)["front.svg"].startswith("<svg")
    rows = [line for line in text.splitlines() if line.startswith("| baseline") and "%" not in line]
    heads = next(line for line in text.splitlines() if line.startswith("| variant | accuracy | drop"))
    assert rows[0].count(" | ") == heads.count(" | ")


def test_distributions_are_the_percentiles_of_all_rounds(page: Page) -> None:
    run = full_run()
    rows = table(page, "latency", "Rounds")
    assert rows
    chart = next(p for p in section(page, "latency").parts if isinstance(p, Chart))
    first = chart.data["groups"][0]["rows"][1]
    rounds = np.concatenate([t.rounds for t in run.timings if t.benchmark == (first["name"], "single_sample", 1)])
    assert first["ends"] == pytest.approx(np.percentile(rounds, [5, 25, 50, 75, 95]).tolist())


def test_bytes_by_kind_add_up_to_the_file(page: Page) -> None:
    rows = table(page, "size", "Bytes by kind")
    for row in rows.values():
        parts = [int(value.replace(",", "")) for head, value in row.items() if head.startswith(("weights", "all else"))]
        assert sum(parts) >= int(row["file bytes"].replace(",", ""))
    assert rows["baseline"]["weights, int8"] == "1,000"
    assert rows["baseline"]["weights, float32"] == "4,000"


def test_stages_that_are_shared_stand_once(page: Page) -> None:
    [trees] = section(page, "build").parts
    assert isinstance(trees, Trees)
    [tree] = trees.trees
    assert [child.text for child in tree.children if child.leaf] == ["baseline"]
    [pruned] = [child for child in tree.children if not child.leaf]
    assert [child.text for child in pruned.children] == ["v1", "v2", "v3"]


def _data(samples: int, digest: str = "d" * 64) -> Dataset:
    x = np.random.default_rng(0).random((samples, 8, 8), np.float32)
    y = np.arange(samples) % 10
    return Dataset(name="mnist", origin="a test", digest=digest, classes=10, x_train=x, y_train=y, x_test=x, y_test=y)


def test_samples_that_flip_are_shown_with_their_images_where_the_data_are_at_hand(tmp_path: Path) -> None:
    pytest.importorskip("PIL")
    found = page_of(full_run(), store=tmp_path, dataset=_data(2000))
    shots = next(p for p in section(found, "accuracy").parts if isinstance(p, Shots))
    assert len(shots.shots) == 21, "v3 loses the first 21 samples"
    assert shots.shots[0].title == "sample 0, label 0"
    assert shots.shots[0].lines == ("lost by v1, v2, v3",)
    assert shots.shots[20].lines == ("lost by v3",)
    flips = table(found, "accuracy", "Samples that flip")
    assert (flips["v2"]["lost"], flips["v2"]["gained"]) == ("14", "0")
    by_class = table(found, "accuracy", "Accuracy by class")
    assert by_class["0"]["v3"] == f"{1 - 3 / 200:.4f}", "samples 0, 10 and 20 of 200"
    text = render_html(found)
    images = [a for tag, a in Tags(text).tags if tag == "img"]
    assert len(images) == 21
    assert all((a["src"] or "").startswith("data:image/png;base64,iVBOR") and a["alt"] for a in images)


def test_other_data_than_the_runs_are_not_shown(tmp_path: Path) -> None:
    found = section(page_of(full_run(), store=tmp_path, dataset=_data(2000, "e" * 64)), "accuracy")
    assert not any(isinstance(part, Shots) for part in found.parts)
    assert any("the data have sha256 eeeeeeeeeeee" in line for line in found.missing)


def test_another_metric_than_accuracy_is_told_by_its_name(tmp_path: Path) -> None:
    from optkit.measure.scores import Scores
    from optkit.record.facts import QualityFacts

    rng = np.random.default_rng(0)
    kept = rng.random(2000).astype(np.float32)
    made = []
    for name, by in (("baseline", 0.0), ("int8", 0.1)):
        own = (kept + np.float32(by)).astype(np.float32)
        value = float(np.mean(own, dtype=np.float64))
        scores = Scores(
            metric="mse",
            task="regression",
            unit="u",
            better="lower",
            by_sample=True,
            value=value,
            kept=own,
        )
        base = float(np.mean(kept, dtype=np.float64))
        quality = QualityFacts(scores=scores.facts(), drop=scores.value - base)
        none: dict[str, Any] = {"accuracy": None, "accuracy_drop": None, "correct": None}
        made.append(benchmark(variant(name, size=2000 if name == "baseline" else 500, quality=quality, **none), 1.0))
    run = a_run(*json.loads(json.dumps(made)))
    found = page_of(run, store=tmp_path)
    assert section(found, "accuracy").title == "mse"
    row = table(found, "accuracy", "mse and drop")["int8"]
    assert float(row["drop"]) == pytest.approx(0.1, rel=1e-3)
    assert any("the run has not which samples" in line for line in section(found, "accuracy").missing)


def test_without_the_extra_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, page: Page) -> None:
    def missing(name: str) -> Any:
        raise ImportError("no", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(OptkitError, match=r"a report needs jinja2; pip install 'optkit\[report\]'"):
        render_html(page)


def test_a_history_is_shown_from_a_folder_of_runs(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    for place in range(3):
        document = {"benchmarks": [benchmark(facts(), 1.0 + place)], "datetime": f"2026-01-0{place + 1}T00:00:00"}
        (folder / f"{place}.json").write_text(json.dumps(document))
    found = page_of(read_run(folder / "2.json"), store=tmp_path / "s", folders=[folder])
    past = section(found, "past")
    assert next(p for p in past.parts if isinstance(p, Chart)).data["series"]
    assert any(row["runs"] == "3" for row in table(found, "past").values())
    other = section(page_of(full_run(2), store=tmp_path / "s", folders=[tmp_path / "none"]), "past")
    assert "is not a folder" in " ".join(other.missing)


def test_a_record_that_contradicts_itself_is_an_error(tmp_path: Path) -> None:
    run = full_run(2)
    broken = {**run.variants, "v1": dataclasses.replace(run.variants["v1"], accuracy=0.5)}
    with pytest.raises(RecordError):
        page_of(dataclasses.replace(run, variants=broken), store=tmp_path)
