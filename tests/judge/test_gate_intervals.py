"""Gates with confidence: paired processes, accuracy and drops by their intervals."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from optkit import Evaluation, Gate, RecordError, Run, Store, VariantFacts, read_run
from optkit.judge.gates import exit_code, explain, judge, remember
from optkit.measure.paired import PairedTiming
from optkit.report.text import verdicts_text
from tests.builders import SUITE_, a_run, benchmark, facts, process, sized

INT8 = SUITE_.variant("int8")


def paired(speedup: float, *, control: float = 0.0, other: str = "float_tflite", processes: int = 6) -> dict[str, Any]:
    """Return a benchmark of int8 with processes that time it against another; they scatter by 0.2 %."""
    timings = [process(i, -math.log(speedup) + 0.002 * (-1) ** i, control=control, first=0.0) for i in range(processes)]
    one = benchmark(facts("int8"))
    one["extra_info"]["optkit"]["paired"] = {other: msgspec.to_builtins(timings)}
    return one


FASTER = Gate(metric="speedup", min=1.0, modes=("single_batch",), threads=(1,), relative_to="float_tflite", at="95%")


def saved(tmp_path: Path, *benchmarks: dict[str, Any]) -> Run:
    (tmp_path / "run.json").write_text(json.dumps({"benchmarks": benchmarks}))
    return read_run(tmp_path / "run.json")


@pytest.mark.parametrize(
    ("speedup", "control", "status", "code"),
    [(1.1, 0.0, "pass", 0), (0.9, 0.0, "fail", 1), (1.001, 0.0, "inconclusive", 3), (1.1, 0.2, "inconclusive", 3)],
)
def test_paired_processes_in_a_saved_run_give_each_verdict(
    tmp_path: Path, speedup: float, control: float, status: str, code: int
) -> None:
    (verdict,) = verdicts = judge(FASTER, INT8, saved(tmp_path, benchmark(facts()), paired(speedup, control=control)))
    assert (verdict.status, exit_code(verdicts)) == (status, code)
    assert verdict.low is not None
    assert verdict.value == pytest.approx(speedup, rel=1e-3)
    assert verdict.low < speedup < (verdict.high or 0)
    said = str(verdict)
    where = "int8 (single_batch, 1 thread): speedup over float_tflite"
    assert f"{status}: {where} is {verdict.value:.6g} ({verdict.low:.6g} to" in said
    assert "processes, control " in said
    assert "must be >= 1 ratio at 95% against float_tflite [suite]" in said
    assert ("the control moved" in said) == (control > 0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b["extra_info"]["optkit"].pop("paired"), "no timings paired with 'float_tflite'"),
        (lambda b: b["extra_info"]["optkit"]["paired"].update(float_tflite=[]), "no timings paired"),
        (lambda b: b["extra_info"]["optkit"]["paired"]["float_tflite"].__delitem__(slice(1, 6)), "has 1 timings"),
        (lambda b: b["extra_info"]["optkit"].update(threads=2), "no such timing"),
        (lambda b: b["extra_info"]["optkit"].update(mode="single_sample"), "no such timing"),
    ],
)
def test_without_paired_processes_a_gate_with_confidence_is_not_comparable(
    tmp_path: Path, change: Any, reason: str
) -> None:
    one = paired(5.0)
    change(one)
    verdicts = judge(FASTER, INT8, saved(tmp_path, benchmark(facts()), one))
    assert [v.status for v in verdicts] == ["not comparable"]
    assert reason in verdicts[0].reason
    assert exit_code(verdicts) == 3


def test_paired_timings_against_another_variant_are_not_taken_for_these(tmp_path: Path) -> None:
    run = saved(tmp_path, benchmark(facts()), paired(5.0, other="baseline"))
    assert [v.status for v in judge(FASTER, INT8, run)] == ["not comparable"]
    assert [v.status for v in judge(dataclasses.replace(FASTER, relative_to=None), INT8, run)] == ["pass"]


def test_of_merged_sessions_the_first_is_judged_once(tmp_path: Path) -> None:
    run = saved(tmp_path, benchmark(facts()), *(paired(ratio, processes=6) for ratio in (1.01, 0.5)))
    verdicts = judge(dataclasses.replace(FASTER, min=0.9), INT8, run)
    assert [(v.status, round(v.value or 0, 2)) for v in verdicts] == [("pass", 1.01)]


def test_a_paired_record_that_was_damaged_is_refused(tmp_path: Path) -> None:
    one = paired(5.0)
    one["extra_info"]["optkit"]["paired"]["float_tflite"][0]["load_order"] = ["base"]
    with pytest.raises(RecordError, match="load_order"):
        saved(tmp_path, one)


def test_what_is_compared_with_itself_is_exact(tmp_path: Path) -> None:
    run = saved(tmp_path, benchmark(facts()), benchmark(facts("int8")))
    gate = dataclasses.replace(FASTER, relative_to="int8")
    assert [(v.status, v.value) for v in judge(gate, INT8, run)] == [("pass", 1.0)]
    drop = Gate(metric="accuracy_drop", max=0.0, at="95%")
    assert [v.status for v in judge(drop, SUITE_.variant("baseline"), run)] == ["pass"]


def test_relative_to_another_variant_on_the_point() -> None:
    run = a_run(benchmark(facts(), 9.0), benchmark(facts("float_tflite"), 2.0), benchmark(facts("int8"), 1.0))
    (verdict,) = judge(Gate(metric="speedup", min=3.0, relative_to="float_tflite"), INT8, run)
    assert (verdict.value, verdict.status) == (2.0, "fail")
    assert "speedup over float_tflite is 2, must be >= 3" in str(verdict)
    (verdict,) = judge(Gate(metric="speedup", min=3.0), INT8, run)
    assert "speedup over baseline is 9, must be >= 3" in str(verdict), "a gate of the older form says it, too"
    (verdict,) = judge(Gate(metric="seconds", max=3.0), INT8, run)
    assert "seconds is 1, must be" in str(verdict)
    alone = a_run(benchmark(facts()), benchmark(facts("int8")))
    (verdict,) = judge(Gate(metric="speedup", min=0.0, relative_to="float_tflite"), INT8, alone)
    assert (verdict.status, verdict.reason) == ("not comparable", "the run has no such timing of 'float_tflite'")


def answered(name: str, correct: Any, drop: float = 0.0) -> VariantFacts:
    found = {"accuracy": float(np.mean(correct)), "accuracy_drop": drop, "correct": Evaluation(correct).packed()}
    return facts(name, dataset=dataclasses.replace(facts().dataset, test=len(correct)), **found)


def of_accuracy(tmp_path: Path, lost: int, samples: int = 1000) -> Run:
    base = np.arange(samples) >= 100
    own = np.arange(samples) >= 100 + lost
    return saved(tmp_path, benchmark(answered("baseline", base)), benchmark(answered("int8", own, lost / samples)))


@pytest.mark.parametrize(("lost", "status"), [(0, "pass"), (8, "inconclusive"), (50, "fail")])
def test_a_drop_is_judged_by_its_interval(tmp_path: Path, lost: int, status: str) -> None:
    gate = Gate(metric="accuracy_drop", max=0.01, at="95%")
    (verdict,) = judge(gate, INT8, of_accuracy(tmp_path, lost))
    assert verdict.status == status
    assert verdict.value == lost / 1000
    assert f"1,000 test samples, {lost} lost, 0 gained" in str(verdict)
    assert ("test samples would tell" in str(verdict)) == (status == "inconclusive")
    point = dataclasses.replace(gate, at=None)
    assert point.holds(0.008), "on the point it would pass"


@pytest.mark.parametrize(
    ("bound", "status"), [(0.88, "pass"), (0.9, "inconclusive"), (0.89, "inconclusive"), (0.95, "fail")]
)
def test_accuracy_is_judged_by_its_interval(tmp_path: Path, bound: float, status: str) -> None:
    (verdict,) = judge(Gate(metric="accuracy", min=bound, at="95%"), INT8, of_accuracy(tmp_path, 0))
    assert (verdict.value, verdict.status) == (0.9, status)


def test_a_drop_without_the_baselines_answers_is_not_comparable(tmp_path: Path) -> None:
    run = saved(tmp_path, benchmark(answered("int8", np.ones(70, bool))))
    (verdict,) = judge(Gate(metric="accuracy_drop", max=0.9, at="95%"), INT8, run)
    assert (verdict.status, verdict.reason) == ("not comparable", "the run has no record of the baseline 'baseline'")


def test_answers_that_are_not_those_of_the_accuracy_are_refused(tmp_path: Path) -> None:
    one = benchmark(dataclasses.replace(answered("int8", np.ones(70, bool)), accuracy=0.5))
    with pytest.raises(RecordError, match="the record was changed"):
        judge(Gate(metric="accuracy", min=0.1, at="95%"), INT8, saved(tmp_path, one))


@pytest.mark.parametrize(("means", "code"), [("fail", 1), ("inconclusive", 3), ("pass", 0)])
def test_the_suite_says_what_inconclusive_means(tmp_path: Path, means: Any, code: int) -> None:
    gate = dataclasses.replace(FASTER, inconclusive=means)
    verdicts = judge(gate, INT8, saved(tmp_path, benchmark(facts()), paired(1.001)))
    assert exit_code(verdicts) == code
    assert verdicts[0].tolerated == (means == "pass")
    shown = verdicts_text(verdicts)
    assert "inconclusive: int8" in shown, "what does not count is shown all the same"
    assert "0 passed, 0 failed, 1 inconclusive, 0 not comparable" in shown
    missing = judge(gate, INT8, saved(tmp_path, benchmark(facts("int8"))))
    assert exit_code(missing) == 3, "missing data is never good enough"


def test_a_failure_counts_more_than_what_is_inconclusive(tmp_path: Path) -> None:
    run = saved(tmp_path, benchmark(facts()), paired(1.001))
    verdicts = [v for g in (FASTER, dataclasses.replace(FASTER, min=2.0)) for v in judge(g, INT8, run)]
    assert [v.status for v in verdicts] == ["inconclusive", "fail"]
    assert exit_code(verdicts) == 1
    assert len({v.name for v in verdicts}) == 2


def test_the_saved_form_of_paired_timings_is_read_back(tmp_path: Path) -> None:
    timings = tuple(process(i, 0.1 * i, 0.01) for i in range(6))
    one = benchmark(facts("int8"))
    one["extra_info"]["optkit"]["paired"] = {"baseline": msgspec.to_builtins(timings)}
    found = saved(tmp_path, one).timings[0].paired
    assert found == {"baseline": timings}
    assert all(isinstance(timing, PairedTiming) for timing in found["baseline"])


@pytest.mark.parametrize("note", ["text", [1], {"value": "much"}, {"value": None, "spec": 3}])
def test_a_record_of_another_form_stops_nothing(tmp_path: Path, note: object) -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8", artifact=sized(4.5))))
    (failed,) = judge(Gate(metric="size_ratio", min=9.0), INT8, run)
    passed = dataclasses.replace(failed, status="pass")
    store = Store(tmp_path)
    remember(store, run, [passed])
    (path,) = (tmp_path / "notes").iterdir()
    path.write_text(json.dumps({failed.name: note}))
    assert explain(store, run, failed).status == "fail"
