"""A user's own .tflite model and data, from `optkit init` to a judged run, without TensorFlow."""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import optkit
from optkit.build.stages import stages
from optkit.cli import main
from optkit.errors import DataError, OptkitError, RecordError, SuiteError
from optkit.measure.reference import REFERENCE
from optkit.models.look import look_at_model
from optkit.record.run import make_run
from optkit.runtime.samples import run_samples
from optkit.suites.begin import begin

SHAPE = (32, 32, 3)


def images(count: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).random((count, *SHAPE)).astype(np.float32)


def labels_of(x: Any) -> Any:
    [outputs] = run_samples(REFERENCE, x).values()
    return outputs.reshape(len(x), -1).argmax(axis=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(REFERENCE, tmp_path / "model.tflite")
    x = images(40)
    y = labels_of(x)
    np.savez(tmp_path / "data.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys(suite_file: Path) -> dict[str, str]:
    suite, dataset = optkit.open_suite(str(suite_file))
    return {variant.name: stages(suite, variant, dataset.digest).key for variant in suite.variants}


def test_init_says_what_it_saw_and_writes_a_suite_that_builds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "model.tflite", "data.npz"]) == 0
    said = capsys.readouterr().out
    assert "task multiclass: 10 outputs" in said
    assert "next: optkit bench model.toml" in said
    suite = optkit.load_suite("model.toml")
    assert [variant.name for variant in suite.variants] == ["float32", "dynamic_range", "int8", "float16"]
    assert suite.workload.task == "multiclass"
    assert {gate.metric for gate in suite.gates} == {"file_bytes", "drop"}
    assert main(["init", "model.tflite", "data.npz"]) == 2, "a file that is there is not written over"
    assert main(["init", "model.tflite", "data.npz", "--force"]) == 0
    assert main(["build", "model.toml", "--variants", "float32,int8", "--json"]) == 0
    store = optkit.Store()
    suite, dataset = optkit.open_suite("model.toml")
    found = optkit.find_variants(suite, suite.select(("float32", "int8")), dataset, store)
    assert found["float32"].path.read_bytes() == (folder / "model.tflite").read_bytes(), "the baseline is the file"
    assert found["int8"].file_bytes < found["float32"].file_bytes


def test_init_without_data_says_what_is_missing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "model.tflite"]) == 0
    assert "name your data in model.toml" in capsys.readouterr().out
    with pytest.raises(SuiteError, match="data is missing"):
        optkit.load_suite("model.toml")


def test_batches_in_place_of_samples_are_seen_before_the_labels(folder: Path) -> None:
    x = images(40).reshape(8, 5, *SHAPE)
    y = np.zeros((8, 5), np.int64)
    np.savez("batches.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    for task in (None, "multiclass"):
        with pytest.raises(DataError, match=r"samples of shape \(5, 32, 32, 3\).*they look like batches"):
            begin(folder / "model.tflite", "batches.npz", folder, task=task)  # type: ignore[arg-type]


def test_what_does_not_go_together_is_told_with_both_shapes(folder: Path) -> None:
    x = np.zeros((8, 5, 5), np.float32)
    np.savez(folder / "other.npz", x_train=x, y_train=np.arange(8), x_test=x, y_test=np.arange(8))
    with pytest.raises(DataError, match=r"5, 5.*32, 32, 3|32, 32, 3.*5, 5"):
        begin(folder / "model.tflite", "other.npz", folder)
    assert not (folder / "model.toml").exists()


def test_another_model_or_other_data_are_other_keys(folder: Path) -> None:
    main(["init", "model.tflite", "data.npz"])
    before = keys(folder / "model.toml")
    x = images(40, seed=2)
    y = labels_of(x)
    np.savez(folder / "data.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    other_data = keys(folder / "model.toml")
    assert not set(before.values()) & set(other_data.values())
    data = bytearray((folder / "model.tflite").read_bytes())
    data[-1] ^= 1
    (folder / "model.tflite").write_bytes(bytes(data))
    assert not set(other_data.values()) & set(keys(folder / "model.toml").values())


def test_what_is_not_there_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", "model.tflite", "data.npz"])
    capsys.readouterr()
    (folder / "model.tflite").unlink()
    assert main(["build", "model.toml"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("optkit: error: ")
    assert said.count("\n") == 1
    assert "model.tflite" in said


def test_functions_of_the_users_need_to_be_allowed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "own_data_module.py").write_text(
        "import numpy as np\n"
        "def load():\n"
        "    d = np.load('data.npz')\n"
        "    return d['x_train'], d['y_train'], d['x_test'], d['y_test']\n"
    )
    (folder / "f.toml").write_text(
        'schema = 2\nname = "f"\nmodel = "model.tflite"\ndata = "own_data_module:load"\nvariants = ["int8"]\n'
    )
    assert main(["build", "f.toml"]) == 2
    assert "--allow own_data_module" in capsys.readouterr().err
    with pytest.raises(OptkitError, match="--allow own_data_module"):
        optkit.open_suite("f.toml")
    suite, dataset = optkit.open_suite("f.toml", allowed=("own_data_module",))
    assert suite.workload.task == "multiclass", "worked out from the model and the labels"
    assert len(dataset.x_test) == 20


def test_a_study_from_arrays(folder: Path) -> None:
    x = images(40)
    y = labels_of(x)
    study = optkit.compress("model.tflite", (x[:20], y[:20], x[20:], y[20:]), ["int8", "dynamic_range"])
    assert list(study) == ["float32", "int8", "dynamic_range"]
    assert study["float32"].drop == 0
    assert study["int8"].size_ratio > 1
    assert study["int8"].path.is_file()
    assert "float32" in str(study)
    assert "int8" in study._repr_html_()
    assert study.best(max_file_bytes=1) is None
    smallest = min(study.values(), key=lambda one: one.zip_bytes)
    assert study.best() == smallest
    with pytest.raises(KeyError, match="did you mean 'int8'"):
        study["int9"]


def test_a_study_refuses_what_it_cannot_train(folder: Path) -> None:
    x = images(8)
    with pytest.raises(OptkitError, match="cannot be trained"):
        optkit.compress("model.tflite", (x, labels_of(x), x, labels_of(x)), [[optkit.Prune(0.8), "int8"]])
    with pytest.raises(OptkitError, match="expected techniques, and then"):
        optkit.compress("model.tflite", (x, labels_of(x), x, labels_of(x)), [["int8", optkit.Prune(0.8)]])


def test_one_file_is_timed_at_once(folder: Path) -> None:
    from optkit.measure.once import time
    from optkit.measure.reference import Limits

    found = time("model.tflite", images(2), limits=Limits(min_time=1e-4, max_time=0.01, min_rounds=3))
    assert found.samples == 2
    assert len(found.rounds) == len(found.reference_rounds) >= 3
    assert found.seconds > 0
    assert "2 samples, 1 thread" in str(found)
    (folder / "broken.tflite").write_bytes(b"no model")
    with pytest.raises(OptkitError, match="broken"):
        time("broken.tflite", images(1))


@pytest.fixture
def regression(folder: Path) -> Path:
    """The same file, judged by the squared error of its outputs against others nearby."""
    x = images(40)
    [outputs] = run_samples(REFERENCE, x).values()
    y = outputs.reshape(40, -1) + np.random.default_rng(3).normal(0, 0.1, (40, 10)).astype(np.float32)
    np.savez(folder / "reg.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    (folder / "reg.toml").write_text(
        'schema = 2\nname = "reg"\nmodel = "model.tflite"\ndata = "reg.npz"\ntask = "regression"\nvariants = ["int8"]\n'
        "[[gates]]\nmetric = 'drop'\nmax = 1.0\nat = '95%'\n"
    )
    return folder / "reg.toml"


def recorded(suite_file: Path) -> Any:
    suite, dataset = optkit.open_suite(str(suite_file))
    store = optkit.Store()
    built = optkit.build_variants(suite, suite.variants, dataset, store)
    with optkit.KerasWorkers() as workers:
        facts = optkit.gather(suite, built, dataset, store, workers)
    return suite, facts


def test_another_metric_is_recorded_judged_and_checked(regression: Path) -> None:
    from optkit.judge.gates import check_run
    from tests.builders import benchmark

    suite, facts = recorded(regression)
    assert facts["int8"].conversion.mode == "int8"
    assert facts["int8"].accuracy is None
    assert facts["float32"].score == pytest.approx(0.01, rel=0.5)
    assert facts["float32"].drop == 0
    assert facts["int8"].drop == pytest.approx(facts["int8"].score - facts["float32"].score)

    def saved(changed: float = 0.0) -> Any:
        benchmarks = []
        for one in facts.values():
            benchmarks.append(benchmark(one, 1.0, "single_sample"))
            benchmarks[-1]["extra_info"]["optkit"]["baseline"] = "float32"
            benchmarks[-1]["extra_info"]["optkit"]["quality"]["scores"]["value"] += changed
        return make_run(benchmarks, {"node": "here"})

    run = saved()
    assert run.variants["int8"].drop == facts["int8"].drop
    [verdict] = [v for v in check_run(suite, run) if v.variant == "int8" and v.gate.metric == "drop"]
    assert verdict.status == "pass"
    assert verdict.low is not None
    assert verdict.value is not None
    assert verdict.high is not None
    assert verdict.low <= verdict.value <= verdict.high
    with pytest.raises(RecordError, match="it was changed"):
        saved(changed=0.5)


def test_two_runs_of_another_metric_are_compared_by_sample(regression: Path) -> None:
    from optkit.judge.tolerances import Tolerances
    from tests.builders import benchmark

    _, facts = recorded(regression)

    def run(int8: Any) -> Any:
        benchmarks = []
        for one in (facts["float32"], int8):
            benchmarks.append(benchmark(one, 1.0, "single_sample"))
            benchmarks[-1]["extra_info"]["optkit"]["baseline"] = "float32"
        return make_run(benchmarks, {"node": "here"})

    same = optkit.compare_runs(run(facts["int8"]), run(facts["int8"]), Tolerances())
    assert {delta.verdict for delta in same.deltas if delta.metric == "mse"} == {"same"}
    like_float = dataclasses.replace(facts["int8"], quality=facts["float32"].quality)
    other = optkit.compare_runs(run(facts["int8"]), run(like_float), Tolerances())
    [delta] = [delta for delta in other.deltas if (delta.name, delta.metric) == ("int8", "mse")]
    assert delta.verdict in ("better", "inconclusive")
    assert delta.change < 0


def test_a_keras_file_is_looked_at_without_tensorflow(tmp_path: Path) -> None:

    layers = [
        {"class_name": "InputLayer", "config": {"name": "in", "batch_shape": [None, 8]}},
        {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "linear"}},
        {"class_name": "Softmax", "config": {"name": "s"}},
    ]
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": layers}}))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    look = look_at_model(tmp_path / "m.keras")
    assert (look.inputs, look.output, look.activation) == ({"in": (8,)}, (3,), "softmax")
    with pytest.raises(OptkitError, match=r"none.keras"):
        look_at_model(tmp_path / "none.keras")


def test_a_study_of_several_inputs_writes_no_pickle(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from optkit import study

    x = {"left": np.zeros((4, 8), np.float32), "right": np.ones((4, 2), np.float32)}
    place = study._write_suite(folder, Path("m.tflite"), (x, [0, 1, 2, 0], x, [0, 1, 2, 0]), ["int8"], {}, {})
    with np.load(place.with_name("data.npz"), allow_pickle=False) as saved:
        assert set(saved) == {"x_train_left", "x_train_right", "y_train", "x_test_left", "x_test_right", "y_test"}
        assert saved["x_test_right"].shape == (4, 2)
    with pytest.raises(ValueError, match="allow_pickle"):
        study._write_suite(folder, Path("m.tflite"), (np.array([{}, 1]), [0], x, [0]), ["int8"], {}, {})


def test_a_gate_on_accuracy_says_that_another_metric_is_measured(regression: Path) -> None:
    from optkit.judge.gates import judge
    from optkit.record.run import Run

    suite, facts = recorded(regression)
    run = Run(suite=suite.title, baseline="float32", dataset=facts["int8"].dataset, variants=facts, timings=())
    [verdict] = judge(optkit.Gate(metric="accuracy_drop", max=0.1), suite.variant("int8"), run)
    assert verdict.status == "not comparable"
    assert "the suite's metric is mse" in verdict.reason


def test_a_run_on_the_users_own_data_is_judged_by_a_built_in_suite() -> None:
    assert optkit.load_suite("mnist", "my-own-digits").name == "mnist"
