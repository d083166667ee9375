"""Verdicts: pass, fail, or not comparable; never a pass on missing data."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import Gate, RecordError, Store, Verdict, check_run, judge
from optkit.gates import exit_code, explain, remember
from optkit.record import ArtifactFacts
from optkit.suites import read_suite, tomllib
from tests.conftest import SUITE
from tests.test_record import a_run, benchmark, facts

SUITE_ = read_suite(tomllib.loads(SUITE))
INT8 = SUITE_.variant("int8")


def sized(ratio: float, **changes: object) -> ArtifactFacts:
    return ArtifactFacts(**{"key": "k", "sha256": "s", "file_bytes": 9, "zip_bytes": 5, "size_ratio": ratio, **changes})


@given(st.floats(0.1, 100), st.floats(0.1, 100))
def test_a_size_gate_is_the_comparison_it_says(bound: float, ratio: float) -> None:
    run = a_run(benchmark(facts()), benchmark(facts("int8", artifact=sized(ratio))))
    (verdict,) = judge(Gate(metric="size_ratio", min=bound), INT8, run)
    assert (verdict.status == "pass") == (ratio >= bound)
    assert verdict.value == ratio


@given(st.floats(0.001, 10), st.floats(0.001, 10))
def test_speedup_is_the_baselines_time_over_this_time(base: float, own: float) -> None:
    run = a_run(benchmark(facts(), base), benchmark(facts("int8"), own))
    (verdict,) = judge(Gate(metric="speedup", above=1.0), INT8, run)
    assert verdict.value == base / own
    assert (verdict.status == "pass") == (base > own)


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
def test_missing_data_is_not_comparable_never_a_pass(gate: Gate, run: object, reason: str) -> None:
    verdicts = judge(gate, INT8, run)
    assert [v.status for v in verdicts] == ["not comparable"]
    assert reason in verdicts[0].reason
    assert exit_code(verdicts) == 3


def test_every_variant_of_the_suite_is_judged_even_when_the_run_lacks_it() -> None:
    verdicts = check_run(SUITE_, a_run(benchmark(facts())))
    assert {v.variant for v in verdicts} == {v.name for v in SUITE_.variants}
    assert exit_code(verdicts) == 3


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
    after = a_run(benchmark(facts()), benchmark(facts("int8", artifact=sized(4.5, sha256="t"), spec=spec)))
    (failed,) = judge(gate, INT8, after)
    said = str(explain(store, after, failed))
    assert "fail: int8: size_ratio is 4.5, must be >= 9 ratio" in said
    assert "last passed 2026-01-01 with 9.5" in said
    assert "artifact: s -> t" in said
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
