"""Searching: holes and their order, the same questions for the same seed, going on after a kill, the verdict."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import OptkitError, Store, SuiteError, load_suite, open_suite
from optkit.build.artifact import Artifact
from optkit.build.builder import build_variants
from optkit.cli import main
from optkit.search import loop
from optkit.search.default import default_template, teachers_of
from optkit.search.holes import Choices, Hole, Range, filled, holes
from optkit.search.loop import Wanted, search
from optkit.search.measuring import chosen_by
from optkit.search.sampler import Sampler
from optkit.search.state import read_search
from optkit.search.trials import shortened, validating
from optkit.spec import Suite
from optkit.spec.bounds import read_bounds
from optkit.suites.variants import read_variants

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'optkit[search]'")

TEMPLATE: dict[str, Any] = {
    "steps": [
        {"technique": "prune", "optional": True, "final_sparsity": {"low": 0.5, "high": 0.9}, "epochs": 4},
        {"technique": "cluster", "optional": True, "clusters": {"choices": [4, 8]}, "epochs": 2},
    ],
    "conversion": {"mode": {"choices": ["dynamic_range", "int8"]}},
}


def test_holes_have_the_names_of_their_places() -> None:
    assert holes(TEMPLATE) == {
        "conversion.mode": Choices(choices=("dynamic_range", "int8")),
        "steps[0].optional": Choices(choices=(True, False)),
        "steps[0].final_sparsity": Range(low=0.5, high=0.9),
        "steps[1].optional": Choices(choices=(True, False)),
        "steps[1].clusters": Choices(choices=(4, 8)),
    }


def test_what_a_step_would_undo_is_kept_without_being_said() -> None:
    table = filled(TEMPLATE, lambda name, hole: hole.low if isinstance(hole, Range) else hole.choices[0])
    assert table["steps"][1]["preserve_sparsity"] is True
    without = filled(TEMPLATE, lambda name, hole: hole.low if isinstance(hole, Range) else hole.choices[-1])
    assert "steps" not in without


def test_a_step_that_is_left_out_is_not_asked_for() -> None:
    asked: list[str] = []

    def ask(name: str, hole: Hole) -> Any:
        asked.append(name)
        return False if name == "steps[0].optional" else 0.6 if isinstance(hole, Range) else hole.choices[0]

    filled(TEMPLATE, ask)
    assert "steps[0].final_sparsity" not in asked
    assert "steps[1].clusters" in asked


@pytest.mark.parametrize(
    ("hole", "said"),
    [
        ({"low": 2, "high": 1}, r"steps\[0\].x: .*low below high"),
        ({"low": 0, "high": 1, "log": True}, "more than 0"),
        ({"choices": [1]}, "two or more"),
        ({"low": 1, "high": 2, "lgo": True}, "unknown key 'lgo'"),
    ],
)
def test_a_hole_that_is_none_is_said_with_its_place(hole: dict[str, Any], said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        holes({"steps": [{"technique": "prune", "x": hole}]})


def test_smallest_of_mnist_techniques_is_a_point_of_the_default_space() -> None:
    """But for the length of its trainings, of which the space has the nearest."""
    suite = load_suite("mnist_techniques")
    assert teachers_of(suite) == ("teacher",)
    template = default_template(suite, ("conv", "logits"))
    found = holes(template)
    prune, cluster = (n for n, s in enumerate(template["steps"]) if s["technique"] in ("prune", "cluster"))
    wanted: dict[str, Any] = {
        f"steps[{prune}].sparsity_by_layer.logits": 0.94,
        f"steps[{prune}].sparsity_by_layer.conv": 0.0,
        f"steps[{prune}].epochs": 14,
        f"steps[{cluster}].clusters": 8,
        f"steps[{cluster}].epochs": 8,
        "conversion.mode": "dynamic_range",
        "conversion.strip": "all",
    }
    for name, value in wanted.items():
        hole = found[name]
        assert hole.low <= value <= hole.high if isinstance(hole, Range) else value in hole.choices, name
    table = filled(
        template, lambda name, hole: wanted.get(name, hole.low if isinstance(hole, Range) else hole.choices[0])
    )
    teacher = {"network": "mnist_teacher"}
    list(read_variants({"teacher": teacher, "found": table}, suite.workload))  # and it is a recipe


@given(part=st.sampled_from([0.25, 0.5, 1.0]), epochs=st.integers(1, 40))
def test_a_rung_trains_a_part_and_never_nothing(part: float, epochs: int) -> None:
    table = {"steps": [{"technique": "prune", "epochs": epochs}, {"technique": "fold"}]}
    short = shortened(validating(table, 0.2), part)
    assert 1 <= short["steps"][0]["epochs"] <= epochs
    assert short["steps"][0]["validation_split"] == 0.2
    assert short["steps"][1] == {"technique": "fold"}
    assert table["steps"][0] == {"technique": "prune", "epochs": epochs}


def _distance(sampler: Sampler, trials: int) -> float:
    """Return the least of a function with its constrained least at x = 0.3, kind = b."""
    best = float("inf")
    for _ in range(trials):
        asked = sampler.ask()
        x = asked("x", Range(low=0.0, high=1.0))
        kind = asked("kind", Choices(choices=("a", "b")))
        value, outside = abs(x - 0.1) + (kind == "a"), 0.3 - x
        sampler.tell(asked, [value], [outside])
        best = min(best, value) if outside <= 0 else best
    return best


def test_the_sampler_learns_and_keeps_within_constraints() -> None:
    learned = np.median([_distance(Sampler(seed, 1), 40) for seed in range(5)])
    drawn = np.median([_distance(Sampler(seed, 1, random=True), 40) for seed in range(5)])
    assert 0.2 <= learned < 0.215
    assert learned < drawn


def test_the_same_seed_asks_the_same() -> None:
    def asked(seed: int) -> list[Any]:
        sampler, found = Sampler(seed, 1), []
        for _ in range(15):
            one = sampler.ask()
            filled(TEMPLATE, one)
            sampler.tell(one, [len(str(one.values))], [0.0])
            found.append(one.values)
        return found

    assert asked(3) == asked(3) != asked(4)


class Stop(Exception):
    """Stands for a kill."""


@pytest.fixture
def built(tiny_suite: Path, tiny_data: Path, built_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what searches the tiny suite, with a store of its own, and what it built."""
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    suite, data = open_suite(str(tiny_suite))
    template = {"from": "baseline", "conversion": {"mode": {"choices": ["dynamic_range", "int8", "float16"]}}}
    suite = dataclasses.replace(suite, search=template)
    store = Store(shutil.copytree(built_store, tmp_path / "store"))  # its baseline is trained
    builds: list[tuple[str, ...]] = []

    def run(folder: Path, wanted: Wanted, stop_after: int = 1000) -> Any:
        def build(trials: Suite, variants: Sequence[str]) -> Mapping[str, Artifact]:
            if len(builds) >= stop_after:
                raise Stop
            builds.append(tuple(variants))
            return build_variants(trials, trials.select((trials.baseline, *variants)), data, store)

        return search(suite, data, store, folder, wanted, build)

    return run, builds


WANTED = Wanted(bounds=read_bounds({"max_drop": 0.5}), minimize=("zip_bytes",), trials=3)


def test_a_search_finds_the_smallest_goes_on_after_a_kill_and_certifies_on_the_test_set(
    built: Any, tmp_path: Path
) -> None:
    run, builds = built
    with pytest.raises(Stop):
        run(tmp_path / "killed", WANTED, stop_after=2)
    kept = read_search(tmp_path / "killed")
    assert kept
    assert kept.trials
    before = len(builds)
    found = run(tmp_path / "killed", WANTED)
    again = len(builds) - before
    whole = run(tmp_path / "whole", WANTED)
    assert found == whole
    assert again < len(builds) - before - again  # what was known was not built again
    sizes = {trial.values["conversion.mode"]: trial.whole.figures["zip_bytes"] for trial in found.trials if trial.whole}
    assert found.certificate["zip_bytes"] == min(sizes.values())
    assert found.certificate["low"] <= found.certificate["drop"] <= found.certificate["high"]
    assert "70 test samples" in found.certificate["data"]
    with pytest.raises(OptkitError, match="holds a search with another seed"):
        run(tmp_path / "whole", dataclasses.replace(WANTED, seed=2))


def test_what_chooses_was_never_trained_on(tiny_suite: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    _, data = open_suite(str(tiny_suite))
    held_out = chosen_by(data, 0.1)
    assert len(held_out.x_test) == len(held_out.y_test) == 32
    np.testing.assert_array_equal(held_out.x_test, data.x_train[-32:])
    assert held_out.digest != data.digest


def test_a_space_without_holes_is_said(built: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, _ = built
    monkeypatch.setattr(loop, "holes", lambda template: {})
    with pytest.raises(OptkitError, match="the space has no holes"):
        run(tmp_path / "s", WANTED)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--minimize", "size"], "--minimize has 'size'"),
        (["--bounds", "max_zip_bytes"], "expected KEY=VALUE"),
        (["--bounds", "max_zip_byte=3"], "unknown key"),
        (["--max-drop", "x"], "expected a number"),
        (["--hours", "0"], "expected more than 0"),
    ],
)
def test_what_cannot_be_asked_for_is_said(
    arguments: list[str], said: str, tiny_suite: Path, tiny_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPTKIT_DATA", str(tiny_data))
        try:
            code = main(["search", str(tiny_suite), *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
    assert code == 2
    assert said in capsys.readouterr().err


def test_the_command_prints_the_winner_as_suite_lines(
    tiny_suite: Path,
    tiny_data: Path,
    built_store: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    monkeypatch.setenv("OPTKIT_STORE", str(shutil.copytree(built_store, tmp_path / "store")))
    _, data = open_suite(str(tiny_suite))
    path = tmp_path / "searched.toml"
    lines = '[search]\nfrom = "baseline"\nconversion = { mode = { choices = ["dynamic_range", "int8"] } }\n'
    path.write_text(f"{tiny_suite.read_text()}\n{lines}")
    out = tmp_path / "out"
    monkeypatch.setattr(
        "optkit.commands.search.ensure_variants", lambda s, v, d, store, *_: build_variants(s, v, d, store)
    )
    assert main(["search", str(path), "--trials", "1", "--max-drop", "50%", "-o", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["winner"]
    winner = (out / "winner.toml").read_text()
    again = tmp_path / "again.toml"
    again.write_text(f'schema = 2\nname = "again"\nextends = "{tiny_suite}"\n{winner}')
    variant = load_suite(str(again), on=data.name).variant("found")
    assert variant.conversion
    assert main(["search", str(path), "--trials", "1", "--max-drop", "50%", "-o", str(out)]) == 0
    text = capsys.readouterr().out
    assert "On the test set, once: drop" in text
    assert "[variants.found" in text
