"""Sessions merged: all of them or none, told apart, full sets in one way; what fails leaves nothing behind."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from optkit import Gate, OptkitError, RecordError, make_run
from optkit.cli import main
from optkit.commands import bench
from optkit.judge.gates import judge
from optkit.record.sessions import merge, run_session, run_sessions, save
from optkit.suites import place_of, read_suite, tomllib
from tests.builders import benchmark, facts
from tests.conftest import SUITE

MNIST = str(place_of("mnist"))


def document(seconds: float, *names: str) -> dict[str, Any]:
    """What pytest-benchmark saves of a session: these variants, `seconds` a call."""
    benchmarks = [benchmark(facts(name), seconds, "full_set") for name in names or ("baseline", "int8")]
    for one in benchmarks:
        one["fullname"] = one["name"]
    return {"benchmarks": benchmarks, "machine_info": {"node": "here"}, "datetime": "2026-01-01"}


def silent(number: int) -> None: ...


def test_merged_sessions_are_one_run_with_medians_over_them() -> None:
    merged = merge([document(seconds) for seconds in (1.0, 5.0, 2.0)])
    assert [b["extra_info"]["optkit"]["session"] for b in merged["benchmarks"]] == [0, 0, 1, 1, 2, 2]
    assert (merged["machine_info"], merged["datetime"]) == ({"node": "here"}, "2026-01-01")
    run = make_run(merged["benchmarks"], merged["machine_info"])
    assert (run.sessions, len(run.timings), [t.seconds for t in run.benchmarks]) == (3, 6, [2.0, 2.0])


def test_a_gate_judges_the_median_over_sessions_once() -> None:
    """One slow session of three neither fails the gate nor gives a verdict of its own."""
    int8 = read_suite(tomllib.loads(SUITE)).variant("int8")
    merged = merge([document(seconds) for seconds in (1.0, 5.0, 2.0)])
    (verdict,) = judge(Gate(metric="seconds", max=3.0), int8, make_run(merged["benchmarks"], {}))
    assert (verdict.status, verdict.value) == ("pass", 2.0)


def test_sessions_that_did_not_time_the_same_are_not_merged() -> None:
    with pytest.raises(RecordError, match=r"session 2 .* only one has: test_latency\[int8\]"):
        merge([document(1.0), document(1.0, "baseline")])


def test_later_sessions_run_full_sets_in_the_way_of_the_first(tmp_path: Path) -> None:
    given: list[tuple[list[str], Any]] = []

    def session(arguments: Sequence[str]) -> dict[str, Any]:
        like = [a.removeprefix("--optkit-like=") for a in arguments if a.startswith("--optkit-like=")]
        given.append((list(arguments), json.loads(Path(like[0]).read_text()) if like else None))
        return document(float(len(given)))

    run_sessions(3, ["--suite=s"], None, silent, session)
    assert given[0] == (["--suite=s"], None)
    assert [like for _, like in given[1:]] == [document(1.0)] * 2

    given.clear()
    (tmp_path / "base.json").write_text('"base"')
    run_sessions(2, [], tmp_path / "base.json", silent, session)
    assert [like for _, like in given] == ["base", "base"], "a run to be comparable with decides for all sessions"


def test_a_session_that_fails_says_why() -> None:
    with pytest.raises(
        OptkitError, match=r"^there is no suite 'mnits'; did you mean 'mnist'\? .*path of a .toml file$"
    ):
        run_session([MNIST, "--optkit-suite=mnits"])
    with pytest.raises(OptkitError, match=r"(?s)code 4 .*unrecognized arguments: --no-such-option"):
        run_session([MNIST, "--no-such-option"])


def test_a_run_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    save(document(1.0), target)
    assert json.loads(target.read_text()) == document(1.0)
    with pytest.raises(TypeError):
        save({"benchmarks": object()}, target)
    assert json.loads(target.read_text()) == document(1.0)
    with pytest.raises(OptkitError, match="cannot be written"):
        save(document(1.0), tmp_path / "none" / "run.json")
    assert list(tmp_path.iterdir()) == [target]


Bench = Callable[..., int]


@pytest.fixture
def optkit_bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tiny_suite: Path, tiny_data: Path) -> Bench:
    """Run `optkit bench` in this process, with sessions that are given; a number in their place is raised as error."""
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    monkeypatch.setattr(bench, "ensure_variants", lambda *_: {})

    def run(sessions: Sequence[Any], *arguments: str) -> int:
        left = iter(sessions)

        def session(_: Sequence[str]) -> dict[str, Any]:
            found = next(left)
            if isinstance(found, type):
                raise found("broken")
            return found

        fake: Any = run_sessions
        monkeypatch.setattr(bench, "run_sessions", lambda *given: fake(*given[:-1], session))
        return main(["bench", str(tiny_suite), "--store", str(tmp_path / "store"), *arguments])

    return run


@pytest.mark.parametrize(("error", "code"), [(OptkitError, 2), (KeyboardInterrupt, 130)])
def test_a_session_that_fails_or_is_interrupted_leaves_no_output(
    optkit_bench: Bench, tmp_path: Path, error: type, code: int
) -> None:
    target = tmp_path / "run.json"
    assert optkit_bench([document(1.0), error], "--sessions", "2", "-o", str(target)) == code
    assert not list(tmp_path.glob("run*"))


@pytest.mark.parametrize(("drop", "code", "status"), [(0.1, 0, "pass"), (0.6, 1, "fail")])
def test_the_exit_code_is_the_gates_and_the_run_is_kept_anyway(
    optkit_bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str], drop: float, code: int, status: str
) -> None:
    benchmarks = [benchmark(facts(), 1.0, "single_batch")]
    benchmarks.append(benchmark(facts("int8", accuracy_drop=drop), 0.1, "single_batch"))
    sessions = [{"benchmarks": [{**b, "fullname": b["name"]} for b in benchmarks], "machine_info": {}}] * 2
    target = tmp_path / "run.json"
    assert optkit_bench(sessions, "--sessions", "2", "-o", str(target), "--json") == code
    found = json.loads(capsys.readouterr().out)
    one = next(b for b in found["benchmarks"] if b["variant"] == "int8")
    assert (found["sessions"], one["seconds"], len(one["by_session"])) == (2, 0.1, 2)
    assert (one["speedup"], one["predict_speedup"]) == (None, 10.0), "there is no float file"
    assert {v["status"] for v in found["verdicts"] if v["variant"] == "int8"} == {"pass", status}
    assert len(json.loads(target.read_text())["benchmarks"]) == 4
    assert optkit_bench(sessions, "--sessions", "2", "--no-gates") == 0


def test_where_the_output_cannot_be_is_said_before_anything_is_timed(optkit_bench: Bench, tmp_path: Path) -> None:
    assert optkit_bench([], "-o", str(tmp_path / "none" / "run.json")) == 2
    assert optkit_bench([], "--like", str(tmp_path / "none.json")) == 2
    assert optkit_bench([], "--variants", "int9") == 2
