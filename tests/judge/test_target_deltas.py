"""What files are on targets, compared and followed: a grown arena is worse, and what is not comparable never passes."""

import json
from pathlib import Path
from typing import Any

import pytest

from optkit import Tolerances, VariantFacts
from optkit.judge.deltas import Delta
from optkit.judge.history import make_history
from optkit.judge.past import past_of, read_past
from optkit.measure.targets import TargetFacts
from optkit.record.run import run_of
from optkit.report.comparison import comparison_text
from optkit.report.history import history_text
from tests.builders import compared, run, variant
from tests.conftest import Command
from tests.judge.histories import runs_of, saved, store

ARENA = {"arena_bytes": 12_000.0, "flash_bytes": 20_000.0}


def on(target: str = "m4", figures: dict[str, float] | None = None, **more: Any) -> VariantFacts:
    known = {"target": target, "by": "tflite_micro", "version": "1", "figures": figures or {}, **more}
    return variant(targets={target: TargetFacts(**known)})


def there(base: VariantFacts, head: VariantFacts, **asked: Any) -> dict[str, Delta]:
    found = compared(run(base), run(head), **asked)
    return {one.metric: one for one in found.deltas if one.name == "int8/m4"}


def test_a_grown_arena_is_worse_and_fails() -> None:
    head = on(figures={**ARENA, "arena_bytes": 14_000.0})
    found = compared(run(on(figures=ARENA)), run(head))
    grown = there(on(figures=ARENA), head)["arena_bytes"]
    assert (grown.verdict, grown.fails, grown.change) == ("worse", True, pytest.approx(14 / 12))
    assert found.exit_code == 1
    assert "FAIL: larger" in comparison_text(found, Tolerances())
    assert there(head, on(figures=ARENA))["arena_bytes"].verdict == "better"
    assert there(head, on(figures=ARENA))["flash_bytes"].verdict == "same"


def test_a_byte_more_is_worse_and_within_the_tolerance() -> None:
    one = there(on(figures=ARENA), on(figures={**ARENA, "arena_bytes": 12_001.0}))["arena_bytes"]
    assert (one.verdict, one.fails) == ("worse", False)


@pytest.mark.parametrize(("share", "word", "fails"), [(0.9, "worse", True), (1.0, "same", False)])
def test_of_a_share_on_the_accelerator_less_is_worse(share: float, word: str, fails: bool) -> None:
    one = there(on(figures={"npu_share": 1.0}), on(figures={"npu_share": share}))["npu_share"]
    assert (one.verdict, one.fails) == (word, fails)
    assert there(on(figures={"npu_share": 0.5}), on(figures={"npu_share": 1.0}))["npu_share"].verdict == "better"


@pytest.mark.parametrize(
    ("head", "ranges", "word", "fails"),
    [
        (1.2e6, (1.15e6, 1.25e6), "worse", True),  # all its processes grew more than any before
        (1.2e6, (1.0e6, 1.25e6), "inconclusive", False),
        (1.03e6, (1.025e6, 1.04e6), "same", False),  # apart, but no more than from run to run
        (0.8e6, (0.75e6, 0.85e6), "better", False),
    ],
)
def test_measured_memory_must_change_by_more_than_it_scatters(
    head: float, ranges: tuple[float, float], word: str, fails: bool
) -> None:
    base = on(figures={"peak_bytes": 1e6}, ranges={"peak_bytes": (0.99e6, 1.02e6)})
    one = there(base, on(figures={"peak_bytes": head}, ranges={"peak_bytes": ranges}))["peak_bytes"]
    assert (one.verdict, one.fails) == (word, fails)


def test_a_file_that_no_longer_runs_is_worse_and_says_why() -> None:
    refused = on(refused="no kernel for EXP")
    one = there(on(figures=ARENA), refused)["runs"]
    assert (one.verdict, one.fails, one.reason) == ("worse", True, "no kernel for EXP")
    assert there(refused, on(figures=ARENA))["runs"].verdict == "better"
    assert there(refused, refused)["runs"].verdict == "same"


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (on(missing="pip install 'optkit[micro]'"), "nothing is known in the head"),
        (on(figures=ARENA, version="2"), "other versions of tflite_micro: 1 and 2"),
        (on(figures=ARENA, settings={"threads": 2}), "other settings"),
        (on(figures=ARENA, by="mnn"), "tflite_micro in the base, mnn in the head"),
        (on(figures={"flash_bytes": 20_000.0}), "arena_bytes was measured in the base only"),
    ],
)
def test_what_is_not_comparable_never_passes(head: VariantFacts, said: str) -> None:
    found = compared(run(on(figures=ARENA)), run(head), times=False)
    assert found.exit_code == 3
    [one] = [delta for delta in found.deltas if delta.verdict == "not comparable"]
    assert said in one.reason


def test_other_versions_are_compared_when_asked_for() -> None:
    head = on(figures={**ARENA, "arena_bytes": 14_000.0}, version="2")
    assert there(on(figures=ARENA), head, across_environments=True)["arena_bytes"].verdict == "worse"


def test_a_target_without_partner_is_missing_or_new() -> None:
    both, plain = run(on(figures=ARENA)), run(variant())
    assert (compared(both, plain).missing, compared(both, plain).exit_code) == (("int8/m4",), 1)
    assert compared(plain, both).new == ("int8/m4",)
    assert compared(plain, both, allow=["int8/m4"], times=False).exit_code == 0


def test_a_history_finds_the_run_in_which_the_arena_grew() -> None:
    sizes = [12_000.0] * 4 + [14_000.0] * 3
    runs = runs_of(*(saved(i, 1.0, on(figures={**ARENA, "arena_bytes": size})) for i, size in enumerate(sizes)))
    history = make_history(runs, Tolerances())
    found = {one.metric: one for one in history.series if one.name == "int8/m4"}
    assert set(found) == {"arena_bytes", "flash_bytes"}
    [change] = found["arena_bytes"].changes
    assert (change.at, change.verdict, found["arena_bytes"].worsened) == (4, "worse", True)
    assert not found["flash_bytes"].worsened
    assert "larger" in history_text(history, Tolerances())


def test_a_history_finds_where_a_file_stopped_to_run_and_where_an_operator_fell_back() -> None:
    good = on(figures={"npu_share": 1.0})
    runs = [good, good, on(figures={"npu_share": 0.8}), on(refused="no operator runs there")]
    history = make_history(runs_of(*(saved(i, 1.0, one) for i, one in enumerate(runs))), Tolerances())
    found = {one.metric: one for one in history.series if one.name == "int8/m4"}
    assert [(change.at, change.verdict) for change in found["npu_share"].changes] == [(2, "worse")]
    assert [(change.at, change.verdict) for change in found["runs"].changes] == [(3, "worse")]


def test_another_version_begins_a_series_of_its_own() -> None:
    runs = [on(figures=ARENA), on(figures={**ARENA, "arena_bytes": 14_000.0}, version="2")]
    history = make_history(runs_of(*(saved(i, 1.0, one) for i, one in enumerate(runs))), Tolerances())
    arenas = [one for one in history.series if one.metric == "arena_bytes"]
    assert [(len(one.points), one.changes) for one in arenas] == [(1, ()), (1, ())]


def test_the_quick_way_to_read_a_run_keeps_what_read_run_says(tmp_path: Path) -> None:
    one = saved(0, 1.0, on(figures=ARENA))
    path = tmp_path / "run.json"
    path.write_text(json.dumps(one))
    assert read_past(path) == past_of(run_of(json.loads(json.dumps(one))))
    assert read_past(path).variants[0].targets[0].figures == tuple(ARENA.items())


def test_the_command_fails_and_the_second_time_says_the_same_from_its_index(command: Command, tmp_path: Path) -> None:
    sizes = (12_000.0, 12_000.0, 14_000.0)
    files = [saved(i, 1.0, on(figures={**ARENA, "arena_bytes": size})) for i, size in enumerate(sizes)]
    folder = store(tmp_path / "past", files)
    for _ in range(2):
        result = command("optkit", "history", str(folder), "--metric", "arena_bytes", "--fail-on-change")
        assert result.returncode == 1
        assert "14,000" in result.stdout
