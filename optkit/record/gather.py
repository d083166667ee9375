"""Measure the artifacts of a suite: size, how well they do their task, and weights, as the facts of a record."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

import msgspec

from optkit.build.artifact import Artifact, zipped_size
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.measure.accuracy import Evaluation, evaluate
from optkit.measure.quality import measure_quality, scorer_of
from optkit.measure.scores import Scores
from optkit.measure.targets import Samples, measure_target
from optkit.record.chain import conversion_facts
from optkit.record.facts import SCHEMA, ArtifactFacts, DatasetFacts, QualityFacts, RuntimeFacts, VariantFacts
from optkit.runtime import KerasWorkers, runtime_version
from optkit.runtime.chosen import facts_of, loader, shipped_file
from optkit.spec import Suite, Variant
from optkit.tflite.weights import weights_of


def runtime_of(kind: str) -> RuntimeFacts:
    """Return the runtime that runs artifacts of `kind`."""
    if kind == "keras":
        return RuntimeFacts(name="tf_keras", version=importlib.metadata.version("tf_keras"))
    return RuntimeFacts(name="litert", version=runtime_version())


def runtime_facts(variant: Variant) -> RuntimeFacts:
    """Return the runtime, and its settings, that run a variant's file."""
    return runtime_of("keras") if variant.kind == "keras" else RuntimeFacts(**facts_of(variant.running))


def gather(
    suite: Suite, artifacts: Mapping[str, Artifact], dataset: Dataset, store: Store, workers: KerasWorkers
) -> dict[str, VariantFacts]:
    """Measure size, accuracy and weights of `artifacts`, which must have the suite's baseline among them.

    Accuracy is not measured when `dataset` has no labels.
    """
    evaluations: dict[str, Evaluation] = {}
    scores: dict[str, Scores] = {}
    classifies = suite.workload.classifies
    measured = dataset.labelled or suite.workload.task == "reconstruction"
    scorer = scorer_of(suite, dataset) if measured and not classifies else None
    for name, artifact in artifacts.items() if measured else ():
        variant = suite.variant(name)
        runtime = {key: value for key, value in msgspec.to_builtins(runtime_facts(variant)).items() if value}
        more: dict[str, Any] = {"store": store, "workers": workers, "load": loader(variant.running)}
        if scorer:
            scores[name] = measure_quality(artifact, dataset, scorer, runtime, **more)
        else:
            more["output"] = suite.workload.output
            evaluations[name] = evaluate(artifact, dataset, suite.workload.known_task, runtime, **more)
    files = {name: _shipped(artifact, suite.variant(name)) for name, artifact in artifacts.items()}
    baseline_bytes = files[suite.baseline][2]
    found = {
        name: VariantFacts(
            schema=SCHEMA,
            suite=suite.title,
            suite_path=suite.source if suite.path else None,
            variant=name,
            kind=artifact.kind,
            dataset=DatasetFacts(**dataset.facts),
            artifact=ArtifactFacts(
                key=artifact.key,
                sha256=files[name][0],
                file_bytes=files[name][1],
                zip_bytes=files[name][2],
                size_ratio=baseline_bytes / files[name][2],
            ),
            runtime=runtime_facts(suite.variant(name)),
            **_accuracy_facts(evaluations.get(name), evaluations.get(suite.baseline)),
            weights=weights_of(artifact.path, artifact.source),
            spec=artifact.spec,
            quality=_quality_facts(scores.get(name), scores.get(suite.baseline)),
            conversion=conversion_facts(suite.variant(name).conversion),
        )
        for name, artifact in artifacts.items()
    }
    if not suite.targets:
        return found
    samples = Samples(dataset=dataset, task=suite.workload.known_task, scorer=scorer, measured=measured)
    return {name: _on_targets(suite, artifacts[name], facts, found, samples, store) for name, facts in found.items()}


def _shipped(artifact: Artifact, variant: Variant) -> tuple[str, int, int]:
    """Return sha256, bytes and zip bytes of the file that is shipped: what the variant's runtime makes of the built."""
    content = shipped_file(artifact.path, variant.running) if artifact.kind == "tflite" else None
    if content is None:
        return artifact.sha256, artifact.file_bytes, artifact.zip_bytes
    return hashlib.sha256(content).hexdigest(), len(content), zipped_size(content)


def _on_targets(
    suite: Suite,
    artifact: Artifact,
    facts: VariantFacts,
    known: Mapping[str, VariantFacts],
    samples: Samples,
    store: Store,
) -> VariantFacts:
    """Return `facts` with what the file is on each target of the suite. Drops there are from the baseline's figure."""
    if artifact.kind == "keras":
        return facts
    base = known[suite.baseline]
    targets = {}
    for target in suite.targets:
        there = measure_target(target, artifact, samples, store, suite.variant(artifact.variant).running)
        figures = dict(there.figures)
        if base.accuracy is not None and "accuracy" in figures:
            tests = facts.dataset.test
            figures["accuracy_drop"] = (round(base.accuracy * tests) - round(figures["accuracy"] * tests)) / tests
        targets[target.name] = dataclasses.replace(there, figures=figures)
    return dataclasses.replace(facts, targets=targets)


def _accuracy_facts(found: Evaluation | None, baseline: Evaluation | None) -> dict[str, Any]:
    if found is None or baseline is None:
        return {"accuracy": None, "accuracy_drop": None, "correct": None}
    drop = found.drop_from(baseline)
    return {"accuracy": found.accuracy, "accuracy_drop": drop, "correct": found.packed()}


def _quality_facts(found: Scores | None, baseline: Scores | None) -> QualityFacts | None:
    if found is None or baseline is None:
        return None
    return QualityFacts(scores=found.facts(), drop=found.drop_from(baseline))
