"""Searching: the same questions for the same seed, going on after a kill, the verdict."""

import dataclasses
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import OptkitError, Store, load_suite, open_suite
from optkit.build.artifact import Artifact
from optkit.build.builder import build_variants
from optkit.cli import main
from optkit.search.holes import Choices, Range, filled
from optkit.search.loop import search
from optkit.search.measuring import chosen_by
from optkit.search.sampler import Sampler
from optkit.search.state import read_search
from optkit.search.wanted import Wanted
from optkit.spec import Suite
from optkit.spec.bounds import read_bounds

pytest.importorskip("optuna", reason="optuna is not installed: pip install 'optkit[search]'")

TEMPLATE: dict[str, Any] = {
    "steps": [
        {"technique": "prune", "optional": True, "final_sparsity": {"low": 0.5, "high": 0.9}, "epochs": 4},
        {"technique": "cluster", "optional": True, "clusters": {"choices": [4, 8]}, "epochs": 2},
    ],
    "conversion": {"mode": {"choices": ["dynamic_range", "int8"]}},
}


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

    def run(folder: Path, wanted: Wanted, stop_after: int = 1000, template: Any = template) -> Any:
        def build(trials: Suite, variants: Sequence[str]) -> Mapping[str, Artifact]:
            if len(builds) >= stop_after:
                raise Stop
            builds.append(tuple(variants))
            return build_variants(trials, trials.select((trials.baseline, *variants)), data, store)

        return search(dataclasses.replace(suite, search=template), data, store, folder, wanted, build)

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


PRUNE: dict[str, Any] = {"technique": "prune", "epochs": 1, "initial_sparsity": 0.0}


@pytest.mark.parametrize(
    ("template", "bounds", "said"),
    [
        ({"from": "baseline", "conversion": {"mode": "int8"}}, {}, "the space has no holes"),
        (
            {"steps": [{**PRUNE, "sparsity_by_layer": {"nowhere*": {"low": 0.1, "high": 0.5}}}]},
            {},
            r"steps\[0\].sparsity_by_layer: no layer with weights is called 'nowhere\*'; there are ",
        ),
        (
            {"conversion": {"mode": "int8", "layers": {"nowhere": {"choices": ["int8", "int4"]}}}},
            {},
            "conversion.layers: no layer with weights is called 'nowhere'",
        ),
        (None, {"max_zip_bytes": 100}, "max_zip_bytes is 100, and no recipe of this space can meet it: the file takes"),
        (None, {"max_file_bytes": 100}, "max_file_bytes is 100, and no recipe of this space can meet it"),
    ],
)
def test_what_no_recipe_can_be_is_said_before_any_is_tried(
    template: Any, bounds: dict[str, float], said: str, built: Any, tmp_path: Path
) -> None:
    run, builds = built
    wanted = dataclasses.replace(WANTED, bounds=read_bounds({"max_drop": 0.5, **bounds}))
    with pytest.raises(OptkitError, match=said):
        run(tmp_path / "s", wanted, template=template)
    assert builds == [("search_float",)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--minimize", "size"], "--minimize has 'size'"),
        (["--bounds", "max_zip_bytes"], "expected KEY=VALUE"),
        (["--bounds", "max_zip_byte=3"], "unknown key"),
        (["--max-drop", "x"], "expected a number"),
        (["--hours", "0"], "expected more than 0"),
        (["--target", "nowhere"], "has no target 'nowhere'"),
        (["--min-accuracy", "0.9", "--max-accuracy", "0.8"], "nothing can be both"),
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
