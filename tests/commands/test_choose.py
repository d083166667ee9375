"""`optkit choose` as users run it: what it prints, exit codes, the budget of a suite, and what -o writes."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from optkit import Store, load_suite
from optkit.cli import main
from optkit.record.card import Card
from optkit.suites.budget import read_budget
from tests.builders import benchmark, saved, variant
from tests.conftest import Command
from tests.isolation import ROOT

MNIST = str(ROOT / "tests" / "judge" / "mnist_run.json")


def choose(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    code = main(["choose", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_names_the_variant_the_bounds_the_others_and_the_front(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = choose(MNIST, "--max-zip-bytes", "10_000", "--max-drop", "0.5%", "--threads", "1", capsys=capsys)
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "mnist: bounds: drop <= 0.005; zip_bytes <= 10,000"
    assert "ship: pruned_qat_tflite (of what fits, the smallest zip)" in lines
    assert any(line.startswith("baseline  ") and "zip_bytes 78,232 > 10,000" in line for line in lines)
    assert any(line.startswith("front (zip_bytes, drop, single_batch on 1 thread): ") for line in lines)
    assert max(map(len, lines)) <= 100


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches sentences that stand in cells: all bounds at once, on a run of eleven variants."""
    monkeypatch.setenv("COLUMNS", str(width))
    given = "--max-zip-bytes 20_000 --max-drop 0.5% --max-single-batch-us 300 --min-size-ratio 2"
    _, out, _ = choose(MNIST, *given.split(), capsys=capsys)
    assert max(map(len, out.splitlines())) <= width


def test_nothing_fits_is_exit_code_3_and_what_it_says_to_relax_works(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = choose(MNIST, "--max-zip-bytes", "100", "--max-drop", "0.5%", capsys=capsys)
    assert code == 3
    assert "nothing fits" in out
    [nearest] = [line for line in out.splitlines() if line.startswith("nearest: ")]
    name, _, flags = nearest.removeprefix("nearest: ").partition(", with ")
    code, out, _ = choose(MNIST, "--max-drop", "0.5%", *flags.split(), capsys=capsys)
    assert code == 0
    assert f"ship: {name} " in out


def test_json_holds_every_variant_and_check(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = choose(MNIST, "--max-drop", "0.005", "--max-zip-bytes", "20000", "--json", capsys=capsys)
    found = json.loads(out)
    assert (code, found["schema"], found["chosen"]) == (0, 1, "pruned_qat_tflite")
    assert found["bounds"] == {"max_drop": 0.005, "max_zip_bytes": 20000.0}
    assert {one["place"] for one in found["variants"]} == {"chosen", "fits", "removed"}
    chosen = next(one for one in found["variants"] if one["place"] == "chosen")
    assert [check["fits"] for check in chosen["checks"]] == [True, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "no bound is given, and the suite mnist has no budget; give one, such as --max-drop 0.5%"),
        (("--max-zip-bytes", "1", "--min-zip-bytes", "2"), "nothing can be both"),
        (("--max-auc", "1"), "the run has no auc"),
        (("--max-drop", "0.1", "--at", "200%"), "at is '200%'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = choose(MNIST, *arguments, capsys=capsys)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--max-sizes", "1"), ["there is no --max-sizes", "--max-size-ratio", "--max-zip-bytes"]),
        (("--min-zipbytes=1",), ["there is no --min-zipbytes", "did you mean '--min-zip-bytes'"]),
        (("--max-drop", "x"), ["expected a number, such as 10000 or 0.5%"]),
        (("--tread", "1"), ["there is no --tread", "did you mean '--threads'"]),
    ],
)
def test_an_option_that_is_not_there_is_told_with_those_that_are(
    arguments: tuple[str, ...], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["choose", MNIST, *arguments])
    assert caught.value.code == 2
    err = capsys.readouterr().err
    assert all(word in err for word in words), err


@pytest.fixture
def budgeted(tmp_path: Path) -> Path:
    """A suite file with a budget, and a run of it."""
    suite = tmp_path / "tiny.toml"
    suite.write_text(
        'schema = 2\nname = "tiny"\n'
        + 'budget = { drop = 0.005, max_zip_bytes = 1000, min_single_sample_us = 1 }\nbaseline = "baseline"\n'
        + '[workload]\ndataset = "mnist"\nnetwork = "mnist_conv"\ntraining = { epochs = 1 }\n'
        + '[variants.baseline]\n[variants.int8]\nconversion = { mode = "int8" }\n'
    )
    place = str(suite)
    found = [
        variant("baseline", wrong=0, size=2000, suite_path=place),
        variant("int8", wrong=4, size=900, suite_path=place),
    ]
    saved(tmp_path / "run.json", *(benchmark(one, 1e-5, "single_sample") for one in found))
    return tmp_path / "run.json"


def test_the_budget_of_the_suite_holds_when_no_bound_is_given(
    budgeted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a budget in another language than the options: the gates are made of the same bounds."""
    code, out, _ = choose(str(budgeted), "--json", capsys=capsys)
    assert code == 0
    found = json.loads(out)
    assert found["bounds"] == {"max_drop": 0.005, "max_zip_bytes": 1000, "min_single_sample_us": 1}
    assert found["chosen"] == "int8"
    suite = load_suite(str(budgeted.with_name("tiny.toml")))
    assert [(gate.metric, gate.max, gate.min) for gate in suite.gates] == [
        ("drop", 0.005, None),
        ("zip_bytes", 1000, None),
        ("seconds", None, 1e-6),
    ]
    assert read_budget(str(ROOT / "optkit" / "suites" / "mnist.toml")) == ()
    code, out, _ = choose(str(budgeted), "--max-drop", "0", "--json", capsys=capsys)
    assert json.loads(out)["bounds"] == {"max_drop": 0.0}, "a bound that is given takes the place of the whole budget"


def _stored(store: Store, content: bytes, key: str) -> None:
    def make(path: Path) -> dict[str, Any]:
        path.write_bytes(content)
        return {}

    store.get(key, make, "model.tflite")


@pytest.fixture
def shipped(tmp_path: Path) -> tuple[Path, Store, bytes]:
    """A run whose variant's file is in a store."""
    content = b"the file itself"
    own = variant("int8", wrong=4, size=900, sha256=hashlib.sha256(content).hexdigest())
    own = dataclasses.replace(own, artifact=dataclasses.replace(own.artifact, key="e" * 64))
    both = (variant("baseline", wrong=0, size=2000), own)
    saved(tmp_path / "run.json", *(benchmark(one, 1e-5, "single_sample") for one in both))
    store = Store(tmp_path / "store")
    _stored(store, content, "e" * 64)
    return tmp_path / "run.json", store, content


def test_o_copies_the_file_with_its_card(
    shipped: tuple[Path, Store, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store, content = shipped
    folder = tmp_path / "ship" / "here"
    asked = (str(path), "--max-zip-bytes", "1000", "--max-drop", "1%", "-o", str(folder), "--store", str(store.root))
    code, _, err = choose(*asked, capsys=capsys)
    assert (code, err) == (0, "")
    assert sorted(one.name for one in folder.iterdir()) == ["int8.tflite", "model-card.json", "model-card.md"]
    assert (folder / "int8.tflite").read_bytes() == content
    card = msgspec.json.decode((folder / "model-card.json").read_bytes(), type=Card)
    assert (card.schema, card.variant, card.file) == (1, "int8", "int8.tflite")
    assert card.artifact.sha256 == hashlib.sha256(content).hexdigest()
    assert card.dataset.digest == "d" * 64
    assert card.lineage[-1].startswith("prune")
    assert card.rebuild == "optkit build tiny --variants int8 --data full"
    assert {bound.key: bound.word for bound in card.bounds} == {"max_drop": "met", "max_zip_bytes": "met"}
    accuracy, drop, time = card.figures
    assert (accuracy.name, accuracy.value) == ("accuracy", 0.998)
    assert accuracy.low is not None
    assert accuracy.low < 0.998 < (accuracy.high or 0)
    assert (drop.name, drop.value) == ("drop of accuracy", 0.002)
    assert (time.where, time.value, time.low) == ("single_sample, 1 thread", 1e-5, None)
    text = (folder / "model-card.md").read_text()
    assert card.artifact.sha256 in text
    assert "optkit build tiny --variants int8" in text
    assert choose(*asked, capsys=capsys)[0] == 0, "again, over what is there"


def test_a_file_that_is_not_there_or_not_the_one_measured_is_not_shipped(
    shipped: tuple[Path, Store, bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, store, _ = shipped
    asked = (str(path), "--max-zip-bytes", "1000", "-o", str(tmp_path / "ship"))
    code, _, err = choose(*asked, "--store", str(tmp_path / "empty"), capsys=capsys)
    assert code == 2
    assert "build it with: optkit build tiny --variants int8" in err
    other = Store(tmp_path / "other")
    _stored(other, b"another file", "e" * 64)
    code, _, err = choose(*asked, "--store", str(other.root), capsys=capsys)
    assert code == 2
    assert "time it again" in err
    assert not (tmp_path / "ship").exists()
    (tmp_path / "file").write_text("")
    code, _, err = choose(*asked[:-1], str(tmp_path / "file"), "--store", str(store.root), capsys=capsys)
    assert code == 2
    assert "give another folder with -o" in err


def test_a_card_with_names_that_are_markup_stays_text() -> None:
    """Names of variants cannot hold markup; what a record says of its steps, machine and commit can."""
    from optkit import make_run
    from optkit.judge.card import card_of
    from optkit.judge.choose import choose as chosen
    from optkit.report.card import card_markdown

    evil = "<script>alert(1)</script>|`*x*"
    spec = {"network": {"name": evil, "params": {}}, "training": {"epochs": 1}, "steps": []}
    own = variant("baseline", wrong=0, size=2000, spec=spec)
    run = make_run([benchmark(own, 1.0)], {"node": evil, "machine": evil})
    text = card_markdown(card_of(run, chosen(run), "baseline", "0", ".h5"))
    assert not re.search(r"(?<!\\)<", text)
    assert "\\<script\\>" in text


def test_choose_is_quick_and_loads_no_tensorflow(command: Command) -> None:
    code = (
        "import sys, time; began = time.perf_counter(); from optkit.cli import main; "
        f"main(['choose', {MNIST!r}, '--max-zip-bytes', '10000', '--max-drop', '0.5%']); "
        "took = time.perf_counter() - began; "
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'keras', 'tf_keras', 'pandas')], took)"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded, took = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert loaded == "[]"
    assert float(took) < 3, "1 s on an idle machine"
