"""Histories of saved runs: series apart, changes located, and every file accounted for."""

import json
import random
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optkit import OptkitError, RecordError, Rules, VariantFacts
from optkit.cli import main
from optkit.history import History, SavedRun, make_history, read_runs
from optkit.record import DatasetFacts, RuntimeFacts, make_run
from optkit.report.history import history_text, sparkline
from tests.conftest import Command
from tests.test_compare import MACHINE, variant
from tests.test_record import benchmark

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def saved(
    number: int,
    seconds: float = 1.0,
    *facts: VariantFacts,
    reference: float | None = None,
    machine: dict[str, Any] = MACHINE,
    sessions: int = 1,
    **info: Any,
) -> dict[str, Any]:
    """What pytest-benchmark would save of run `number`, a day after the one before."""
    benchmarks = [benchmark(one, seconds) for _ in range(sessions) for one in facts or (variant(),)]
    for one in benchmarks:
        one["extra_info"]["optkit"] |= {"reference_seconds": reference, **info}
    made = (START + timedelta(days=number)).isoformat()
    return {
        "benchmarks": benchmarks,
        "machine_info": machine,
        "datetime": made,
        "commit_info": {"id": f"{number:040x}"},
    }


def runs_of(*files: dict[str, Any]) -> list[SavedRun]:
    return [
        SavedRun(
            path=f"{i:04}.json",
            made=datetime.fromisoformat(one["datetime"]),
            run=make_run(json.loads(json.dumps(one["benchmarks"])), one["machine_info"], one["datetime"]),
        )
        for i, one in enumerate(files)
    ]


def store(folder: Path, files: list[dict[str, Any]]) -> Path:
    under = folder / "Linux-CPython-3.11-64bit"
    under.mkdir(parents=True)
    for number, one in enumerate(files):
        (under / f"{number + 1:04}_abc.json").write_text(json.dumps(one))
    return folder


def times(n: int, at: int | None = None, factor: float = 1.1, seed: int = 0) -> list[float]:
    found = np.exp(np.random.default_rng(seed).normal(0, 0.01, n))
    if at is not None:
        found[at:] *= factor
    return found.tolist()


def only(history: History, metric: str = "seconds") -> Any:
    (one,) = (series for series in history.series if series.metric == metric)
    return one


def test_a_slow_down_is_located_at_the_right_run() -> None:
    history = make_history(runs_of(*(saved(i, s) for i, s in enumerate(times(30, 20)))), Rules())
    series = only(history)
    (change,) = series.changes
    assert abs(change.at - 20) <= 1
    assert (change.verdict, change.counts, series.worsened) == ("worse", True, True)
    assert change.change == pytest.approx(1.1, abs=0.015)
    assert series.scatter == pytest.approx(0.01, rel=0.4)
    assert only(history, "zip_bytes").changes == only(history, "accuracy").changes == ()


def test_a_steady_series_has_no_change_and_a_recovered_one_is_not_worse() -> None:
    steady = only(make_history(runs_of(*(saved(i, s) for i, s in enumerate(times(40)))), Rules()))
    assert (steady.changes, steady.worsened) == ((), False)
    up_and_down = [s * (1.1 if 15 <= i < 30 else 1.0) for i, s in enumerate(times(45))]
    series = only(make_history(runs_of(*(saved(i, s) for i, s in enumerate(up_and_down))), Rules()))
    assert [change.verdict for change in series.changes] == ["worse", "better"]
    assert not series.worsened


def test_the_reference_takes_the_clock_out_of_times() -> None:
    clock = times(30, 15, 1.4)
    files = [saved(i, 5 * c, reference=c) for i, c in enumerate(clock)]
    series = only(make_history(runs_of(*files), Rules()))
    assert (series.unit, series.changes) == ("times the reference", ())
    assert series.points[0].value == pytest.approx(5)
    raw = only(make_history(runs_of(*(saved(i, 5 * c) for i, c in enumerate(clock))), Rules()))
    assert (raw.unit, len(raw.changes)) == ("seconds", 1)


def test_runs_with_and_without_a_reference_or_with_another_are_apart() -> None:
    files = [saved(0), saved(1, reference=0.1), saved(2, reference=0.1)]
    files[2]["benchmarks"][0]["extra_info"]["optkit"]["reference"] = "another"
    series = [one for one in make_history(runs_of(*files), Rules()).series if one.metric == "seconds"]
    assert [(one.unit, len(one.points)) for one in series] == [
        ("seconds", 1), ("times the reference", 1), ("times the reference", 1),
    ]  # fmt: skip


def test_a_run_of_several_sessions_is_their_median() -> None:
    one = saved(0, sessions=3)
    for benchmark_, seconds in zip(one["benchmarks"], (1.0, 3.0, 8.0), strict=True):
        benchmark_["stats"]["median"] = seconds
    assert only(make_history(runs_of(one), Rules())).points[0].value == 3.0


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
        {"strategy": "batch 100"},
        {"threads": 2},
        {"mode": "full_set"},
    ],
)
def test_what_is_not_comparable_is_never_joined(other: dict[str, Any]) -> None:
    # ten runs of each, twice as slow in one: joined, they would be a change, or seconds of two things in one line
    facts = other.pop("facts", variant())
    files = [saved(i, 1.0 + i % 2, *([facts] if i % 2 else []), **(other if i % 2 else {})) for i in range(20)]
    series = [one for one in make_history(runs_of(*files), Rules()).series if one.metric == "seconds"]
    assert [len(one.points) for one in series] == [10, 10]
    assert [{point.value for point in one.points} for one in series] in ([{1.0}, {2.0}], [{2.0}, {1.0}])


def test_a_keras_run_does_not_open_an_environment_of_its_own() -> None:
    keras = variant("baseline", runtime=RuntimeFacts(name="tf_keras", version="2"))
    history = make_history(runs_of(saved(0, 1.0, variant()), saved(1, 1.0, keras), saved(2, 1.0, variant())), Rules())
    assert len(history.environments) == 1
    assert [len(one.points) for one in history.series if one.metric == "seconds"] == [2, 1]


def test_sizes_and_accuracy_change_at_a_run() -> None:
    files = [saved(i, 1.0, variant(size=1000 + 50 * (i >= 3), wrong=40 + 40 * (i >= 4))) for i in range(6)]
    history = make_history(runs_of(*files), Rules())
    assert [(c.at, c.counts) for c in only(history, "zip_bytes").changes] == [(3, True)]
    (drop,) = only(history, "accuracy").changes
    assert (drop.at, drop.verdict, drop.reason) == (4, "worse", "40 samples lost, 0 gained")
    text = history_text(history, Rules())
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
    assert not_json in history_text(make_history(runs, Rules(), unread=unread), Rules())


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
        make_history(runs_of(saved(0)), Rules(), **wanted)


def test_only_the_variants_and_metrics_that_are_asked_for() -> None:
    runs = runs_of(saved(0, 1.0, variant("a"), variant("b")))
    history = make_history(runs, Rules(), variants=("b",), metrics=("seconds", "accuracy"))
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
        only(make_history(runs_of(*(saved(i, f * s) for i, s in enumerate(values))), Rules())) for f in (1.0, factor)
    )
    assert [(c.at, c.verdict, c.p) for c in one.changes] == [(c.at, c.verdict, c.p) for c in other.changes]


def test_a_trend_shows_a_step_and_does_not_make_much_of_noise() -> None:
    assert sparkline([1.0, 1.0, 2.0, 2.0], 0.02) == "▁▁██"
    assert set(sparkline(times(20), 0.1)) <= set("▄▅")
    assert len(sparkline(times(500), 0.02)) == 24
    assert sparkline([3.0], 0.02) == "▅"


def test_the_command_prints_and_fails_when_the_newest_run_is_worse(command: Command, tmp_path: Path) -> None:
    folder = str(store(tmp_path / "runs", [saved(i, s) for i, s in enumerate(times(30, 20))]))
    done = command("optkit", "history", folder)
    assert done.returncode == 0, done.stderr
    assert "int8/single_batch/1" in done.stdout
    assert re.search(r"int8/single_batch/1 +0021 +2026-01-21 00:00", done.stdout)
    assert "0000000000" in done.stdout
    failing = command("optkit", "history", folder, "--json", "--fail-on-change")
    assert failing.returncode == 1
    found = json.loads(failing.stdout)
    (series,) = (one for one in found["series"] if one["metric"] == "seconds")
    assert (series["worsened"], found["exit_code"], len(series["points"])) == (True, 1, 30)
    accepted = command("optkit", "history", folder, "--fail-on-change", "--since", "2026-01-22")
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
