"""Scores are saved and read again as they were; what contradicts itself, or claims more than it holds, is refused."""

import base64
import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit import Evaluation, Store
from optkit.build.store import DamagedEntryWarning
from optkit.files.documents import decode_json
from optkit.measure.metrics import choose_scorer
from optkit.measure.scores import Scores, ScoresFacts, kept_scores, read_scores

RNG = np.random.default_rng(0)
CLASSES, FLAGS, REAL = RNG.integers(0, 3, 41), RNG.integers(0, 2, (41, 4)), RNG.normal(size=(41, 2))
CASES: list[tuple[str, Any, Any, Any]] = [
    ("accuracy", "multiclass", CLASSES, RNG.random((41, 3))),
    ("auc", "multiclass", CLASSES, RNG.random((41, 3))),
    ("f1", "multilabel", FLAGS, RNG.random((41, 4))),
    ("label_accuracy", "multilabel", FLAGS, RNG.random((41, 4))),
    ("mse", "regression", REAL, RNG.normal(size=(41, 2))),
    ("r2", "regression", REAL, RNG.normal(size=(41, 2))),
]


def measured(case: tuple[str, Any, Any, Any]) -> Scores:
    metric, task, labels, outputs = case
    return choose_scorer(metric, task).from_outputs(labels, outputs)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_saved_scores_are_read_again_as_they_were(case: tuple[str, Any, Any, Any]) -> None:
    scores = measured(case)
    text = json.dumps(dataclasses.asdict(scores.facts()))
    again = read_scores(decode_json(text.encode(), ScoresFacts))
    assert again.kept is not None
    assert scores.kept is not None
    np.testing.assert_array_equal(again.kept, scores.kept)
    assert again.kept.dtype == scores.kept.dtype
    assert (again.value, again.facts()) == (scores.value, scores.facts())
    assert again.statistic(again.kept) == scores.value, "the value is a function of what is kept"
    assert again.drop_from(scores) == 0


def test_correctness_is_packed_as_evaluations_are() -> None:
    scores = measured(CASES[0])
    assert scores.kept is not None
    assert scores.facts().kept == Evaluation(scores.kept).packed()
    assert scores.value == Evaluation(scores.kept).accuracy


def made(kept: Any, better: Any, value: float | None = None) -> Scores:
    found = float(np.mean(kept)) if value is None else value
    known: dict[str, Any] = {"metric": "own:f", "task": "regression", "unit": "", "by_sample": True}
    return Scores(value=found, kept=kept, better=better, **known)


def test_a_drop_is_positive_when_it_is_worse() -> None:
    low, high = made(np.array([1, 2], np.float32), "lower"), made(np.array([2, 4], np.float32), "lower")
    assert (high.drop_from(low), low.drop_from(high)) == (1.5, -1.5)
    low, high = made(np.array([1, 2], np.float32), "higher"), made(np.array([2, 4], np.float32), "higher")
    assert (high.drop_from(low), low.drop_from(high)) == (-1.5, 1.5)
    right = [made(np.arange(10_000) < some, "higher") for some in (9800, 9780)]
    assert right[1].drop_from(right[0]) == 0.002, "rounded once"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (made(np.array([1, 2, 3], np.float32), "lower"), "2 samples against 3; expected the same test set"),
        (made(None, "lower", 1.0), "2 samples against None"),
        (made(np.array([1, 2], np.float32), "higher"), "better lower against higher"),
        (dataclasses.replace(made(np.array([1, 2], np.float32), "lower"), metric="mse"), "metric own:f against mse"),
    ],
)
def test_scores_that_are_not_of_the_same(other: Scores, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(np.array([1, 2], np.float32), "lower").drop_from(other)


def deflated(values: Any) -> str:
    return base64.b64encode(zlib.compress(np.asarray(values, "<f4").tobytes())).decode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": 0.9}, "mse is 0.9, but .* by its samples; it was changed"),
        ({"schema": 2}, "scores of schema 2; expected 1"),
        ({"samples": 42}, "164 bytes of kept scores; expected 168"),
        ({"samples": 40}, "161 bytes of kept scores; expected 160"),
        ({"samples": 0}, "scores of 0 samples"),
        ({"samples": 10**12}, "deflated bytes; expected those of 4000000000000"),
        ({"columns": -1}, "-1 columns"),
        ({"kept": "?"}, "base64|padding|Only"),
        ({"kept": base64.b64encode(b"no deflated bytes").decode()}, "the kept scores are damaged"),
        ({"kept": deflated(np.full(41, np.nan))}, "hold NaN"),
        ({"form": "bits"}, "packed bytes; expected those of 41 samples"),
        ({"metric": "auc", "by_sample": False}, "there is no metric 'auc' of task regression"),
    ],
)
def test_saved_scores_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    facts = dataclasses.replace(measured(CASES[4]).facts(), **changes)
    with pytest.raises(ValueError, match=message):
        read_scores(facts)


def test_a_metric_is_measured_once_for_the_same_file_data_and_code(tmp_path: Path) -> None:
    store, asked = Store(tmp_path), []
    scorer = choose_scorer("mse", "regression")

    def get(sha256: str = "a", data: str = "d", runtime: str = "1", **about: str) -> Scores:
        def measure() -> Scores:
            asked.append((sha256, data, runtime, about))
            return measured(CASES[4])

        artifact: Any = type("Artifact", (), {"sha256": sha256})
        dataset: Any = type("Data", (), {"digest": data})
        return kept_scores(artifact, dataset, {"version": runtime}, store, {**scorer.about, **about}, measure)

    first, again = get(), get()
    assert (len(asked), first.value) == (1, again.value)
    (entry,) = tmp_path.rglob("scores.json")
    for change in ({"sha256": "b"}, {"data": "e"}, {"runtime": "2"}, {"code": "f"}, {"name": "mae"}):
        get(**change)
        get(**change)
    assert len(asked) == 6
    entry.write_text("{}")
    with pytest.warns(DamagedEntryWarning):
        get()
    assert len(asked) == 7
