"""Histories of saved runs: series apart, changes located, and every file accounted for."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit import OptkitError, RecordError, Tolerances
from optkit.cli import main
from optkit.judge.history import make_history
from optkit.judge.saved_runs import read_runs
from optkit.record.facts import DatasetFacts, RuntimeFacts
from optkit.report.history import history_text, sparkline
from tests.builders import MACHINE, variant
from tests.conftest import Command
from tests.judge.histories import only, runs_of, saved, store, times


def test_a_slow_down_is_located_at_the_right_run() -> None:
    history = make_history(runs_of(*(saved(i, s) for i, s in enumerate(times(30, 20)))), Tolerances())
    series = only(history)
    (change,) = series.changes
    assert abs(change.at - 20) <= 1
    assert (change.verdict, change.counts, series.worsened) == ("worse", True, True)
    assert change.change == pytest.approx(1.1, abs=0.015)
    assert series.scatter == pytest.approx(0.01, rel=0.4)
    assert only(history, "zip_bytes").changes == only(history, "accuracy").changes == ()


def test_a_steady_series_has_no_change_and_a_recovered_one_is_not_worse() -> None:
    steady = only(make_history(runs_of(*(saved(i, s) for i, s in enumerate(times(40)))), Tolerances()))
    assert (steady.changes, steady.worsened) == ((), False)
    up_and_down = [s * (1.1 if 15 <= i < 30 else 1.0) for i, s in enumerate(times(45))]
    series = only(make_history(runs_of(*(saved(i, s) for i, s in enumerate(up_and_down))), Tolerances()))
    assert [change.verdict for change in series.changes] == ["worse", "better"]
    assert not series.worsened


def test_the_reference_takes_the_clock_out_of_times() -> None:
    clock = times(30, 15, 1.4)
    files = [saved(i, 5 * c, reference=c) for i, c in enumerate(clock)]
    series = only(make_history(runs_of(*files), Tolerances()))
    assert (series.unit, series.changes) == ("times the reference", ())
    assert series.points[0].value == pytest.approx(5)
    raw = only(make_history(runs_of(*(saved(i, 5 * c) for i, c in enumerate(clock))), Tolerances()))
    assert (raw.unit, len(raw.changes)) == ("seconds", 1)


def test_runs_with_and_without_a_reference_or_with_another_are_apart() -> None:
    files = [saved(0), saved(1, reference=0.1), saved(2, reference=0.1)]
    files[2]["benchmarks"][0]["extra_info"]["optkit"]["reference"] = "another"
    series = [one for one in make_history(runs_of(*files), Tolerances()).series if one.metric == "seconds"]
    assert [(one.unit, len(one.points)) for one in series] == [
        ("seconds", 1), ("times the reference", 1), ("times the reference", 1),
    ]  # fmt: skip


def test_times_by_another_clock_begin_a_series_of_their_own() -> None:
    """The reference, by wall clock, was in a slow moment; by CPU time nothing changed, and nothing is joined."""
    cpu: dict[str, Any] = {"cpu_rounds": (5.0, 5.0), "reference_cpu_rounds": (1.0, 1.0)}
    files = [saved(i, 5.0, reference=1.0) for i in range(3)]
    files += [saved(i, 5.0, reference=4.0, **(cpu if i < 5 else {})) for i in range(3, 6)]
    series = [one for one in make_history(runs_of(*files), Tolerances()).series if one.metric == "seconds"]
    assert [[point.value for point in one.points] for one in series] == [[5.0, 5.0, 5.0, 1.25], [5.0, 5.0]]


def test_a_run_of_several_sessions_is_their_median() -> None:
    one = saved(0, sessions=3)
    for benchmark_, seconds in zip(one["benchmarks"], (1.0, 3.0, 8.0), strict=True):
        benchmark_["stats"]["median"] = seconds
    assert only(make_history(runs_of(one), Tolerances())).points[0].value == 3.0


@pytest.mark.parametrize(
    "other",
    [
        {"machine": {**MACHINE, "cpu": {"brand_raw": "Y2", "count": 2}}},
        {"machine": {**MACHINE, "python_version": "3.12"}},
        {"facts": variant(runtime=RuntimeFacts(name="litert", version="9"))},
        {"facts": variant(suite="another")},
        {"facts": variant(dataset=DatasetFacts(name="mnist", digest="e" * 64, train=320, test=2000))},
        {"batch": 16},
        {"samples": 16},
        {"threads": 2},
        {"mode": "full_set"},
    ],
)
def test_what_is_not_comparable_is_never_joined(other: dict[str, Any]) -> None:
    # ten runs of each, twice as slow in one: joined, they would be a change, or seconds of two things in one line
    facts = other.pop("facts", variant())
    files = [saved(i, 1.0 + i % 2, *([facts] if i % 2 else []), **(other if i % 2 else {})) for i in range(20)]
    series = [one for one in make_history(runs_of(*files), Tolerances()).series if one.metric == "seconds"]
    assert [len(one.points) for one in series] == [10, 10]
    assert [{point.value for point in one.points} for one in series] in ([{1.0}, {2.0}], [{2.0}, {1.0}])


def test_a_keras_run_does_not_open_an_environment_of_its_own() -> None:
    keras = variant("baseline", runtime=RuntimeFacts(name="tf_keras", version="2"))
    history = make_history(
        runs_of(saved(0, 1.0, variant()), saved(1, 1.0, keras), saved(2, 1.0, variant())), Tolerances()
    )
    assert len(history.environments) == 1
    assert [len(one.points) for one in history.series if one.metric == "seconds"] == [2, 1]


def test_sizes_and_accuracy_change_at_a_run() -> None:
    files = [saved(i, 1.0, variant(size=1000 + 50 * (i >= 3), wrong=40 + 40 * (i >= 4))) for i in range(6)]
    history = make_history(runs_of(*files), Tolerances())
    assert [(c.at, c.counts) for c in only(history, "zip_bytes").changes] == [(3, True)]
    (drop,) = only(history, "accuracy").changes
    assert (drop.at, drop.verdict, drop.reason) == (4, "worse", "40 samples lost, 0 gained")
    text = history_text(history, Tolerances())
    assert "0004.json" in text
    assert "less accurate: 40 samples lost, 0 gained" in text
    assert "+5.00 %" in text


def test_every_file_is_read_or_listed_with_the_reason(tmp_path: Path) -> None:
    other_schema = saved(1)
    other_schema["benchmarks"][0]["extra_info"]["optkit"]["schema"] = 9
    not_ours, undated, changed = saved(2), saved(3), saved(4, 1.0, variant(accuracy=0.5))
    not_ours["benchmarks"][0]["extra_info"] = {}
    undated["datetime"] = ""
    odd = {**saved(5), "machine_info": []}
    folder = store(tmp_path / "runs", [saved(0), other_schema, not_ours, undated, changed, odd, saved(0)])
    (folder / "notes.json").write_text("{")
    (folder / "notes.txt").write_text("no .json, so not ours")
    runs, unread = read_runs(folder)
    assert [run.path for run in runs] == ["Linux-CPython-3.11-64bit/0001_abc.json"]
    reasons = {Path(one.path).name: one.reason for one in unread}
    assert len(reasons) == 7
    assert "schema 9" in reasons["0002_abc.json"]
    assert "no extra_info.optkit" in reasons["0003_abc.json"]
    assert "without a date" in reasons["0004_abc.json"]
    assert "was changed" in reasons["0005_abc.json"]
    assert "machine_info" in reasons["0006_abc.json"]
    assert reasons["0007_abc.json"] == "the same run as Linux-CPython-3.11-64bit/0001_abc.json"
    assert "is not JSON" in reasons["notes.json"]
    not_json = "not read: notes.json: is not a pytest-benchmark file: it is not JSON"
    assert not_json in history_text(make_history(runs, Tolerances(), unread=unread), Tolerances())


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="is not a folder"):
        read_runs(tmp_path / "missing")
    with pytest.raises(RecordError, match="no saved run among 0"):
        read_runs(tmp_path)
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(RecordError, match=r"among 1 .json files; a.json: is not a pytest-benchmark file"):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "message"), [({"variants": ("int9",)}, "mean 'int8'"), ({"metrics": ("second",)}, "mean 'seconds'")]
)
def test_unknown_names_are_errors(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(OptkitError, match=message):
        make_history(runs_of(saved(0)), Tolerances(), **wanted)


def test_only_the_variants_and_metrics_that_are_asked_for() -> None:
    runs = runs_of(saved(0, 1.0, variant("a"), variant("b")))
    history = make_history(runs, Tolerances(), variants=("b",), metrics=("seconds", "accuracy"))
    assert [(one.name, one.metric) for one in history.series] == [("b/single_batch/1", "seconds"), ("b", "accuracy")]


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_the_order_of_files_on_disk_does_not_matter(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    files = [saved(i, s) for i, s in enumerate(times(12, 6, 1.3))]
    expected = [s.run for s in read_runs(store(tmp_path_factory.mktemp("h") / "a", files))[0]]
    random.Random(seed).shuffle(files)
    assert [s.run for s in read_runs(store(tmp_path_factory.mktemp("h") / "b", files))[0]] == expected


@settings(max_examples=20)
@given(st.floats(1e-6, 1e6), st.integers(0, 100))
def test_the_unit_of_time_does_not_matter(factor: float, seed: int) -> None:
    values = times(24, 14, 1.08, seed)
    one, other = (
        only(make_history(runs_of(*(saved(i, f * s) for i, s in enumerate(values))), Tolerances()))
        for f in (1.0, factor)
    )
    assert [(c.at, c.verdict, c.p) for c in one.changes] == [(c.at, c.verdict, c.p) for c in other.changes]


def test_a_trend_shows_a_step_and_does_not_make_much_of_noise() -> None:
    assert sparkline([1.0, 1.0, 2.0, 2.0], 0.02) == "▁▁██"
    assert set(sparkline(times(20), 0.1)) <= set("▄▅")
    assert len(sparkline(times(500), 0.02)) == 24
    assert sparkline([3.0], 0.02) == "▅"


def test_the_command_prints_and_fails_when_the_newest_run_is_worse(here: Command, tmp_path: Path) -> None:
    folder = str(store(tmp_path / "runs", [saved(i, s) for i, s in enumerate(times(30, 20))]))
    done = here("optkit", "history", folder)
    assert done.returncode == 0, done.stderr
    assert "int8/single_batch/1" in done.stdout
    assert re.search(r"int8/single_batch/1 +0021 +2026-01-21 00:00", done.stdout)
    assert "0000000000" in done.stdout
    failing = here("optkit", "history", folder, "--json", "--fail-on-change")
    assert failing.returncode == 1
    found = json.loads(failing.stdout)
    (series,) = (one for one in found["series"] if one["metric"] == "seconds")
    assert (series["worsened"], found["exit_code"], len(series["points"])) == (True, 1, 30)
    accepted = here("optkit", "history", folder, "--fail-on-change", "--since", "2026-01-22")
    assert accepted.returncode == 0
    assert "too short" in accepted.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere",), "is not a folder"),
        (("empty",), "no saved run"),
        (("runs", "--suite", "tyny"), "mean 'tiny'"),
        (("runs", "--since", "2030-01-01"), "no run made since"),
        (("runs", "--since", "soon"), "expected a date"),
    ],
)
def test_bad_input_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    store(tmp_path / "runs", [saved(0)])
    (tmp_path / "empty").mkdir()
    folder, *more = arguments
    try:
        code: Any = main(["history", str(tmp_path / folder), *more])
    except SystemExit as end:  # argparse's own way
        code = end.code
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert message in printed.err


def test_a_files_name_is_shown_and_written_without_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store(tmp_path, [saved(0), saved(1)])
    (tmp_path / "a\x1b[31m\n::error::b.json").write_text("{")
    (tmp_path / "c\udc80.json").write_text("{")
    for more in ([], ["--json"]):
        assert main(["history", str(tmp_path), *more]) == 0
        out = capsys.readouterr().out
        assert "\x1b" not in out
        assert not any(line.lstrip().startswith("::") for line in out.splitlines())
        assert "udc80.json" in out


WAYS: list[dict[str, Any]] = [{"mode": "full_set", "strategy": f"batch {size}", "batch": size} for size in (100, 500)]


def test_another_way_of_running_the_full_set_is_told_and_begins_no_series() -> None:
    files = [saved(i, s, **WAYS[i >= 20]) for i, s in enumerate(times(40, 20))]
    history = make_history(runs_of(*files), Tolerances())
    series = only(history)
    assert (series.name, len(series.points), len(series.changes)) == ("int8/full_set/1", 40, 1)
    assert [point.way for point in series.points[19:21]] == ["batch 100", "batch 500"]
    assert only(history, "zip_bytes").points[0].way is None
    text = " ".join(history_text(history, Tolerances()).split())
    assert "changed once, at run 0020.json (2026-01-21): from batch 100 to batch 500" in text
    assert "slower: run as batch 500, before as batch 100" in text
    steady = history_text(make_history(runs_of(*files[:20]), Tolerances()), Tolerances())
    assert "the way of running" not in steady


def test_one_run_has_no_scatter() -> None:
    files = [saved(i, s) for i, s in enumerate(times(3))]
    for n, scatter in ((1, None), (2, None), (3, pytest.approx(0.01, rel=0.9))):
        assert only(make_history(runs_of(*files[:n]), Tolerances())).scatter == scatter
    assert "0.0%" not in history_text(make_history(runs_of(files[0]), Tolerances()), Tolerances())
