"""Whether a file fits a target: the worst of its limits, by how much, and what nobody measured."""

import dataclasses
from typing import Any

import pytest

from optkit.errors import RecordError
from optkit.judge.fits import fit, fits, row
from optkit.judge.gates import check_run, exit_code
from optkit.measure.targets import TargetFacts
from optkit.record.facts import VariantFacts
from optkit.report.targets import targets_text
from optkit.spec import Suite
from optkit.suites import read_suite, tomllib
from tests.builders import a_run, benchmark, facts
from tests.conftest import SUITE

TARGETS = """
[targets.m4]
runtime = "tflite_micro"
variants = ["int8", "pruned_qat"]
max_arena_bytes = 10_000
max_flash_bytes = 40_000

[targets.cpu]
runtime = "litert"
max_single_batch_ms = 400
"""


@pytest.fixture
def suite() -> Suite:
    found = read_suite(tomllib.loads(SUITE + TARGETS))
    return dataclasses.replace(found, gates=())


def there(name: str = "int8", *, kind: str = "tflite", **more: Any) -> VariantFacts:
    known = {"target": "m4", "by": "tflite_micro", "version": "1", **more}
    return facts(name, kind=kind, targets={"m4": TargetFacts(**known)})


def run_of(*variants: VariantFacts) -> Any:
    return a_run(benchmark(facts()), *(benchmark(one) for one in variants))


def test_what_keeps_all_limits_fits_with_the_room_of_the_tightest(suite: Suite) -> None:
    found = fit(
        suite.targets[0], suite.variant("int8"), run_of(there(figures={"arena_bytes": 9000, "flash_bytes": 10000}))
    )
    assert (found.status, found.first) == ("pass", None)
    assert found.room == pytest.approx(0.1)  # of the arena; 0.75 of the flash


def test_the_first_limit_that_does_not_hold_is_named(suite: Suite) -> None:
    run = run_of(there(figures={"arena_bytes": 9000, "flash_bytes": 50_000}))
    found = fit(suite.targets[0], suite.variant("int8"), run)
    assert found.status == "fail"
    assert found.first is not None
    assert found.first.gate.metric == "flash_bytes"
    assert found.room == pytest.approx(-0.25)
    assert "flash_bytes is 50000, must be <= 40000 bytes [targets.m4]" in str(found.first)


def test_a_refusal_fails_and_a_missing_extra_is_never_a_pass(suite: Suite) -> None:
    refused = fit(suite.targets[0], suite.variant("int8"), run_of(there(refused="no operator X")))
    assert (refused.status, refused.room) == ("fail", None)
    assert refused.first is not None
    assert refused.first.reason == "no operator X"
    missing = fit(suite.targets[0], suite.variant("int8"), run_of(there(missing="pip install 'optkit[micro]'")))
    assert missing.status == "not comparable"
    before = fit(suite.targets[0], suite.variant("int8"), run_of(facts("int8", kind="tflite")))  # saved without targets
    assert before.status == "not comparable"


def test_the_exit_code_of_a_run_has_the_targets_in_it(suite: Suite) -> None:
    """Without, optkit gate would call a run good whose file does not fit."""
    small, large = {"arena_bytes": 9000, "flash_bytes": 1}, {"arena_bytes": 11_000, "flash_bytes": 1}
    fast = dataclasses.replace(suite, targets=suite.targets[:1])
    assert exit_code(check_run(fast, run_of(there(figures=small)))) == 0
    assert exit_code(check_run(fast, run_of(there(figures=large)))) == 1
    assert exit_code(check_run(fast, run_of(there(missing="not there")))) == 3
    other = there("float_tflite", figures=large)  # the target is not for it
    assert exit_code(check_run(fast, run_of(there(figures=small), other))) == 0


def test_times_on_a_target_are_those_of_the_run(suite: Suite) -> None:
    found = fit(suite.targets[1], suite.variant("int8"), run_of(facts("int8", kind="tflite")))
    assert (found.status, found.verdicts[0].value) == ("fail", 0.5)
    assert found.room == pytest.approx(-0.25)


def test_there_is_a_row_for_each_file_and_target_also_of_those_that_need_not_keep_it(suite: Suite) -> None:
    figures = {"arena_bytes": 11_000, "flash_bytes": 1}
    run = run_of(there(figures=figures), there("float_tflite", figures=figures))
    rows = [row(one, run) for one in fits(suite, run)]
    assert [(one["variant"], one["target"], one["held"], one["fits"]) for one in rows] == [
        ("float_tflite", "m4", False, "fail"),
        ("int8", "m4", True, "fail"),
        ("float_tflite", "cpu", True, "fail"),
        ("int8", "cpu", True, "fail"),
    ]
    assert rows[0]["figures"] == figures
    shown = targets_text(suite, run, fits(suite, run), width=100)
    assert "target m4: tflite_micro 1; arena bytes <= 10,000, flash bytes <= 40,000" in shown
    [line] = [line for line in shown.splitlines() if line.startswith("float_tflite  ") and "11,000" in line]
    assert "(no)" in line
    assert "-10.0 %" in line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"figures": {"arena_bytes": -1}}, "targets.m4.arena_bytes"),
        ({"figures": {"npu_share": 1.5}}, "targets.m4.npu_share"),
        ({"figures": {"zip_bytes": 5}}, "a metric of targets"),
        ({"figures": {"arena_bytes": 5}, "refused": "no"}, "none beside a refusal"),
        ({"target": "m5"}, "'m4'"),
        ({"by": "a b"}, "runtime or compiler"),
    ],
)
def test_a_record_that_cannot_be_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        run_of(there(**changes))
