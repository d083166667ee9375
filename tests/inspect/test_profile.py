"""Times of operators: what the profiler notes is corrected and laid beside the operators; two ways to it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.studies.inspect_edits.attempt import packed
from benchmarks.studies.inspect_edits.networks import Net
from optkit.cli import main
from optkit.inspect import litert_c, profile, roofline, times, tries
from optkit.inspect.inspection import Inspection, inspect_model
from optkit.inspect.litert_c import OPERATOR, why_not
from optkit.inspect.prefixes import cut, time_prefixes
from optkit.inspect.profile import NoProfiler, combined, profile_models
from optkit.inspect.tries import try_ways
from optkit.inspect.turns import Job, Rounds
from optkit.runtime.litert import TFLiteRunner, runtime_version
from optkit.tflite.trial import check_runs

REACHED = not why_not(runtime_version())
needs_profiler = pytest.mark.skipif(not REACHED, reason="this version of ai-edge-litert has another C interface")


def heavy(integer: bool) -> object:
    """A convolution of one channel that takes nearly all of the time, and a small dense layer."""
    net = Net(1, integer)
    x = net.activation([1, 28, 28, 1])
    return net.model([x], [net.dense(net.flat(net.conv(x, 8, size=9)), 2)])


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Inspection:
    path = tmp_path_factory.mktemp("profile") / "float.tflite"
    path.write_bytes(packed(heavy(False)))
    return inspect_model(path)


@needs_profiler
def test_the_profiler_names_the_operator_that_takes_the_time(found: Inspection) -> None:
    """Catches a wrong layout of the events, kernels at the wrong operator, and times in another unit."""
    made = profile_models([found], processes=1, seconds=0.2)[0]
    slowest = max(made.timed, key=lambda one: one.seconds)
    assert [found.main.operators[i].kind for i in slowest.operators] == ["CONV_2D"]
    assert slowest.kernels[0].startswith("Convolution (NHWC, F32)")
    assert 0 < slowest.seconds < made.whole * 1.5
    assert made.method == "profiler"
    assert made.processes == 1


def test_pieces_of_the_graph_find_it_without_a_profiler(found: Inspection) -> None:
    made = time_prefixes(found, processes=5, note="why")  # a median: other processes may hold one up
    slowest = max(made.timed, key=lambda one: one.seconds)
    assert [found.main.operators[i].kind for i in slowest.operators] == ["CONV_2D"]
    assert made.note == "why"


def test_each_piece_runs_and_the_last_is_the_file(found: Inspection, tmp_path: Path) -> None:
    count = len(found.main.operators)
    for length in range(1, count + 1):
        check_runs(cut(Path(found.path), length, tmp_path))
    whole = TFLiteRunner(tmp_path / f"{count}.tflite")
    assert whole.interface.outputs[0].shape == TFLiteRunner(Path(found.path)).interface.outputs[0].shape


def places(*some: tuple[str, int, int, float]) -> list[dict]:
    names = ("tag", "kind", "node", "seconds")
    return [{**dict(zip(names, one, strict=True)), "subgraph": 0} for one in some]


def test_what_is_noted_is_corrected(found: Inspection) -> None:
    """Catches ticks that are cut off, the cost of noting, and what is always noted as nothing."""
    assert found.running.parts is not None
    assert len(found.running.parts) == 1
    noted = places(
        ("Convolution (NHWC, F32) IGEMM", 8, 0, 10e-6),
        ("Copy (NC, X32)", 8, 1, 0.0),
        ("Fully Connected (NC, F32) GEMM", 8, 2, 3e-6),
    )
    answer = {"whole": [15e-6], "places": noted, "event_cost": 0.3e-6, "added": 5e-6}
    made = combined(found, "default", [answer, answer])
    assert [one.seconds for one in made.timed] == pytest.approx([10.5e-6, 0.5e-6, 3.5e-6])
    assert made.outside == pytest.approx(0.5e-6)
    assert made.adds_up
    own = places(("CONV_2D", OPERATOR, 0, 10e-6), ("FULLY_CONNECTED", OPERATOR, 2, 3e-6))
    made = combined(found, "built-in", [{**answer, "places": own, "whole": [20e-6]}])
    assert [one.seconds for one in made.timed] == pytest.approx([9.7e-6, 2.7e-6])
    assert not made.adds_up


def test_the_median_and_the_scatter_are_over_processes(found: Inspection) -> None:
    answers = [
        {"whole": [w], "places": places(("CONV_2D", OPERATOR, 0, s)), "event_cost": 0.0, "added": 0.0}
        for w, s in ((10e-6, 8e-6), (30e-6, 9e-6), (12e-6, 20e-6))
    ]
    made = combined(found, "default", answers)
    assert (made.whole, made.low, made.high) == (12e-6, 10e-6, 30e-6)
    assert (made.timed[0].seconds, made.timed[0].low, made.timed[0].high) == (9e-6, 8e-6, 20e-6)


def test_another_version_is_not_tried_and_the_pieces_say_why(
    found: Inspection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches a changed interface that is called all the same."""
    assert "is installed" in why_not("9.9.0")
    monkeypatch.setattr(profile, "runtime_version", lambda: "9.9.0")
    with pytest.raises(NoProfiler, match=r"9\.9\.0 is installed"):
        profile_models([found])
    monkeypatch.setattr(times, "time_prefixes", lambda one, note: note)
    assert "9.9.0" in str(times.time_operators(found)[0])
    monkeypatch.setattr(litert_c, "_NAMES", ("none.so",))
    assert "no libLiteRt" in why_not(f"{litert_c.VERSIONS[0]}.0")


@needs_profiler
def test_a_worker_that_crashes_is_a_reason(
    found: Inspection, monkeypatch: pytest.MonkeyPatch, module_of: Callable[[str], str]
) -> None:
    monkeypatch.setattr(profile, "_WORKER", module_of("import os; os.abort()"))
    with pytest.raises(NoProfiler, match="SIGABRT"):
        profile_models([found], processes=1)


def test_what_the_machine_can_do_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roofline, "_SECONDS", 0.1)
    first = roofline.ceiling()
    assert first.float32 > 1e8
    assert first.int8 > 1e8
    monkeypatch.setattr(roofline, "_measured", lambda threads: pytest.fail("measured again"))
    assert roofline.ceiling() == first


def test_other_ways_are_tried(found: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "_SECONDS", 0.1)
    tried = try_ways(found)
    assert tried[0].what == "LiteRT's built-in kernels"
    assert all(one.seconds > 0 or one.error for one in tried)


def test_of_a_large_file_two_are_held_at_once(found: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a profile that needs many times the memory of a file: each way to run it keeps weights of its own."""
    held: list[int] = []

    def take_turns(jobs: list[Job], seconds: float) -> list[Rounds]:
        held.append(len(jobs))
        return [Rounds((1.0 if job.threads == 1 else 0.5,), "") for job in jobs]

    monkeypatch.setattr(tries, "take_turns", take_turns)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    small = try_ways(found)
    assert held == [len(small) + 1]
    monkeypatch.setattr(tries, "_LARGE", 100)
    held.clear()
    assert try_ways(found) == small
    assert held == [2] * len(small)
    assert {one.what: one.change for one in small}["2 threads"] == -0.5


@needs_profiler
def test_the_command_names_the_convolution_of_the_int8_file(
    found: Inspection, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roofline, "_SECONDS", 0.1)
    monkeypatch.setattr(tries, "_SECONDS", 0.1)
    path = tmp_path / "int8.tflite"
    path.write_bytes(packed(heavy(True)))
    assert main(["inspect", found.path, str(path), "--profile", "--processes", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["schema"] == 1
    assert said["profile"]["method"] == said["other_profile"]["method"] == "profiler"
    if said["explanation"]["decided"]:
        assert any(one["title"].startswith("CONV_2D") for one in said["explanation"]["reasons"])
