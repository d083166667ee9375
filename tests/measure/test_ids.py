"""A model that takes ids of words and labels each of them: own data, through LiteRT, to a metric in the store."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from optkit import KerasWorkers, Store, TFLiteRunner
from optkit.data.fit import TensorSpec, fitted
from optkit.data.own import load_own
from optkit.measure import metrics
from optkit.measure.metrics import choose_scorer, measure_scores
from tests.tflite.models import buffer, opcode, operator, pack, tensor

TABLE = np.float32([[5, 0], [0, 5], [5, 0], [0, 5], [5, 0]])
"""Two outputs for each of five words: odd words are of class 1."""


def gather_model() -> bytes:
    """Return a model that looks ids, int32 (batch, 3), up in a table: float32 (batch, 3, 2)."""
    tensors = [
        tensor([1, 3], 0, "ids", schema.TensorType.INT32),
        tensor([5, 2], 1, "table"),
        tensor([1, 3, 2], 0, "y"),
    ]
    graph = schema.SubGraphT(
        tensors=tensors,
        inputs=[0],
        outputs=[2],
        name="main",
        operators=[operator([1, 0], [2], options=schema.GatherOptionsT())],
    )
    return pack(
        schema.ModelT(
            version=3,
            operatorCodes=[opcode(schema.BuiltinOperator.GATHER)],
            subgraphs=[graph],
            buffers=[buffer(), buffer(TABLE)],
        )
    )


def test_ids_reach_the_model_as_they_are(tmp_path: Path) -> None:
    """Catches a division by the scale of a tensor that has none."""
    path = tmp_path / "gather.tflite"
    path.write_bytes(gather_model())
    runner = TFLiteRunner(path, batch=2)
    ids = np.array([[0, 1, 2], [3, 4, 4]])
    np.testing.assert_array_equal(runner.scores(runner.invoke(runner.prepare(ids))), TABLE[ids])


def test_a_sequence_is_judged_step_by_step_and_only_once(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "gather.tflite"
    path.write_bytes(gather_model())
    ids = np.random.default_rng(0).integers(0, 5, (130, 3))
    labels = ids % 2
    labels[:13, 0] ^= 1
    data = fitted(
        load_own({"train": (ids, labels), "test": (ids, labels)}, "sequence"), [TensorSpec("", (3,), "int32")]
    )
    artifact: Any = type("Artifact", (), {"kind": "tflite", "path": path, "sha256": "a"})
    scorer = choose_scorer(None, "sequence")
    store = Store(tmp_path / "store")
    with KerasWorkers() as workers:
        found = measure_scores(artifact, data, scorer, {"name": "litert"}, store, workers)
        monkeypatch.setattr(metrics, "outputs_of", None)
        again = measure_scores(artifact, data, scorer, {"name": "litert"}, store, workers)
    assert found.kept is not None
    np.testing.assert_allclose(found.kept, np.where(np.arange(130) < 13, 2 / 3, 1))
    assert found.value == again.value
