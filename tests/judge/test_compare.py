"""Runs compared: sizes to the byte, accuracy by sample, time by session; nothing passes in silence."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import OptkitError, RecordError, make_run
from optkit.judge.tolerances import Tolerances
from optkit.record.facts import DatasetFacts, RuntimeFacts
from optkit.report.comparison import comparison_text
from tests.builders import COMPARED, MACHINE, benchmark, compared, run, saved, variant
from tests.conftest import Command
from tests.judge.comparisons import SESSIONS, only


def test_a_run_against_itself_is_the_same() -> None:
    one = run(variant(), seconds=SESSIONS)
    found = compared(one, one)
    assert {delta.verdict for delta in found.deltas} == {"same"}
    assert (found.exit_code, found.refusals, found.missing, found.new) == (0, (), (), ())


@pytest.mark.parametrize(
    ("size", "word", "fails"),
    [(1000, "same", False), (999, "better", False), (1001, "worse", False), (1011, "worse", True)],
)
def test_sizes_are_exact_and_growth_beyond_the_rule_fails(size: int, word: str, fails: bool) -> None:
    found = compared(run(variant()), run(variant(size=size)))
    delta = only(found, "zip_bytes")
    assert (delta.verdict, delta.fails, delta.change) == (word, fails, size / 1000)
    assert (found.exit_code == 1) == fails
    assert compared(run(variant()), run(variant(size=1001)), max_growth=0.0).exit_code == 1


def test_a_real_loss_of_accuracy_is_found_in_paired_samples() -> None:
    found = compared(run(variant()), run(variant(wrong=60)))
    delta = only(found, "accuracy")
    assert (delta.verdict, delta.fails, found.exit_code) == ("worse", True, 1)
    assert delta.change == pytest.approx(0.01)
    assert delta.low is not None
    assert 0.005 < delta.low < delta.change < delta.high  # type: ignore[operator]
    assert delta.reason == "20 samples lost, 0 gained"
    assert only(compared(run(variant(wrong=60)), run(variant())), "accuracy").verdict == "better"


def test_the_same_accuracy_on_other_samples_is_not_certified() -> None:
    # 40 lost and 40 gained: no drop, but the set is too small to rule one out
    delta = only(compared(run(variant()), run(variant(first_wrong=40))), "accuracy")
    assert (delta.verdict, delta.change) == ("inconclusive", 0)
    assert delta.minimum_detectable_effect is not None
    assert 0.005 < delta.minimum_detectable_effect < 0.03


def test_a_few_disagreements_are_the_same() -> None:
    assert only(compared(run(variant()), run(variant(first_wrong=2))), "accuracy").verdict == "same"


def test_a_packed_vector_that_contradicts_its_accuracy_is_refused() -> None:
    with pytest.raises(RecordError, match="the record was changed"):
        compared(run(variant(accuracy=0.5)), run(variant()))


@given(st.integers(0, 60), st.integers(0, 100))
def test_swapping_the_runs_swaps_the_verdict_on_accuracy(wrong: int, first: int) -> None:
    a, b = run(variant()), run(variant(wrong=wrong, first_wrong=first))
    swapped = {"worse": "better", "better": "worse"}
    there, back = only(compared(a, b), "accuracy"), only(compared(b, a), "accuracy")
    assert swapped.get(there.verdict, there.verdict) == back.verdict
    assert there.change == -back.change


def test_one_session_proves_nothing_of_time() -> None:
    found = compared(run(variant()), run(variant(), seconds=(5.0,)))
    delta = only(found, "seconds")
    assert (delta.verdict, found.exit_code) == ("inconclusive", 3)
    assert "absolute times of different sessions prove nothing" in delta.reason


@pytest.mark.parametrize(("factor", "word", "code"), [(1.05, "worse", 1), (1.0, "same", 0), (0.9, "better", 0)])
def test_several_sessions_are_judged_by_their_scatter(factor: float, word: str, code: int) -> None:
    found = compared(run(variant(), seconds=SESSIONS), run(variant(), seconds=tuple(factor * s for s in SESSIONS)))
    assert (only(found, "seconds").verdict, found.exit_code) == (word, code)
    assert only(found, "seconds").change == pytest.approx(factor)


def test_accuracy_that_neither_run_measured_is_left_out_and_said_so() -> None:
    unmeasured = variant(accuracy=None, accuracy_drop=None, correct=None)
    found = compared(run(unmeasured, seconds=SESSIONS), run(unmeasured, seconds=SESSIONS))
    assert (found.exit_code, {delta.metric for delta in found.deltas}) == (0, {"file_bytes", "zip_bytes", "seconds"})
    assert "not compared: accuracy was not measured: the data have no labels" in comparison_text(found, Tolerances())
    assert compared(run(variant()), run(variant())).skipped == ()


def test_accuracy_of_the_same_data_that_only_one_run_has_contradicts_it() -> None:
    unmeasured = variant(accuracy=None, accuracy_drop=None, correct=None)
    with pytest.raises(RecordError, match="has no accuracy, though it was measured on the same data"):
        compared(run(variant()), run(unmeasured))


def test_normalized_times_cancel_the_clock() -> None:
    slow_clock = tuple(1.4 * s for s in SESSIONS)
    base = run(variant(), seconds=SESSIONS, references=(0.1,) * 6)
    head = run(variant(), seconds=slow_clock, references=(0.14,) * 6)
    assert only(compared(base, head), "seconds").verdict == "same"
    not_normalized = run(variant(), seconds=slow_clock)
    assert only(compared(base, not_normalized), "seconds").verdict == "worse"


def test_what_is_missing_new_or_renamed_fails_unless_allowed() -> None:
    base = run(variant("a"), variant("gone"), variant("old", sha256="5" * 64), seconds=SESSIONS)
    head = run(variant("a"), variant("come"), variant("new", sha256="5" * 64), seconds=SESSIONS)
    found = compared(base, head)
    assert (found.missing, found.new, found.renamed) == (("gone",), ("come",), (("old", "new"),))
    assert set(found.not_allowed) == {"gone", "come", "old → new"}
    assert found.exit_code == 1
    assert "new" not in {delta.name for delta in found.deltas}
    allowed = compared(base, head, allow=("gone", "come", "old"))
    assert (allowed.exit_code, allowed.not_allowed, allowed.renamed) == (0, (), (("old", "new"),))
    assert "new" in {delta.name for delta in allowed.deltas}
    assert "new/single_batch/1" in {delta.name for delta in allowed.deltas}


def test_a_missing_benchmark_of_a_variant_is_named() -> None:
    both = [benchmark(variant(), 1.0), benchmark(variant(), 1.0, threads=2)]
    found = compared(make_run(both, MACHINE), make_run(both[:1], MACHINE))
    assert (found.missing, found.exit_code) == (("int8/single_batch/2",), 1)
    assert compared(make_run(both, MACHINE), make_run(both[:1], MACHINE), allow=("int8",)).not_allowed == ()


@pytest.mark.parametrize(
    "other",
    [
        {"suite": "another"},
        {"dataset": DatasetFacts(name="mnist", digest="e" * 64, train=320, test=COMPARED)},
    ],
)
def test_runs_of_different_things_are_not_comparable(other: dict[str, Any]) -> None:
    found = compared(run(variant()), run(variant(**other)))
    assert (found.exit_code, found.deltas) == (3, ())
    assert next(iter(other)) in found.refusals[0]
    assert "not comparable" in comparison_text(found, Tolerances())


@pytest.mark.parametrize("setting", [{"batch": 16}, {"samples": 16}, {"strategy": "batch 100"}])
def test_other_runtime_settings_are_not_comparable(setting: dict[str, Any]) -> None:
    found = compared(run(variant(), seconds=SESSIONS), run(variant(), seconds=SESSIONS, **setting))
    delta = only(found, "seconds")
    assert (delta.verdict, found.exit_code) == ("not comparable", 3)
    assert next(iter(setting)) in delta.reason


@pytest.mark.parametrize("change", ["processor", "runtime", "library"])
def test_another_environment_is_said_and_compared_only_when_asked_for(change: str) -> None:
    machine = {**MACHINE, "cpu": {"brand_raw": "Y2", "count": 2}} if change == "processor" else MACHINE
    more: dict[str, Any] = {}
    if change == "runtime":
        more["runtime"] = RuntimeFacts(name="litert", version="9")
    spec = {"libraries": {"numpy": "2" if change == "library" else "1"}}
    base = run(variant(spec={"libraries": {"numpy": "1"}}), seconds=SESSIONS)
    head = run(variant(spec=spec, **more), seconds=SESSIONS, machine=machine)
    found = compared(base, head)
    assert (found.exit_code, len(found.environments), found.deltas) == (3, 1, ())
    across = compared(base, head, across_environments=True)
    assert only(across, "zip_bytes").verdict == "same"
    assert only(across, "seconds").verdict == "not comparable"
    assert "ACROSS ENVIRONMENTS" in comparison_text(across, Tolerances())
    normal = [
        run(*one.variants.values(), seconds=SESSIONS, references=(0.1,) * 6, machine=dict(one.machine.saved))
        for one in (base, head)
    ]
    assert only(compared(*normal, across_environments=True), "seconds").verdict == "same"


def test_one_false_alarm_rate_holds_for_many_benchmarks() -> None:
    names = [f"v{i}" for i in range(200)]
    base = run(*(variant(name) for name in names))
    head = run(*(variant(name, wrong=60 if name == "v0" else 50) for name in names))
    deltas = [d for d in compared(base, head, max_drop=0.0).deltas if d.metric == "accuracy"]
    assert all(d.p is not None and d.p > 0.01 for d in deltas if d.name != "v0")  # 10 of 10 lost: p is 0.001 alone
    assert deltas[0].fails


def test_the_text_has_a_line_for_each_figure() -> None:
    tolerances = Tolerances()
    text = " ".join(comparison_text(compared(run(variant()), run(variant(wrong=60, size=1200))), tolerances).split())
    assert "FAIL: less accurate: 20 samples lost, 0 gained" in text
    assert "+20.00 %" in text
    assert "FAIL: larger" in text
    assert "-0.0100" in text


@pytest.mark.parametrize("bad", [{"margin": 0.0}, {"max_drop": -0.1}, {"equivalence_alpha": 0.9}])
def test_tolerances_that_make_no_sense(bad: dict[str, float]) -> None:
    with pytest.raises(OptkitError, match="expected a fraction"):
        Tolerances(**bad)


def test_the_command(here: Command, tmp_path: Path) -> None:
    good = saved(tmp_path / "a.json", *(benchmark(variant(), s) for s in SESSIONS))
    bad = saved(tmp_path / "b.json", *(benchmark(variant(wrong=70), s) for s in SESSIONS))
    same = here("optkit", "compare", good, good)
    assert same.returncode == 0, same.stderr
    worse = here("optkit", "compare", good, bad, "--json")
    assert worse.returncode == 1
    found = json.loads(worse.stdout)
    assert found["exit_code"] == 1
    assert [d["verdict"] for d in found["deltas"] if d["metric"] == "accuracy"] == ["worse"]
    assert here("optkit", "compare", good, bad, "--max-drop", "2%").returncode in (0, 3)
    other = dataclasses.asdict(variant())
    alien = benchmark(variant())
    alien["extra_info"]["optkit"].update(other | {"schema": 99})
    refused = here("optkit", "compare", good, saved(tmp_path / "c.json", alien))
    assert refused.returncode == 3
    assert "not comparable: c.json: it has records of schema 99" in refused.stdout
    assert here("optkit", "compare", good, "none.json").returncode == 2
