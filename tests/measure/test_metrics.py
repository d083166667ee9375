"""Metrics give the values that scikit-learn's documentation prints, and scikit-learn's own where it is installed."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import OptkitError
from optkit.measure.formulas import FORMULAS, checked_case, in_top
from optkit.measure.metrics import choose_scorer
from optkit.spec.metrics import DEFAULT_METRICS, TASK_METRICS, TASKS

TRUE, FOUND = [3, -0.5, 2, 7], [2.5, 0.0, 2, 8]
TRUE_2, FOUND_2 = [[0.5, 1], [-1, 1], [7, -6]], [[0, 2], [-1, 2], [8, -5]]


def value(metric: str, task: Any, labels: Any, outputs: Any, **more: Any) -> float:
    return choose_scorer(metric, task).from_outputs(np.asarray(labels), np.asarray(outputs), **more).value


def one_hot(classes: list[int], size: int) -> Any:
    return np.eye(size)[classes]


@pytest.mark.parametrize(
    ("metric", "task", "labels", "outputs", "expected"),
    [
        # printed in scikit-learn's reference, in the docstring of the function of that name
        ("accuracy", "multiclass", [0, 1, 2, 3], one_hot([0, 2, 1, 3], 4), 0.5),
        ("accuracy", "multilabel", [[0, 1], [1, 1]], np.ones((2, 2)), 0.5),
        ("f1", "multiclass", [0, 1, 2, 0, 1, 2], one_hot([0, 2, 1, 0, 0, 1], 3), 0.8 / 3),
        ("f1", "binary", [0, 0, 0, 0], np.zeros((4, 1)), 0.0),
        (
            "f1",
            "multilabel",
            [[0, 0, 0], [1, 1, 1], [0, 1, 1]],
            [[0, 0, 0], [1, 1, 1], [1, 1, 0]],
            (0.66666667 + 1 + 0.66666667) / 3,
        ),
        ("auc", "binary", [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
        ("mse", "regression", TRUE, FOUND, 0.375),
        ("mse", "regression", TRUE_2, FOUND_2, (0.41666667 + 1) / 2),
        ("mae", "regression", TRUE, FOUND, 0.5),
        ("mae", "regression", TRUE_2, FOUND_2, 0.75),
        ("rmse", "regression", TRUE, FOUND, 0.612372),
        ("rmse", "regression", TRUE_2, FOUND_2, 0.822749),
        ("r2", "regression", TRUE, FOUND, 0.948608),
        ("r2", "regression", [1, 2, 3], [2, 2, 2], 0.0),
        ("r2", "regression", [1, 2, 3], [3, 2, 1], -3.0),
        # by hand
        ("accuracy", "binary", [0, 1, 1, 0], [[0.49], [0.5], [0.2], [0.9]], 0.5),
        ("label_accuracy", "multilabel", [[0, 1], [1, 1]], np.ones((2, 2)), 0.75),
        ("accuracy", "sequence", [[0, 1, 1], [1, 0, 0]], one_hot([0, 1, 0, 1, 1, 1], 2).reshape(2, 3, 2), 0.5),
        ("auc", "binary", [0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
    ],
)
def test_published_values(metric: str, task: Any, labels: Any, outputs: Any, expected: float) -> None:
    assert value(metric, task, labels, outputs) == pytest.approx(expected, abs=1e-6)


def test_the_largest_outputs_as_scikit_learn_prints_them_for_two() -> None:
    scores = [[0.5, 0.2, 0.2], [0.3, 0.4, 0.2], [0.2, 0.4, 0.3], [0.7, 0.2, 0.1]]
    case = checked_case("multiclass", np.array([0, 1, 2, 2]), np.array(scores))
    assert in_top(case, 2).tolist() == [True, True, True, False]
    same = checked_case("multiclass", np.arange(8), np.zeros((8, 8)))
    assert in_top(same).tolist() == [True] * 5 + [False] * 3, "of ties the first, as argmax takes them"


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="needs scikit-learn, a second implementation")
def test_random_values_are_those_of_scikit_learn() -> None:
    from sklearn import metrics as sk

    rng = np.random.default_rng(0)
    y, scores = rng.integers(0, 7, 300), rng.random((300, 7)).round(1)
    distinct = rng.permuted(np.tile(np.arange(7.0), (300, 1)), axis=1)
    assert value("top5", "multiclass", y, distinct) == pytest.approx(sk.top_k_accuracy_score(y, distinct, k=5))
    parts = scores / scores.sum(axis=1, keepdims=True)
    expected = np.mean([sk.roc_auc_score(y == i, parts[:, i].astype(np.float32)) for i in range(7)])
    assert value("auc", "multiclass", y, parts) == pytest.approx(expected)
    assert value("f1", "multiclass", y, distinct) == pytest.approx(
        sk.f1_score(y, distinct.argmax(axis=1), average="macro")
    )
    flags, given = rng.integers(0, 2, (300, 4)), rng.random((300, 4)).round(2)
    assert value("auc", "multilabel", flags, given) == pytest.approx(sk.roc_auc_score(flags, given.astype(np.float32)))
    assert value("f1", "multilabel", flags, given) == pytest.approx(sk.f1_score(flags, given >= 0.5, average="macro"))
    assert value("f1", "binary", flags[:, 0], given[:, 0]) == pytest.approx(
        sk.f1_score(flags[:, 0], given[:, 0] >= 0.5)
    )
    real, guess = rng.normal(size=(300, 3)), rng.normal(size=(300, 3))
    for metric, function in (
        ("mse", sk.mean_squared_error),
        ("mae", sk.mean_absolute_error),
        ("rmse", lambda a, b: np.mean(np.sqrt(sk.mean_squared_error(a, b, multioutput="raw_values")))),
        ("r2", sk.r2_score),
    ):
        assert value(metric, "regression", real, guess) == pytest.approx(function(real, guess), rel=1e-5)


def test_a_reconstruction_is_judged_by_its_errors_and_clips_by_the_mean_of_their_windows() -> None:
    """MLPerf Tiny's anomaly detection: the score of a clip is the mean over its windows of the mean squared error."""
    x = np.zeros((6, 4))
    out = np.sqrt([[1], [3], [1], [1], [9], [0]]) * np.ones((6, 4))
    assert value("mse", "reconstruction", [], out, inputs=x) == pytest.approx(15 / 6)
    assert value("mae", "reconstruction", np.zeros((6, 4)) + 1, np.zeros((6, 4)), inputs=x) == 1, "labels are targets"
    labels = np.array([0, 0, 1, 1, 1, 1])
    assert value("auc", "reconstruction", labels, out, inputs={"": x}) == pytest.approx((0.5 + 0.5 + 1 + 1) / 8)
    clips = np.array([4, 4, 2, 2, 9, 9])
    assert value("auc", "reconstruction", labels, out, inputs=x, groups=clips) == pytest.approx(0.5)
    scores = choose_scorer("auc", "reconstruction").from_outputs(labels, out, x, clips)
    assert scores.kept is not None
    np.testing.assert_allclose(scores.kept, np.array([[1, 1], [0, 2], [1, 4.5]]))


def test_outputs_of_other_forms() -> None:
    assert value("accuracy", "multiclass", [1, 0], np.array([[[[0, 1]]], [[[1, 0]]]])) == 1
    assert choose_scorer("mse", "regression").from_outputs(np.ones(3), {"y": np.ones((3, 1))}).value == 0
    assert value("accuracy", "multiclass", [1, 0], np.array([[0, 255], [255, 0]], np.uint8)) == 1


@pytest.mark.parametrize(
    ("metric", "task", "labels", "outputs", "message"),
    [
        (
            "accuracy",
            "multiclass",
            [0, 1],
            np.zeros((3, 2)),
            r"outputs of shape \(3, 2\) do not go with task multiclass",
        ),
        ("accuracy", "multiclass", [0, 1], np.zeros((2, 1)), r"labels \(2,\); expected \(samples, classes\)"),
        ("accuracy", "multiclass", [0, 2], np.zeros((2, 2)), "labels go to 2, and there are 2 outputs"),
        ("accuracy", "binary", [0, 1], np.zeros((2, 2)), "a model with two is multiclass"),
        ("mse", "regression", [[0, 1]], np.zeros((1, 3)), "expected one output a label"),
        ("accuracy", "sequence", [[0, 1]], np.zeros((1, 3, 2)), r"expected \(samples, steps, classes\)"),
        ("mse", "reconstruction", [], np.zeros((1, 3)), "expected outputs of the shape of the samples"),
        ("accuracy", "multiclass", [0, 1], [[0, 1], [np.nan, 1]], "the outputs of 1 of 2 samples hold NaN or infinity"),
        ("auc", "binary", [1, 1], [0.1, 0.2], "metric auc is nan: the test labels are all of one kind"),
        ("r2", "regression", [2, 2], [1, 2], "metric r2 is nan: all labels of an output are equal"),
        ("mse", "regression", [1, 2], [["a"], ["b"]], "expected numbers"),
        ("mse", "regression", [], [], "do not go with"),
    ],
)
def test_outputs_that_do_not_go_with_the_labels(
    metric: str, task: Any, labels: Any, outputs: Any, message: str
) -> None:
    with pytest.raises(OptkitError, match=message):
        value(metric, task, labels, outputs)


def test_several_outputs_must_be_chosen_from() -> None:
    with pytest.raises(OptkitError, match="the model has 2 outputs: a, b; say in the suite file which is judged"):
        choose_scorer("mse", "regression").from_outputs(np.ones(2), {"a": np.ones(2), "b": np.ones(2)})


def test_auc_of_a_reconstruction_needs_labels() -> None:
    with pytest.raises(OptkitError, match=r"needs a label 0 .normal. or 1 for each sample"):
        value("auc", "reconstruction", [], np.ones((2, 3)), inputs=np.ones((2, 3)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("acuracy", "multiclass"), "there is no metric 'acuracy'; did you mean 'accuracy'"),
        (("accuracy", "regression"), "metric 'accuracy' is not of task regression; .*known: mae, mse, r2, rmse"),
        (("own:metric", "regression"), "does not say which direction is better; add better"),
    ],
)
def test_metrics_that_are_not(arguments: Any, message: str) -> None:
    with pytest.raises(OptkitError, match=message):
        choose_scorer(*arguments)


def test_a_built_in_metric_keeps_its_direction() -> None:
    with pytest.raises(OptkitError, match="metric 'mse' is in squared units of the labels, lower is better"):
        choose_scorer("mse", "regression", better="higher")


def test_every_task_has_a_default_and_every_metric_a_formula() -> None:
    for task in TASKS:
        assert choose_scorer(None, task, labelled=False).name == DEFAULT_METRICS[task]
    assert choose_scorer(None, "reconstruction").name == "auc"
    assert set(FORMULAS) == {(name, task) for name, metric in TASK_METRICS.items() for task in metric.tasks}


SOURCE = """
import numpy as np

def worst(labels, outputs):
    return np.abs(labels - outputs[:, 0]).max()

def by_sample(labels, outputs):
    return np.abs(labels - outputs[:, 0])

def nothing(labels, outputs):
    return float("nan")

def some(labels, outputs):
    return [float("nan"), 1.0, 2.0]

def wrong(labels, outputs):
    return outputs

def text(labels, outputs):
    return "good"

def fails(labels, outputs):
    raise IndexError("too short")

def far(labels, outputs, *, inputs, groups=None):
    errors = np.abs(outputs - inputs).mean(axis=1)
    return errors[labels == 1].mean() - errors[labels == 0].mean() + (0 if groups is None else 100)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "own_metrics.py").write_text(SOURCE)
    monkeypatch.delitem(__import__("sys").modules, "own_metrics", raising=False)

    def choose(name: str, **more: Any) -> Any:
        options = {"better": "lower", "allowed": ("own_metrics",), "folder": tmp_path, **more}
        return choose_scorer(f"own_metrics:{name}", "regression", **options)

    return choose


def test_a_metric_of_the_users(own: Any) -> None:
    labels, outputs = np.array([1.0, 2, 3]), np.array([[1.5], [2], [5]])
    worst, by_sample = own("worst", unit="mm"), own("by_sample")
    found = worst.from_outputs(labels, outputs)
    assert (found.value, found.kept, found.by_sample, found.unit, found.better) == (2, None, False, "mm", "lower")
    found = by_sample.from_outputs(labels, outputs)
    assert (found.value, found.kept.tolist(), found.by_sample) == (pytest.approx(2.5 / 3), [0.5, 0, 2], True)
    assert worst.about["code"] == by_sample.about["code"] != choose_scorer("mse", "regression").about["code"]


def test_a_metric_of_the_users_gets_the_samples_that_it_asks_for(own: Any) -> None:
    """An error of a reconstruction, by a formula of the user's, is not to be had from labels and outputs alone."""
    labels, inputs = np.array([0, 0, 1]), {"x": np.array([[1.0, 1], [2, 2], [3, 3]])}
    outputs = np.array([[1.0, 1], [2, 2], [0, 1]])
    assert own("far").from_outputs(labels, outputs, inputs=inputs).value == pytest.approx(2.5)
    assert own("far").from_outputs(labels, outputs, inputs=inputs, groups=labels).value == pytest.approx(102.5)


def test_a_metric_of_the_users_is_imported_only_when_allowed(own: Any) -> None:
    with pytest.raises(OptkitError, match="--allow own_metrics"):
        own("worst", allowed=())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "metric own_metrics:nothing is nan: mend the function"),
        ("some", "metric own_metrics:some is nan"),
        ("wrong", r"returned numbers of shape \(3, 1\); expected one number, or one a sample \(3,\)"),
        ("text", "returned str; expected one number"),
        ("fails", "own_metrics:fails raised IndexError: too short; mend the function"),
    ],
)
def test_what_a_metric_of_the_users_may_not_do(own: Any, name: str, message: str) -> None:
    with pytest.raises(OptkitError, match=message):
        own(name).from_outputs(np.array([1.0, 2, 3]), np.array([[1.5], [2], [5]]))
