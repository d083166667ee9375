"""Classes from scores, and the packed vector of what was right."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from optkit import KerasWorkers
from optkit.measure import accuracy
from optkit.measure.accuracy import Evaluation, classify
from tests.builders import artifact


@given(hnp.arrays(bool, st.integers(1, 70)))
def test_packing_keeps_every_bit(correct: np.ndarray) -> None:
    again = Evaluation.unpacked(Evaluation(correct).packed(), len(correct))
    assert np.array_equal(again.correct, correct)
    assert again.accuracy == correct.mean()


def test_classes() -> None:
    assert classify(np.array([[0.1, 0.9], [2, -1]], np.float32), "multiclass").tolist() == [1, 0]
    assert classify(np.array([[0.5], [0.49]], np.float32), "binary").tolist() == [1, 0]


@given(st.integers(0, 50), st.integers(1, 50))
def test_a_drop_of_whole_samples_is_exactly_that_fraction(lost: int, more: int) -> None:
    samples = 10 * (lost + more)
    whole, less = np.ones(samples, bool), np.ones(samples, bool)
    less[:lost] = False
    assert Evaluation(less).drop_from(Evaluation(whole)) == lost / samples


def test_a_drop_between_different_test_sets_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the same test set"):
        Evaluation(np.ones(3, bool)).drop_from(Evaluation(np.ones(4, bool)))


def test_large_samples_are_run_in_small_batches_and_parts_with_the_same_scores(
    built_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set whose tensors would not fit into memory: no sample is lost, doubled or moved."""
    x = np.random.default_rng(0).random((45, 28, 28), np.float32)
    asked: list[tuple[int, int]] = []
    set_up = vars(accuracy)["set_up"]

    def seen(file: Any, mode: str, threads: int, part: Any, workers: Any, *, batch: int, load: Any) -> Any:
        asked.append((len(part), batch))
        return set_up(file, mode, threads, part, workers, batch=batch, load=load)

    monkeypatch.setattr(accuracy, "set_up", seen)
    file: Any = type("File", (), {"path": artifact(built_store, "int8"), "kind": "tflite"})
    with KerasWorkers() as workers:
        (whole,) = accuracy._scores(file, x, workers)
        monkeypatch.setattr(accuracy, "_MEMORY_FOR_SAMPLES", 20 * x[0].nbytes)
        monkeypatch.setattr(accuracy, "_MEMORY_FOR_TENSORS", 1)
        parts = list(accuracy._scores(file, x, workers))
    assert asked == [(45, 100), (20, 1), (20, 1), (5, 1)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("content", ["{", "[" * 100_000, '{"samples": 3}', '{"samples": 3, "correct": "?"}', "[]"])
def test_a_kept_evaluation_that_cannot_be_read_is_set_aside_and_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    """The entry is whole: what its file holds is not what this version writes."""
    from optkit import Store
    from optkit.build.store import DamagedEntryWarning
    from optkit.spec.keys import digest

    scores = np.array([[1, 0], [0, 1], [0, 1]], np.float32)
    monkeypatch.setattr(accuracy, "_scores", lambda *_: iter([scores]))
    artifact: Any = type("Artifact", (), {"sha256": "a"})
    dataset: Any = type("Data", (), {"digest": "d", "x_test": np.zeros(3), "y_test": np.array([0, 1, 0])})
    about = {"evaluation": 1, "artifact": "a", "data": "d", "task": "multiclass", "runtime": {}}
    store, workers = Store(tmp_path), KerasWorkers()

    def make(path: Path) -> dict[str, Any]:
        path.write_text(content)
        return about

    store.get(digest(about), make, "evaluation.json")
    with pytest.warns(DamagedEntryWarning, match=r"evaluation\.json cannot be read"):
        found = accuracy.evaluate(artifact, dataset, "multiclass", {}, store, workers)
    assert found.correct.tolist() == [True, True, False]
    monkeypatch.setattr(accuracy, "_scores", None)
    assert accuracy.evaluate(artifact, dataset, "multiclass", {}, store, workers).accuracy == pytest.approx(2 / 3)
