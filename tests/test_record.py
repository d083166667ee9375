"""Saved runs: what is written is read back, and what is not ours is refused."""

import copy
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from optkit import Evaluation, RecordError, Run, VariantFacts, make_run, read_run
from optkit.inspect.weights import Tensor, WeightFacts
from optkit.record import SCHEMA, ArtifactFacts, DatasetFacts, RuntimeFacts, extra_info

TEST, RIGHT = 70, 63
"""Test samples of `facts()`, and how many of them its baseline gets right."""
ZIP = 855_000
"""Zip bytes of its baseline."""


def packed(right: int, samples: int = TEST) -> str:
    """Return the packed vector of a variant that is right on the first `right` of `samples`."""
    return Evaluation(np.arange(samples) < right).packed()


def sized(ratio: float, **changes: Any) -> ArtifactFacts:
    """Return a file that is smaller than the baseline of `facts()` by about `ratio`; with its true ratio."""
    zip_bytes = changes.get("zip_bytes", max(1, round(ZIP / ratio)))
    known = {"key": "c" * 64, "sha256": "a" * 64, "file_bytes": 2 * zip_bytes, "zip_bytes": zip_bytes}
    return ArtifactFacts(**{**known, "size_ratio": ZIP / zip_bytes, **changes})


def facts(variant: str = "baseline", **changes: Any) -> VariantFacts:
    """Return a record that contradicts nothing but what `changes` say; `correct` follows the accuracy or drop there."""
    kernel = Tensor(
        name="m/conv/Conv2D",
        dtype="int8",
        elements=2000,
        zeros=0.8,
        distinct=16,
        layers=("conv",),
        distinct_in_scale=16,
        sparse_2_4=0.5,
    )
    right = RIGHT - round((changes.get("accuracy_drop") or 0.0) * TEST)
    right = round(changes["accuracy"] * TEST) if changes.get("accuracy") is not None else right
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "suite": "tiny",
        "suite_path": None,
        "variant": variant,
        "kind": "keras" if variant == "baseline" else "tflite",
        "dataset": DatasetFacts(name="mnist", digest="d" * 64, train=320, test=TEST),
        "artifact": sized(1),
        "runtime": RuntimeFacts(name="litert", version="2.3.0"),
        "accuracy": right / TEST,
        "accuracy_drop": (RIGHT - right) / TEST,
        "correct": packed(right),
        "weights": WeightFacts(tensors=(kernel,), leftovers=()),
        "spec": {"seed": 1, "steps": [{"technique": "prune", "final_sparsity": 0.8}]},
    }
    return VariantFacts(**{**values, **changes})


def benchmark(of: VariantFacts, seconds: float = 0.5, mode: str = "single_batch", threads: int = 1) -> dict[str, Any]:
    timing = {"mode": mode, "threads": threads, "batch": 32, "samples": 32, "strategy": None, "trial": {}}
    info = json.loads(msgspec.json.encode(extra_info(of, timing, "baseline")))
    return {"name": f"test_latency[{of.variant}]", "stats": {"median": seconds}, "extra_info": {"optkit": info}}


def a_run(*benchmarks: dict[str, Any]) -> Run:
    return make_run(benchmarks, {"node": "here"}, "2026-01-01")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    saved = {"benchmarks": [benchmark(facts()), benchmark(facts("int8"), 0.1)], "machine_info": {"node": "here"}}
    (tmp_path / "run.json").write_text(json.dumps(saved))
    run = read_run(tmp_path / "run.json")
    assert run.variants == {"baseline": facts(), "int8": facts("int8")}
    assert (run.suite, run.baseline, run.machine) == ("tiny", "baseline", {"node": "here"})
    timing = run.timing("int8", "single_batch", 1)
    assert timing
    assert run.speedup(timing) == 5.0
    assert run.timing("int8", "single_batch", 2) is None


def test_accuracy_that_was_not_measured_is_written_and_read_as_such() -> None:
    unmeasured = facts(accuracy=None, accuracy_drop=None, correct=None)
    saved = benchmark(unmeasured)
    assert saved["extra_info"]["optkit"]["accuracy"] is None
    assert a_run(saved).variants["baseline"] == unmeasured


def test_the_saved_form_has_the_fields_that_users_rely_on() -> None:
    info = benchmark(facts())["extra_info"]["optkit"]
    public = "suite variant mode threads batch samples dataset artifact accuracy accuracy_drop runtime schema"
    assert set(public.split()) <= set(info)
    assert set(info["dataset"]) == {"name", "digest", "train", "test"}
    assert set(info["artifact"]) == {"key", "sha256", "file_bytes", "zip_bytes", "size_ratio"}
    assert set(info["runtime"]) == {"name", "version"}


def broken(change: Any) -> dict[str, Any]:
    one = copy.deepcopy(benchmark(facts()))
    change(one)
    return one


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b["extra_info"]["optkit"].update(schema=99), "records of schema 99; this optkit reads schema 1"),
        (lambda b: b["extra_info"]["optkit"].pop("schema"), "records of schema None"),
        (lambda b: b["extra_info"].clear(), "has no extra_info.optkit"),
        (lambda b: b["extra_info"]["optkit"].pop("accuracy"), "missing required field `accuracy`"),
        (lambda b: b["extra_info"]["optkit"].update(threads="two"), "Expected `int`, got `str`"),
        (lambda b: b["stats"].clear(), "is not of schema 1"),
        (lambda b: b["stats"].update(median=0.0), "expected more than 0"),
    ],
)
def test_records_that_do_not_fit_are_refused(change: Any, message: str) -> None:
    with pytest.raises(RecordError, match=message):
        a_run(broken(change))


def test_records_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(RecordError, match="'baseline' contradict each other"):
        a_run(benchmark(facts()), benchmark(facts(accuracy=0.8)))


def test_sessions_are_told_apart_by_number_or_else_by_order() -> None:
    both = a_run(benchmark(facts()), benchmark(facts("int8")), benchmark(facts()), benchmark(facts("int8")))
    assert [timing.session for timing in both.timings] == [0, 0, 1, 1]
    numbered = [benchmark(facts()) for _ in range(2)]
    for one in numbered:
        one["extra_info"]["optkit"]["session"] = 3
    with pytest.raises(RecordError, match="a benchmark twice in one session"):
        a_run(*numbered)
    numbered[0]["extra_info"]["optkit"]["session"] = 5
    assert [timing.session for timing in a_run(*numbered).timings] == [5, 3]


def test_records_of_different_data_are_never_together() -> None:
    other = DatasetFacts(name="mnist", digest="e" * 64, train=320, test=70)
    with pytest.raises(RecordError, match="several suites or data sets"):
        a_run(benchmark(facts()), benchmark(facts("int8", dataset=other)))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"benchmarks": 3}', '{"benchmarks": []}', '{"benchmarks": [3]}', "nul"]
)
def test_files_that_are_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RecordError, match=r"run\.json"):
        read_run(tmp_path / "run.json")
    with pytest.raises(RecordError, match="cannot be read"):
        read_run(tmp_path / "missing.json")
