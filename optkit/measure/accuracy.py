"""Accuracy of an artifact itself, as it is deployed, over the whole test set; kept in the store once measured."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.data.dataset import bytes_of_sample, count, take
from optkit.measure.latency import set_up
from optkit.measure.metrics import judged_output
from optkit.runtime import KerasWorkers, TFLiteRunner
from optkit.runtime.chosen import Load
from optkit.runtime.keras import KerasJob
from optkit.runtime.samples import run_samples
from optkit.spec.keys import digest
from optkit.spec.metrics import Task
from optkit.tflite.interface import read_interface

_VERSION = 1
_BATCH = 100
_MEMORY_FOR_TENSORS = _MEMORY_FOR_SAMPLES = 512 << 20


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Which test samples an artifact classified correctly: bool, shape (test samples,), in the test set's order."""

    correct: npt.NDArray[np.bool_]

    @property
    def accuracy(self) -> float:
        """The share of correct samples, a fraction."""
        return float(np.mean(self.correct))

    def drop_from(self, baseline: Evaluation) -> float:
        """Return the baseline's accuracy minus this one, a fraction, rounded once: 20 of 10,000 is exactly 0.002.

        Raises ValueError when the two are not of the same number of samples.
        """
        if len(self.correct) != len(baseline.correct):
            raise ValueError(f"{len(self.correct)} samples against {len(baseline.correct)}; expected the same test set")
        return (int(baseline.correct.sum()) - int(self.correct.sum())) / len(self.correct)

    def packed(self) -> str:
        """Return the correct/incorrect vector as base64 of its packed bits, most significant bit first."""
        return base64.b64encode(np.packbits(self.correct).tobytes()).decode()

    @staticmethod
    def unpacked(text: str, samples: int) -> Evaluation:
        """Return what `packed` wrote for `samples` samples. Raises ValueError when `text` is of another number."""
        bits = np.frombuffer(base64.b64decode(text, validate=True), np.uint8)
        if len(bits) != -(-samples // 8):
            raise ValueError(f"{len(bits)} packed bytes; expected those of {samples} samples")
        return Evaluation(np.unpackbits(bits, count=samples).astype(bool))


def classify(scores: npt.NDArray[np.float32], task: Task) -> npt.NDArray[np.int64]:
    """Return class numbers, int64 (samples,), from scores (samples, outputs).

    multiclass: the largest score; binary: 1 where the one output is at least 0.5.
    """
    if task == "binary":
        return (scores.reshape(len(scores)) >= 0.5).astype(np.int64)
    return np.asarray(scores.argmax(axis=1), np.int64)


def evaluate(
    artifact: Artifact,
    dataset: Dataset,
    task: Task,
    runtime: Mapping[str, Any],
    store: Store,
    workers: KerasWorkers,
    load: Load = TFLiteRunner,
    output: str = "",
) -> Evaluation:
    """Run `artifact` over the test set, or take what the store has for these bytes, this data and this runtime.

    `runtime` is what a record says of the runtime, and `load` loads a .tflite file into it. `dataset` must be
    `labelled`. `output` is the output that is judged, of several. Large samples are run in smaller batches, and a part
    of the set at a time.
    """
    about = {
        "evaluation": _VERSION,
        "artifact": artifact.sha256,
        "data": dataset.digest,
        "task": task,
        "runtime": dict(runtime),
        **({"output": output} if output else {}),
    }

    def make(path: Path) -> dict[str, Any]:
        scores = np.concatenate(list(_scores(artifact, dataset.x_test, workers, load, output)))
        found = Evaluation(classify(scores, task) == dataset.y_test)
        path.write_text(json.dumps({"samples": len(dataset.y_test), "correct": found.packed()}))
        return about

    def read(path: Path) -> Evaluation:
        saved = json.loads(path.read_text())
        if saved["samples"] != len(dataset.y_test):
            raise ValueError(f"{saved['samples']} samples; the test set has {len(dataset.y_test)}")
        return Evaluation.unpacked(saved["correct"], saved["samples"])

    entry = store.get(digest(about), make, "evaluation.json", lambda path, old: about, read)
    return read(store.path(entry))


def _scores(
    artifact: Artifact, x: Any, workers: KerasWorkers, load: Load = TFLiteRunner, output: str = ""
) -> Iterator[npt.NDArray[np.float32]]:
    batch = _BATCH
    plain = isinstance(x, np.ndarray) and x.dtype == np.float32
    if artifact.kind == "tflite" and (not plain or _needs_names(artifact.path)):
        yield judged_output(run_samples(artifact.path, x, load=load), output)
        return
    if artifact.kind == "tflite":
        each = TFLiteRunner(artifact.path).bytes_per_sample
        batch = max(1, min(_BATCH, _MEMORY_FOR_TENSORS // each))
    part = max(batch, _MEMORY_FOR_SAMPLES // bytes_of_sample(x) // batch * batch)
    for start in range(0, count(x), part):
        some = take(x, slice(start, start + part))
        job = set_up(artifact, "full_set", 1, some, workers, batch=batch, load=load)  # and run once
        try:
            yield judged_output(job.outputs(), output) if isinstance(job, KerasJob) else job.scores()
        finally:
            job.close()


def _needs_names(path: Path) -> bool:
    """Tell whether a .tflite file has a fixed batch or several outputs."""
    interface = read_interface(path)
    return interface.batch is not None or len(interface.outputs) > 1
