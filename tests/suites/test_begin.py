"""The first gate on an error: in the metric's own unit, from the data and from what the model itself has."""

from pathlib import Path

import numpy as np
import pytest

from optkit.cli import main
from optkit.data.own import load_own
from optkit.measure.reference import REFERENCE
from optkit.runtime.samples import run_samples
from optkit.suites import load_suite
from optkit.suites.begin import begin
from optkit.suites.gates_to_begin import collapse, loose_drop


def data(y, task="regression"):
    y = np.asarray(y, np.float32)
    x = np.arange(2 * len(y), dtype=np.float32).reshape(len(y), 2)
    return load_own((x, y, x, y), task)


@pytest.mark.parametrize(
    ("metric", "own", "expected"),
    [
        # targets 0, 0, 0, 4: mean 1, variance 3, deviation from the median 0 is 1
        ("mse", None, 0.06),
        ("rmse", None, 0.035),  # 0.02 * sqrt(3) is 0.0346, rounded up
        ("mae", None, 0.02),
        ("mse", 0.1, 0.06),  # a tenth of it is less
        ("mse", 2.0, 0.2),
        ("mae", 0.9, 0.09),
        ("r2", None, 0.224),  # of 4 samples, chance moves a fraction so far: 2 * sqrt(0.05 / 4)
    ],
)
def test_an_error_may_grow_by_a_share_of_what_the_best_constant_has(metric, own, expected):
    bound, why = loose_drop(metric, data([0, 0, 0, 4]), own)
    assert bound == pytest.approx(expected)
    assert metric in why


def test_the_bound_is_never_below_what_it_stands_for():
    rng = np.random.default_rng(0)
    for scale in (1e-6, 0.3, 7.0, 1e9):
        y = scale * rng.normal(size=50)
        bound, _ = loose_drop("mse", data(y), None)
        assert bound is not None
        share = bound / np.var(np.asarray(y, np.float32).astype(np.float64))
        assert 0.02 <= share + 1e-9 <= 0.0225


def classes(counts, task="multiclass"):
    y = np.repeat(np.arange(len(counts)), counts)
    x = np.zeros((len(y), 2), np.float32)
    return load_own((x, y, x, y), task)


@pytest.mark.parametrize(("samples", "expected"), [(5000, 0.02), (500, 0.02), (400, 0.023), (100, 0.045), (20, 0.1)])
def test_a_fraction_of_few_samples_has_more_room(samples, expected):
    """2 points of 100 samples are 2 samples: an int8 file as good as its model fell below that."""
    bound, why = loose_drop("accuracy", classes([samples // 2, samples // 2]), None)
    assert bound == pytest.approx(expected)
    assert ("chance" in why) == (expected != 0.02)


@pytest.mark.parametrize(
    ("metric", "made", "expected"),
    [
        ("accuracy", classes([30, 30, 30, 10]), 0.35),  # always the first class: 0.3
        ("accuracy", classes([90, 10], "binary"), 0.05),
        ("auc", classes([90, 10], "binary"), 0.25),
        ("mse", data([0, 0, 0, 4]), 1.5),
        ("mae", data([0, 0, 0, 4]), 0.5),
    ],
)
def test_a_recipe_that_trains_may_at_first_lose_half_of_the_way_to_a_constant_answer(metric, made, expected):
    found = collapse(metric, made)
    assert found is not None
    assert found[0] == pytest.approx(expected)


def test_targets_that_are_all_the_same_give_no_scale():
    bound, why = loose_drop("mse", data([3, 3, 3]), None)
    assert bound is None
    assert collapse("mse", data([3, 3, 3])) is None
    assert "all test targets are the same" in why


def test_of_a_reconstruction_the_samples_are_the_targets():
    x = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    bound, _ = loose_drop("mse", load_own((x, None), "reconstruction"), None)
    assert bound is not None
    assert 0.01 < bound < 0.03


@pytest.fixture
def regression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .tflite file and targets near its outputs: its own mean squared error is some 0.25."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.tflite").write_bytes(REFERENCE.read_bytes())
    rng = np.random.default_rng(1)
    x = rng.random((40, 32, 32, 3)).astype(np.float32)
    [outputs] = run_samples(REFERENCE, x).values()
    y = outputs.reshape(40, -1) + rng.normal(0, 0.5, (40, 10)).astype(np.float32)
    np.savez("reg.npz", x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    return tmp_path


def test_init_measures_a_tflite_file_and_says_why_it_chose_the_gate(regression, capsys):
    assert main(["init", "model.tflite", "reg.npz"]) == 0
    said = capsys.readouterr().out
    assert "drop: mse may grow by a tenth of what the model itself has, 0.2" in said
    [gate] = [gate for gate in load_suite("model.toml").gates if gate.metric == "drop"]
    assert gate.max is not None
    assert 0.02 <= gate.max <= 0.03
    assert "# drop: mse may grow by" in Path("model.toml").read_text()


def test_an_empty_split_is_named_before_the_task_is_guessed(regression, capsys):
    """It was told that there are no labels."""
    with np.load("reg.npz") as found:
        arrays = dict(found)
    np.savez("empty.npz", **{**arrays, "x_test": arrays["x_test"][:0], "y_test": arrays["y_test"][:0]})
    assert main(["init", "model.tflite", "empty.npz"]) == 2
    assert "empty.npz, test is empty: x (0, 32, 32, 3), y (0, 10)" in capsys.readouterr().err
    np.savez("names.npz", **{**arrays, "y_test": np.array(["cat"] * 20)})
    assert main(["init", "model.tflite", "names.npz"]) == 2
    assert "holds text (dtype <U3); turn it into numbers first, such as np.unique(labels" in capsys.readouterr().err
    assert main(["init", "model.tflite", "gone.npz"]) == 2
    assert "there is no file gone.npz" in capsys.readouterr().err


def test_without_data_there_is_no_gate_on_an_error(regression):
    found = begin(Path("model.tflite"), None, Path(), task="regression")
    assert 'metric = "mse"' in found.text
    assert "drop" not in found.text
