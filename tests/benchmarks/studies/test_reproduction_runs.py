"""Reproduction: runs are recorded, condensed and rendered."""

import dataclasses
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies.reproduction import saved
from benchmarks.studies.reproduction.__main__ import main
from optkit import OptkitError, Timing, read_run
from tests.builders import benchmark, facts


def whole_run(folder: Path) -> Path:
    """Save a run as pytest-benchmark does, with what condensing drops."""
    benchmarks = [
        {**benchmark(of, seconds, mode), "options": {"timer": "x"}, "fullname": "y"}
        for of, seconds in (
            (facts(suite_path="/home/me/tiny.toml"), 0.5),
            (facts("int8", suite_path="/home/me/t"), 0.1),
        )
        for mode in ("single_batch", "full_set")
    ]
    for one in benchmarks:
        seconds = one["stats"]["median"]
        one["stats"].update(data=[0.9 * seconds, 1.1 * seconds], mean=seconds, rounds=2)
        one["extra_info"]["optkit"]["reference_rounds"] = [0.3, 0.4]
    machine = {"node": "my-host", "machine": "x86_64", "cpu": {"brand_raw": "A", "count": 2, "flags": ["sse"]}}
    path = folder / "tiny.json"
    path.write_text(
        json.dumps({"benchmarks": benchmarks, "machine_info": machine, "datetime": "2026-01-01", "commit_info": {}})
    )
    return path


def without_rounds(timing: Timing) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(timing).items() if not key.endswith("rounds")}


def test_condensing_drops_raw_rounds_and_the_host_and_changes_no_figure(tmp_path: Path) -> None:
    path = whole_run(tmp_path)
    small = tmp_path / "small.json"
    small.write_text(saved.condense(path, conditions="busy"), encoding="utf-8")
    before, after = read_run(path), read_run(small)
    assert len(small.read_bytes()) < len(path.read_bytes())
    assert not {"my-host", "/home/me", "sse", "fullname", "data", "reference_rounds"} & set(
        small.read_text().split('"')
    )
    assert after.variants == {n: dataclasses.replace(f, suite_path=None) for n, f in before.variants.items()}
    assert [without_rounds(t) for t in after.timings] == [without_rounds(t) for t in before.timings]
    assert all(t.rounds == () for t in after.timings)
    assert (after.suite, after.baseline, after.made) == (before.suite, before.baseline, before.made)
    assert after.machine.saved == {"machine": "x86_64", "conditions": "busy", "cpu": {"brand_raw": "A", "count": 2}}
    assert saved.condense(small) == small.read_text(encoding="utf-8"), "condensing twice changes nothing"


def test_condensing_keeps_the_baseline_and_refuses_unknown_names(tmp_path: Path) -> None:
    path = whole_run(tmp_path)
    small = tmp_path / "small.json"
    small.write_text(saved.condense(path, variants=["int8"], modes=["full_set"]), encoding="utf-8")
    run = read_run(small)
    assert {(t.variant, t.mode) for t in run.timings} == {("baseline", "full_set"), ("int8", "full_set")}
    unknown: list[dict[str, Any]] = [{"variants": ["int9"]}, {"modes": ["full_seat"]}]
    for names in unknown:
        with pytest.raises(OptkitError, match="did you mean"):
            saved.condense(path, **names)


def test_render_names_what_is_missing_and_is_strict_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, run = tmp_path / "page.md", whole_run(tmp_path)
    assert main(["render", str(run), "-o", str(out)]) == 0
    assert "missing: there is no saved run 'mnist' (" in capsys.readouterr().err
    assert "`tiny`" in out.read_text(encoding="utf-8")
    assert main(["render", str(run), "-o", str(out), "--strict", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert found["missing"] == sum(line["missing"] for line in found["lines"]) > 0
    assert main(["render", str(tmp_path / "none.json"), "-o", str(out), "--json"]) == 2
    assert "cannot be read" in json.loads(capsys.readouterr().out)["error"]


def test_two_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(OptkitError, match="two runs are called 'tiny'"):
        saved.read_runs([whole_run(tmp_path), whole_run(tmp_path / "b")])


Ran = list[tuple[list[str], dict[str, str]]]


@pytest.fixture
def pytest_saves(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], Ran]:
    """Stand in for the child: it saves a run, or fails with the code given."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    text = whole_run(tmp_path).read_text()
    ran: Ran = []

    def with_code(code: int) -> Ran:
        def child(command: list[str], env: dict[str, str], **_: Any) -> "subprocess.CompletedProcess[bytes]":
            ran.append((command, env))
            if code == 0:
                (output,) = (part.split("=")[1] for part in command if part.startswith("--benchmark-json="))
                Path(output).write_text(text)
            return subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(subprocess, "run", child)
        return ran

    return with_code


def test_run_records_condenses_and_renders(
    pytest_saves: Callable[[int], Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw0")
    ran = pytest_saves(0)
    assert main(["run", "--document", "2_quickdraw_binary"]) == 0
    ((command, environment),) = ran
    assert command[1:4] == ["-m", "pytest", "benchmarks"]
    assert command[command.index("--suite") + 1] == "quickdraw"
    assert not [name for name in environment if name.startswith("PYTEST_")]
    assert set(environment) <= set(os.environ)
    kept = read_run(tmp_path / "docs/results/runs/quickdraw.json")
    assert {timing.mode for timing in kept.timings} == {"single_batch"}, "only the modes that runs.toml keeps"
    assert "`quickdraw`" in (tmp_path / "docs/reproduction.md").read_text(encoding="utf-8")


def test_a_run_that_fails_keeps_nothing_and_says_so(
    pytest_saves: Callable[[int], Ran], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest_saves(1)
    stale = tmp_path / "out/reproduction/quickdraw.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("left by an earlier run")
    assert main(["run", "--runs", "quickdraw"]) == 1
    assert "run quickdraw failed" in capsys.readouterr().err
    assert not stale.exists()
    assert not (tmp_path / "docs/results/runs/quickdraw.json").exists()


def test_listing_shows_the_commands_and_runs_nothing(
    pytest_saves: Callable[[int], Ran], capsys: pytest.CaptureFixture[str]
) -> None:
    ran = pytest_saves(0)
    assert main(["run", "--list"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert (len(shown), ran) == (2 * len(saved.planned_runs()), [])
    assert main(["run", "--list", "--runs", "mnits"]) == 2
    assert main(["run", "--list", "--document", "1_mnist"]) == 2
    assert main(["run", "--list", "--runs", "mnist", "--document", "2_quickdraw_binary"]) == 2
