"""What is kept of the runs of a history, and files that are no runs."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from optkit import read_run
from optkit.judge import past_index
from optkit.judge.past import _quickly, past_of, read_past
from optkit.judge.saved_runs import read_runs
from optkit.names import control_texts
from tests.builders import variant
from tests.judge.histories import saved, store, times


def with_rounds(one: dict[str, Any], reference: float = 0.1) -> dict[str, Any]:
    """The same run with raw rounds, of which half fell in a slow moment, as the reference beside them shows."""
    for benchmark_ in one["benchmarks"]:
        median = benchmark_["stats"]["median"]
        benchmark_["stats"]["data"] = [median, median, 2 * median]
        info = {"reference": "r", "reference_seconds": 1.1 * reference}
        benchmark_["extra_info"]["optkit"] |= {**info, "reference_rounds": [reference, 1.1 * reference, reference * 2]}
    return one


def test_what_is_kept_of_a_run_is_what_the_whole_run_says(tmp_path: Path) -> None:
    one = with_rounds(saved(0, 0.5, variant("a"), variant("plain"), sessions=3))
    (tmp_path / "run.json").write_text(json.dumps(one))
    kept = _quickly((tmp_path / "run.json").read_bytes())
    assert kept == past_of(read_run(tmp_path / "run.json"))
    assert kept is not None
    assert [timing.session for timing in kept.timings] == [0, 0, 1, 1, 2, 2]
    assert kept.timings[0].quotient == pytest.approx(5.0)
    assert "rounds" not in msgspec.json.encode(kept).decode()


def test_a_file_that_did_not_change_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_index, "_SETTLED_NS", -1)
    read: list[str] = []

    def counted(path: Path) -> Any:
        read.append(path.name)
        return read_past(path)

    monkeypatch.setattr("optkit.judge.saved_runs.read_past", counted)
    folder = store(tmp_path / "runs", [with_rounds(saved(i, s)) for i, s in enumerate(times(4))])
    (folder / "notes.json").write_text("{")
    first = read_runs(folder)
    assert len(read) == 5
    assert read_runs(folder) == first
    assert len(read) == 5, "the second time nothing is read"
    changed = folder / "Linux-CPython-3.11-64bit" / "0002_abc.json"
    changed.write_text(json.dumps(saved(1, 9.0)))
    assert read_runs(folder)[0][1].run.timings[0].seconds == 9.0
    assert read[5:] == ["0002_abc.json"]
    changed.unlink()
    assert [one.path[-13:] for one in read_runs(folder)[0]] == ["0001_abc.json", "0003_abc.json", "0004_abc.json"]
    assert len(read) == 6


@pytest.mark.parametrize("damage", ["empty", "a byte", "another version", "a folder", "not writable"])
def test_a_damaged_index_is_as_if_it_were_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(past_index, "_SETTLED_NS", -1)
    monkeypatch.setenv("OPTKIT_STORE", str(tmp_path / "cache"))
    folder = store(tmp_path / "runs", [saved(i, s) for i, s in enumerate(times(3))])
    expected = read_runs(folder)
    (path,) = (tmp_path / "cache" / "history").iterdir()
    whole = path.read_bytes()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "a byte":
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    elif damage == "another version":
        path.write_bytes(whole.replace(b"index 2,", b"index 0,", 1))
    elif damage == "a folder":
        path.unlink()
        path.mkdir()
    else:
        monkeypatch.setenv("OPTKIT_STORE", str(path / "in a file"))
    assert read_runs(folder) == expected
    if path.is_file() and damage != "not writable":
        assert path.read_bytes() == whole, "it was made again"


def test_a_file_that_changed_a_moment_ago_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPTKIT_STORE", str(tmp_path / "cache"))
    read_runs(store(tmp_path / "runs", [saved(0)]))
    assert not (tmp_path / "cache").exists()


def test_what_many_runs_share_is_one_object(tmp_path: Path) -> None:
    runs, _ = read_runs(store(tmp_path / "runs", [saved(i, s) for i, s in enumerate(times(3))]))
    for part in ("dataset", "environment"):
        assert len({id(getattr(one.run, part)) for one in runs}) == 1
    assert len({id(one.run.variants[0]) for one in runs}) == len({id(one.run.timings[0].setting) for one in runs}) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda info: info["artifact"].update(zip_bytes=0),
        lambda info: info.update(correct="?"),
        lambda info: info.update(variant="a/../b"),
        lambda info: info.update(accuracy_drop=-5.0),
    ],
    ids=["no bytes", "no vector", "a name", "a drop"],
)
def test_a_run_that_contradicts_itself_is_named_and_left_out(tmp_path: Path, change: Any) -> None:
    """Catches a quick way of reading that is less strict than `read_run`."""
    bad = saved(2)
    change(bad["benchmarks"][0]["extra_info"]["optkit"])
    folder = store(tmp_path, [saved(0), saved(1), bad])
    runs, unread = read_runs(folder)
    assert len(runs) == 2
    assert len(unread) == 1
    assert unread[0].reason


@pytest.mark.parametrize("content", [b"\xff", b'{"benchmarks": [], "machine_info": ' + b"[" * 100_000])
def test_bytes_that_are_no_run_are_named_and_left_out(tmp_path: Path, content: bytes) -> None:
    folder = store(tmp_path, [saved(0)])
    (folder / "bad.json").write_bytes(content)
    runs, unread = read_runs(folder)
    assert (len(runs), len(unread)) == (1, 1)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.update(machine_info={"cpu": {"brand_raw": "X\x1b[31m"}}),
        lambda run: run.update(commit_info={"id": "\x1b[31m"}),
        lambda run: run["benchmarks"][0]["extra_info"]["optkit"].update(strategy="\x1b[31m"),
        lambda run: run["benchmarks"][0]["extra_info"]["optkit"]["spec"].update(libraries={"numpy": "\x1b[31m"}),
    ],
    ids=["machine", "commit", "strategy", "library"],
)
def test_no_control_character_of_a_saved_run_reaches_a_history(tmp_path: Path, change: Any) -> None:
    """Catches a quick way of reading that lets through what `read_run` escapes or refuses."""
    odd = saved(1)
    change(odd)
    runs, unread = read_runs(store(tmp_path, [saved(0), odd]))
    assert len(runs) + len(unread) == 2
    kept = [
        (one.run.environment, one.run.commit, [timing.setting.strategy for timing in one.run.timings]) for one in runs
    ]
    assert not list(control_texts(kept))
