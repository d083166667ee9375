"""Saved runs: what is written is read back, and what is not ours is refused."""

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from optkit import Conversion, RecordError, VariantFacts, read_run
from optkit.names import has_control
from optkit.record.chain import conversion_facts, conversion_in
from optkit.record.facts import ConversionFacts, DatasetFacts
from optkit.record.machine import Machine, read_machine
from optkit.record.run import run_of
from optkit.spec.keys import canonical
from optkit.tflite.weights import WeightFacts
from tests.builders import a_run, benchmark, facts, packed, sized
from tests.isolation import ROOT


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    saved = {"benchmarks": [benchmark(facts()), benchmark(facts("int8"), 0.1)], "machine_info": {"node": "here"}}
    (tmp_path / "run.json").write_text(json.dumps(saved))
    run = read_run(tmp_path / "run.json")
    assert run.variants == {"baseline": facts(), "int8": facts("int8")}
    assert (run.suite, run.baseline, run.machine.saved) == ("tiny", "baseline", {"node": "here"})
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
    assert set(info["runtime"]) == {"name", "version", "settings"}


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


@pytest.mark.parametrize("bad", ["x/../../../../pwned", "a\x1b[31m", "a\n::warning::b", "", "x" * 101, "a\u202eb"])
@pytest.mark.parametrize("field", ["suite", "variant", "mode", "baseline", "runtime", "strategy"])
def test_names_of_a_record_have_the_form_of_names(field: str, bad: str) -> None:
    value = {"name": bad, "version": "1"} if field == "runtime" else bad
    if field == "strategy" and not has_control(bad):
        return  # a text, in which anything else may stand
    with pytest.raises(RecordError, match=r"rename it|holds a control character|expected single_sample") as caught:
        a_run(broken(lambda b: b["extra_info"]["optkit"].update({field: value})))
    assert not has_control(str(caught.value))


def test_a_title_with_a_profile_is_a_suites_name() -> None:
    assert a_run(benchmark(facts(suite="mnist:quick"))).suite == "mnist:quick"


def test_what_a_run_says_of_its_machine_and_commit_is_read_escaped() -> None:
    document = {"benchmarks": [benchmark(facts())], "machine_info": {"node": "a\x1b"}, "commit_info": {"id": "c\n"}}
    run = run_of(document)
    assert run.machine == Machine(node=r"a\x1b", saved={"node": r"a\x1b"})
    assert run.commit == {"id": r"c\n"}


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


def test_records_of_several_suites_are_refused_with_their_names() -> None:
    other = dataclasses.replace(facts(), suite="other")
    with pytest.raises(RecordError, match=rf"mixes several suites or data sets \(other, {facts().suite}\)"):
        a_run(benchmark(facts()), benchmark(other))


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


def changed(of: VariantFacts, **changes: Any) -> VariantFacts:
    """Return `of` with fields changed; of nested ones by a name such as artifact__zip_bytes."""
    for name, value in changes.items():
        outer, _, inner = name.rpartition("__")
        if outer:
            value = dataclasses.replace(getattr(of, outer), **{inner: value})
        of = dataclasses.replace(of, **{outer or name: value})
    return of


def kernel(**changes: Any) -> WeightFacts:
    return WeightFacts(tensors=(dataclasses.replace(facts().weights.tensors[0], **changes),), leftovers=())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy_drop": -5.0}, "accuracy_drop is -5.0; expected a fraction from -1 to 1"),
        ({"accuracy_drop": 0.1}, "accuracy_drop is 0.1; expected 0: the baseline has accuracy 0.9, this one 0.9"),
        ({"accuracy": 0.47}, "accuracy is 0.47; expected 0.9: 63 of 70 samples are correct"),
        ({"accuracy": 1.1}, "accuracy is 1.1; expected a fraction from 0 to 1"),
        ({"accuracy": None}, "accuracy is null; expected all of accuracy, accuracy_drop, correct, or none"),
        ({"correct": None, "accuracy_drop": None}, "accuracy_drop and correct is null; expected all of"),
        ({"accuracy": None, "accuracy_drop": None, "correct": None}, "expected what 'baseline' has: an accuracy"),
        ({"correct": "/w=="}, "correct is of 1 bytes; expected 9 bytes for 70 samples"),
        ({"correct": "?"}, "correct is '?'; expected base64"),
        ({"correct": packed(72, 72)}, "correct is of more than 70 samples; expected zeros after the last one"),
        ({"correct": packed(62)}, "accuracy is 0.9; expected 0.885714: 62 of 70"),
        ({"kind": "onnx"}, "kind is 'onnx'; expected keras or tflite"),
        ({"artifact__zip_bytes": 0}, "zip_bytes is 0; expected 1 or more"),
        ({"artifact__file_bytes": -1}, "file_bytes is -1; expected 1 or more"),
        ({"artifact__zip_bytes": 1 << 53}, "zip_bytes is 9007199254740992; expected 1 or more, and less than 2^53"),
        ({"artifact__size_ratio": 1e300}, "size_ratio is 1e+300; expected 1: the baseline's zip_bytes 855000 / 855000"),
        ({"artifact__size_ratio": 0.0}, "size_ratio is 0.0; expected more than 0"),
        ({"artifact__sha256": "s" * 64}, "expected a sha256: 64 of 0-9 and a-f"),
        ({"artifact__key": "c" * 63}, "expected a sha256"),
        ({"dataset__train": -1}, "train is -1; expected 0 or more"),
        ({"weights": WeightFacts(tensors=(), leftovers=())}, "weights.tensors is empty; expected one tensor or more"),
        ({"weights": kernel(zeros=2.0)}, "weights.tensors[0].zeros is 2.0; expected a fraction from 0 to 1"),
        ({"weights": kernel(zeros=0.80001)}, "zeros is 0.80001; expected a whole number of its 2000 elements"),
        ({"weights": kernel(sparse_2_4=-0.1)}, "sparse_2_4 is -0.1; expected a fraction"),
        ({"weights": kernel(distinct=0)}, "distinct is 0; expected 1 to 2000"),
        ({"weights": kernel(distinct=2001)}, "distinct is 2001; expected 1 to 2000"),
        ({"weights": kernel(distinct_in_scale=17)}, "distinct_in_scale is 17; expected 1 to 16"),
        ({"weights": kernel(elements=-1)}, "elements is -1; expected 0 or more"),
        ({"spec": {"libraries": {"numpy": 2}}}, "spec is not what optkit saves: Expected `str`, got `int`"),
        ({"spec": {"steps": [3]}}, "spec is not what optkit saves: Expected `object`, got `int` - at `steps[0]`"),
    ],
)
def test_a_record_that_cannot_be_is_refused_with_what_was_got_and_expected(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecordError, match="variant 'int8': ") as error:
        a_run(benchmark(facts()), benchmark(changed(facts("int8"), **changes)))
    assert message in str(error.value)
    a_run(benchmark(facts()), benchmark(facts("int8")))


def test_without_the_baseline_all_others_must_speak_of_the_same_one() -> None:
    small, other = facts("small", artifact=sized(4)), facts("int8", artifact=sized(2), accuracy_drop=0.1)
    assert set(a_run(benchmark(small), benchmark(other)).variants) == {"small", "int8"}
    with pytest.raises(RecordError, match=r"'int8': size_ratio is 3.0; expected 2: with 'small' it is zip_bytes"):
        a_run(benchmark(small), benchmark(changed(other, artifact__size_ratio=3.0)))
    with pytest.raises(RecordError, match=r"'int8': accuracy_drop is 0.2; expected 0.1: the baseline of 'small'"):
        a_run(benchmark(small), benchmark(changed(other, accuracy_drop=0.2)))
    with pytest.raises(RecordError, match="accuracy_drop"):
        a_run(benchmark(changed(small, accuracy_drop=0.5)))  # its baseline would have 98 of 70


def test_a_baseline_is_not_smaller_or_better_than_itself() -> None:
    with pytest.raises(RecordError, match=r"size_ratio is 2.0; expected 1"):
        a_run(benchmark(changed(facts(), artifact__size_ratio=2.0)))
    with pytest.raises(RecordError, match=r"accuracy_drop is 0.1; expected 0"):
        a_run(benchmark(changed(facts(), accuracy_drop=0.1)))


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "results" / "runs").glob("*.json")), ids=lambda p: p.stem)
def test_genuine_runs_contradict_nothing(path: Path) -> None:
    assert read_run(path).variants


def test_a_record_without_a_baselines_name_is_refused() -> None:
    one = benchmark(facts())
    del one["extra_info"]["optkit"]["baseline"]
    with pytest.raises(RecordError, match="the name of a variant is None"):
        a_run(one)


def test_the_conversion_is_recorded_and_read_from_the_spec_of_older_records_only() -> None:
    spec = {
        "steps": [{"technique": "prune"}, {"conversion": {"mode": "int8", "layers": {"a": "int4"}, "strip": "all"}}]
    }
    recorded = ConversionFacts(mode="int8", layers=True, extras=("strip",))
    one = benchmark(facts("int8", spec=spec, conversion=recorded))
    assert one["extra_info"]["optkit"]["conversion"] == {"mode": "int8", "layers": True, "extras": ["strip"]}
    assert a_run(one).variants["int8"].conversion == recorded
    older = copy.deepcopy(one)
    del older["extra_info"]["optkit"]["conversion"]
    assert a_run(older).variants["int8"] == a_run(one).variants["int8"]
    in_another_form = benchmark(facts("int8", spec={"made": "elsewhere"}, conversion=recorded))
    assert a_run(in_another_form).variants["int8"].conversion == recorded, "a spec of another form is not asked"
    for wrong in (ConversionFacts(mode="float32", layers=True, extras=("strip",)), None):
        with pytest.raises(RecordError, match=r"conversion is .*; expected .*mode='int8'.*, as in its spec"):
            a_run(benchmark(facts("int8", spec=spec, conversion=wrong)))


def test_every_way_of_converting_is_recorded_as_the_spec_has_it() -> None:
    assert conversion_facts(None) is None
    for conversion in (
        Conversion(),
        Conversion(mode="int8", strip="nothing"),
        Conversion(mode="float16", sparse=True),
        Conversion(mode="dynamic_range", layers={"a": "int4"}, strip="all"),
    ):
        spec = {"steps": [{"conversion": canonical(conversion)}]}
        assert conversion_facts(conversion) == conversion_in(spec)


def test_the_recorded_runs_have_their_conversions() -> None:
    """These were saved before conversions were recorded."""
    run = read_run(ROOT / "docs" / "results" / "runs" / "mnist.json")
    modes = {name: facts.conversion.mode for name, facts in run.variants.items() if facts.conversion}
    assert (modes["float_tflite"], modes["int8"]) == ("float32", "int8")
    assert run.variants["float_tflite"].conversion == ConversionFacts(mode="float32", extras=("strip",))
    assert run.variants[run.baseline].conversion is None
    assert run.float_file == "float_tflite"


def test_a_machine_is_read_leniently_and_saved_again_as_it_was() -> None:
    saved = {"node": "here", "machine": "x86_64", "release": "6.1", "cpu": {"brand_raw": "X1", "count": 2, "flags": []}}
    machine = read_machine(saved)
    assert (machine.node, machine.architecture, machine.processor, machine.cores) == ("here", "x86_64", "X1", 2)
    assert (machine.system, machine.python_version) == (None, None)
    assert str(machine) == "X1, 2 cores"
    assert machine.saved == saved
    assert read_machine(machine.saved) == machine
    assert str(read_machine({})) == "unknown processor, ? cores"


@pytest.mark.parametrize("odd", [{"cpu": 3}, {"node": 3}, {"cpu": {"count": "two"}}, None, []])
def test_a_machine_of_another_form_is_an_error(odd: Any) -> None:
    with pytest.raises(RecordError, match=r"machine_info|not what pytest-benchmark saves"):
        run_of({"benchmarks": [benchmark(facts())], "machine_info": odd})
