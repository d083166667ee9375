"""Verdicts: pass, fail, inconclusive or not comparable; never a pass on missing data."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import Gate, RecordError, Run, Store, Verdict, check_run
from optkit.judge.gates import exit_code, explain, judge, remember
from optkit.report.gates import gate_notes
from tests.builders import SUITE_, a_run, benchmark, facts, sized

INT8 = SUITE_.variant("int8")


@given(st.floats(0.1, 100), st.floats(0.1, 100))
def test_a_size_gate_is_the_comparison_it_says(bound: float, ratio: float) -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8", artifact=sized(ratio))))
    (verdict,) = judge(Gate(metric="size_ratio", min=bound), INT8, run)
    assert verdict.value == pytest.approx(ratio, rel=1e-3)
    assert (verdict.status == "pass") == (verdict.value is not None and verdict.value >= bound)


@given(st.floats(0.001, 10), st.floats(0.001, 10))
def test_speedup_is_the_baselines_time_over_this_time(base: float, own: float) -> None:
    run = a_run(benchmark(facts(), base), benchmark(facts("int8"), own))
    (verdict,) = judge(Gate(metric="speedup", above=1.0), INT8, run)
    assert verdict.value == base / own
    assert (verdict.status == "pass") == (base > own)


@pytest.mark.parametrize("metric", ["accuracy", "accuracy_drop"])
def test_accuracy_that_was_not_measured_is_not_comparable(metric: str) -> None:
    unmeasured = facts("int8", accuracy=None, accuracy_drop=None, correct=None)
    run = a_run(benchmark(facts(accuracy=None, accuracy_drop=None, correct=None)), benchmark(unmeasured))
    (verdict,) = judge(Gate(metric=metric, min=-1.0), INT8, run)
    assert (verdict.status, verdict.value) == ("not comparable", None)
    assert "the data have no labels" in str(verdict)


def test_a_timed_gate_judges_each_mode_and_thread_count_it_names() -> None:
    times = [(v, mode, t) for v in ("baseline", "int8") for mode in ("single_batch", "full_set") for t in (1, 2)]
    run = a_run(*(benchmark(facts(v), 0.5, mode, t) for v, mode, t in times))
    gate = Gate(metric="speedup", min=1.0, modes=("full_set",))
    assert [v.where for v in judge(gate, INT8, run)] == ["full_set, 1 thread", "full_set, 2 threads"]
    assert len(judge(Gate(metric="speedup", min=1.0), INT8, run)) == 4
    assert [v.where for v in judge(Gate(metric="seconds", max=1.0, threads=(2,)), INT8, run)] == [
        "single_batch, 2 threads",
        "full_set, 2 threads",
    ]


@pytest.mark.parametrize(
    ("gate", "run", "reason"),
    [
        (Gate(metric="accuracy", min=0), a_run(benchmark(facts())), "no record of this variant"),
        (Gate(metric="speedup", min=0), a_run(benchmark(facts("int8"))), "no such timing of the baseline"),
        (
            Gate(metric="seconds", max=9, modes=("full_set",)),
            a_run(benchmark(facts()), benchmark(facts("int8"))),
            "the run has no such timing",
        ),
    ],
)
def test_missing_data_is_not_comparable_never_a_pass(gate: Gate, run: Run, reason: str) -> None:
    verdicts = judge(gate, INT8, run)
    assert [v.status for v in verdicts] == ["not comparable"]
    assert reason in verdicts[0].reason
    assert exit_code(verdicts) == 3


def test_what_the_run_has_is_judged_and_the_whole_suite_when_asked_for() -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8"), 0.1))
    some, whole = check_run(SUITE_, run), check_run(SUITE_, run, whole=True)
    assert {v.variant for v in some} == {"baseline", "int8"}
    assert exit_code([v for v in some if v.gate.origin == "suite"]) == 0
    assert {v.variant for v in whole} == {v.name for v in SUITE_.variants}
    assert exit_code([v for v in whole if v.gate.origin == "suite"]) == 3
    notes = gate_notes(SUITE_, run, some)
    assert notes == ["3 variants of the suite are not in this run: their gates were not judged"]
    assert gate_notes(SUITE_, run, whole) == []


def test_a_variant_whose_timing_is_missing_stays_not_comparable() -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8"), 0.1, "full_set"))
    found = [v for v in check_run(SUITE_, run) if v.gate.metric == "speedup"]
    assert [(v.variant, v.status) for v in found] == [("int8", "not comparable")]


def test_a_variant_that_the_suite_does_not_have_is_named() -> None:
    run = a_run(benchmark(facts()), benchmark(facts("old")))
    assert "not of this suite, so not judged: old" in gate_notes(SUITE_, run, check_run(SUITE_, run))


@pytest.mark.parametrize(
    ("drops", "note"),
    [
        (
            (0.1, 0.6),
            "nothing held the accuracy of 2 variants: no gate judged it; the largest drop among them is 0.6000 (int8)",
        ),
        ((0.6,), "nothing held the accuracy of float_tflite: no gate judged it; its drop is 0.6000"),
        ((None,), "nothing held the accuracy of float_tflite: no gate judged it; it was not measured"),
    ],
)
def test_it_is_said_when_nothing_held_accuracy(drops: tuple[float | None, ...], note: str) -> None:
    names = ("float_tflite", "int8")[: len(drops)]
    none: dict[str, Any] = {"accuracy": None, "accuracy_drop": None, "correct": None}
    of = [facts(n, **(none if d is None else {"accuracy_drop": d})) for n, d in zip(names, drops, strict=True)]
    run = a_run(benchmark(facts(**(none if None in drops else {}))), *map(benchmark, of))
    suite = dataclasses.replace(SUITE_, gates=())
    assert note in gate_notes(suite, run, check_run(suite, run))
    if None not in drops:
        assert not any("accuracy" in line for line in gate_notes(SUITE_, run, check_run(SUITE_, run)))
    else:  # a gate that is not comparable holds nothing
        assert note in gate_notes(SUITE_, run, check_run(SUITE_, run))


@pytest.mark.parametrize("kept", [3, [], {}, {"value": None}, {"value": 1.0, "spec": 3}, {"value": 1.0, "machine": []}])
def test_a_damaged_note_of_what_passed_explains_nothing(tmp_path: Path, kept: Any) -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8")))
    (failed,) = judge(Gate(metric="size_ratio", min=9.0), INT8, run)
    store = Store(tmp_path)
    remember(store, run, [dataclasses.replace(failed, status="pass")])
    (note,) = (tmp_path / "notes").iterdir()
    assert explain(store, run, failed).changed != ()
    note.write_text(json.dumps({failed.name: kept}))
    assert explain(store, run, failed).changed == ()
    note.write_bytes(b'{"a": "\xff' + b"[" * 100_000)
    assert explain(store, run, failed).changed == ()


def test_promises_of_techniques_are_gates_on_the_finished_file() -> None:
    promised = {(g.metric, g.bound_text) for g in SUITE_.gates_of(SUITE_.variant("pruned_qat")) if g.origin != "suite"}
    assert {("sparsity", ">= 0.79"), ("leftover_wrappers", "<= 0"), ("integer_weights", ">= 1")} <= promised


def test_exit_codes() -> None:
    gate = Gate(metric="accuracy", min=0)
    good, bad, none = (Verdict(variant="v", gate=gate, status=s, value=1.0) for s in ("pass", "fail", "not comparable"))
    assert [exit_code(v) for v in ([good], [good, none], [good, none, bad], [])] == [0, 3, 1, 3]


def test_a_run_of_another_suite_is_refused() -> None:
    with pytest.raises(RecordError, match="the run is of suite 'other'"):
        check_run(SUITE_, a_run(benchmark(facts(suite="other"))))


def test_a_failure_says_bound_value_variant_and_what_changed_since_it_passed(tmp_path: Path) -> None:
    store, gate = Store(tmp_path), Gate(metric="size_ratio", min=9.0)
    before = a_run(benchmark(facts()), benchmark(facts("int8", artifact=sized(9.5))))
    (passed,) = judge(gate, INT8, before)
    remember(store, before, [passed])
    spec = {"seed": 1, "steps": [{"technique": "prune", "final_sparsity": 0.5}]}
    after = a_run(benchmark(facts()), benchmark(facts("int8", artifact=sized(4.5, sha256="b" * 64), spec=spec)))
    (failed,) = judge(gate, INT8, after)
    said = str(explain(store, after, failed))
    assert "fail: int8: size_ratio is 4.5, must be >= 9 ratio" in said
    assert "last passed 2026-01-01 with 9.5" in said
    assert f"artifact: {'a' * 64} -> {'b' * 64}" in said
    assert "spec.steps[0].final_sparsity: 0.8 -> 0.5" in said


def test_without_a_passing_record_nothing_is_made_up(tmp_path: Path) -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8")))
    (failed,) = judge(Gate(metric="size_ratio", min=9.0), INT8, run)
    assert explain(Store(tmp_path), run, failed).changed == ()
    remember(Store(tmp_path), run, [failed])  # a failure is not a passing record
    assert explain(Store(tmp_path), run, failed).changed == ()


def test_a_bound_that_two_steps_promise_is_judged_once() -> None:
    metrics = [gate.metric for gate in SUITE_.gates_of(SUITE_.variant("pruned_qat"))]
    assert metrics.count("leftover_wrappers") == 1
    assert metrics[0] == "accuracy_drop", "the suite's own gates come first"
