"""How well an artifact does its task, by any metric, over the whole test set; kept in the store once measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.measure.latency import BATCH
from optkit.measure.metrics import Scorer, choose_scorer
from optkit.measure.scores import Scores, kept_scores
from optkit.runtime import KerasWorkers, TFLiteRunner
from optkit.runtime.chosen import Load
from optkit.runtime.samples import run_samples
from optkit.spec import Suite


def scorer_of(suite: Suite, dataset: Dataset) -> Scorer:
    """Return the metric of `suite`. Raises OptkitError when there is none such, or it is not of the suite's task."""
    workload = suite.workload
    return choose_scorer(
        workload.metric,
        workload.known_task,
        labelled=dataset.labelled_by_sample,
        better=workload.better,
        allowed=suite.allowed,
        folder=suite.folder,
        output=workload.output,
    )


def measure_quality(
    artifact: Artifact,
    dataset: Dataset,
    scorer: Scorer,
    runtime: Mapping[str, Any],
    store: Store,
    workers: KerasWorkers,
    load: Load = TFLiteRunner,
) -> Scores:
    """Run `artifact` over the test set and score it, or take what the store has for these bytes, data and runtime.

    `runtime` is what a record says of the runtime, and `load` loads a .tflite file into it.
    """

    def measure() -> Scores:
        outputs = _outputs(artifact, dataset.x_test, workers, load)
        return scorer.from_outputs(dataset.y_test, outputs, inputs=dataset.x_test, groups=dataset.group_test)

    return kept_scores(artifact, dataset, runtime, store, scorer.about, measure)


def _outputs(artifact: Artifact, x: Any, workers: KerasWorkers, load: Load) -> Any:
    if artifact.kind == "tflite":
        return _whole(run_samples(artifact.path, x, load=load))
    job = workers.job(artifact.path, x, threads=1, batch=BATCH)
    try:
        job.run()
        return _whole(job.outputs())
    finally:
        job.close()


def _whole(found: dict[str, Any]) -> Any:
    """Return the one output, or all by name: what one is called does not matter."""
    return next(iter(found.values())) if len(found) == 1 else found
