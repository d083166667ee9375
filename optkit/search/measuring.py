"""What a trial gives: the quantities that bounds and objectives name, on samples that no trial was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from optkit.build.artifact import Artifact
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.data.dataset import count, take
from optkit.errors import OptkitError
from optkit.judge.figures import drop_figure, measured
from optkit.judge.fits import fit
from optkit.measure.once import time
from optkit.record.gather import gather
from optkit.record.run import Run
from optkit.record.timing import Timing
from optkit.runtime import KerasWorkers
from optkit.spec import Suite
from optkit.spec.bounds import QUANTITIES
from optkit.spec.keys import digest
from optkit.spec.training import TrainingRecipe
from optkit.training.fit import samples_to_train

_MODES = {"single_sample": 1, "single_batch": 32}


def chosen_by(dataset: Dataset, share: float) -> Dataset:
    """Return `dataset` with the training samples that are held out in place of its test set."""
    if not dataset.trainable:
        raise OptkitError("the data have no labels to train and to choose by; give labelled training samples")
    trained = samples_to_train(count(dataset.x_train), TrainingRecipe(epochs=1, validation_split=share))
    rest = slice(trained, None)
    x, y = take(dataset.x_train, rest), dataset.y_train[rest] if len(dataset.y_train) else dataset.y_train
    if not count(x):
        raise OptkitError(f"no training samples are left to choose by: {share:.0%} of {count(dataset.x_train)}")
    key = digest({"held out": share, "of": dataset.digest})
    return replace(dataset, name=f"{dataset.name}-held-out", digest=key, x_test=x, y_test=y, group_test=None)


def run_of_trials(
    suite: Suite,
    artifacts: Mapping[str, Artifact],
    dataset: Dataset,
    store: Store,
    workers: KerasWorkers,
    quantities: Sequence[str],
) -> Run:
    """Return the facts of `artifacts` on the test samples of `dataset`, and those times that `quantities` need."""
    facts = gather(suite, artifacts, dataset, store, workers)
    modes = dict.fromkeys(QUANTITIES[name].mode for name in quantities if QUANTITIES[name].mode)
    if unknown := [mode for mode in modes if mode not in _MODES]:
        raise OptkitError(f"a search times {' and '.join(_MODES)}; {unknown[0]} is for optkit bench")
    files = [artifact for artifact in artifacts.values() if artifact.kind == "tflite"]
    timings = [_timing(artifact, mode, dataset) for mode in modes for artifact in files]
    return Run(
        suite=suite.title,
        baseline=suite.baseline,
        dataset=facts[suite.baseline].dataset,
        variants=facts,
        timings=tuple(timings),
    )


def _timing(artifact: Artifact, mode: str, dataset: Dataset) -> Timing:
    samples = _MODES[mode]
    found = time(artifact.path, take(dataset.x_test, slice(samples)))
    return Timing(
        variant=artifact.variant,
        mode=mode,
        threads=1,
        batch=samples,
        samples=samples,
        seconds=found.seconds,
        rounds=found.rounds,
    )


def figures_of(run: Run, variant: str, quantities: Sequence[str]) -> dict[str, float]:
    """Return these quantities of a variant, in their own units. Raises OptkitError when one was not measured."""
    found: dict[str, float] = {}
    for name in quantities:
        quantity = QUANTITIES[name]
        one = next(measured(run, variant, quantity), None)
        if one is None:
            raise OptkitError(f"{name} is not measured in a search of this suite; name another quantity")
        found[name] = one.value / quantity.unit
    return found


def outside_target(suite: Suite, run: Run, variant: str, target: str) -> float:
    """Return how far a variant is outside the tightest limit of a target, as a share of it; 0: it fits.

    1 where it does not run there at all. Raises OptkitError when what measures on the target is not installed.
    """
    there = run.variants[variant].targets.get(target)
    if there is not None and there.missing:
        raise OptkitError(f"target {target}: {there.missing}")
    one = fit(suite.target(target), suite.variant(variant), run)
    if one.status == "pass":
        return 0.0
    return 1.0 if one.room is None else max(-one.room, 1e-6)


def drop_of(run: Run, variant: str, level: float) -> tuple[float, float | None, float | None, str]:
    """Return the drop of a variant from the baseline, its bounds of error rate `level` each, and what they rest on."""
    figure = drop_figure(run, variant, level)
    return figure.value, figure.low, figure.high, figure.data
