"""Where a quantized .tflite file loses accuracy against its float one, why, and what mends it.

One pass over both files gives the error of each layer. Each layer is then quantized alone, and restored alone, in a
simulation. Rules find the causes, and remedies are built and measured.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from optkit.convert.from_tflite import convert_tflite
from optkit.data.dataset import count, take
from optkit.doctor.causes import explain
from optkit.doctor.diagnosis import SCHEMA, Diagnosis, Measured
from optkit.doctor.explanation import Explanation
from optkit.doctor.given import Data, File, check_samples, open_data, read_file
from optkit.doctor.layer_errors import LayerError, errors_of, see_layers
from optkit.doctor.matching import Matching, match
from optkit.doctor.quality import AGREEMENT, Quality, Test, make_test, written
from optkit.doctor.remedies import ENOUGH, Build, Remedy, Tried, candidates, infer, made_again, try_remedies
from optkit.doctor.suite_lines import conversion_keys, for_files
from optkit.doctor.sweep import Sweep, sweep
from optkit.errors import BuildError
from optkit.process.temporary import temporary_folder
from optkit.spec import Conversion
from optkit.spec.metrics import Task
from optkit.tflite.interface import Array, fit

_FOR_SWEEP = 0.5
"""The share of the budget that the sweep may take; remedies have what is left."""
_UNEXPLAINED = 4.0
_VISIBLE = 1e-6
_LEAST_TEST = 50
_CHANCE = 5
"""So few samples lost, and none gained, have a p-value of 0.06 or more by the exact McNemar test."""

Candidate = tuple[str, dict[str, Any], str]
Lines = Callable[[Remedy], str]
More = Callable[[Sequence[Explanation]], Sequence[Candidate]]


def diagnose(
    float_model: str | Path,
    quantized: str | Path,
    data: Any,
    *,
    task: Task | None = None,
    budget: float = 60.0,
    samples: int = 100,
    test_samples: int = 1000,
    allowed: tuple[str, ...] = (),
    seconds: float | None = None,
) -> Diagnosis:
    """Return where the `quantized` .tflite file loses accuracy against `float_model`, why, and what mends it.

    `data`: a path of an .npz file or a folder of images, the name of a data set, `package.module:function` (its package
    among `allowed`), arrays as a function may return them, or a Dataset. The layers are looked at on `samples`
    training samples, and the metric is of up to `test_samples` test samples. Sweep and remedies take some `budget`
    seconds, and each file may take `seconds` to load and run once. No TensorFlow is needed. Raises ArtifactError when a
    file is damaged, is not what it should be, or the two do not belong together; DataError when the data do not fit.
    """
    first = read_file(Path(float_model), floating=True, seconds=seconds)
    second = read_file(Path(quantized), floating=False, seconds=seconds)
    matching = match(first.model, second.model, (first.name, second.name))
    given = open_data(Path(float_model), first.interface, data, task, allowed)
    place = str(data) if isinstance(data, (str, Path)) else None

    def lines(best: Remedy) -> str:
        return for_files(first.name, place, given.task, best.conversion, f"{best.conversion.mode}_mended")

    how: dict[str, Any] = {"budget": budget, "samples": samples, "test_samples": test_samples}
    return examine(first, second, matching, given, None, lines, **how)


def examine(
    first: File,
    second: File,
    matching: Matching,
    given: Data,
    recipe: Conversion | None,
    lines: Lines,
    *,
    budget: float,
    samples: int,
    test_samples: int,
    build: Build | None = None,
    more: More | None = None,
    final: Build | None = None,
    notes: Sequence[str] = (),
) -> Diagnosis:
    """Make a diagnosis of two files that were read, with data that fit. `recipe` is the second's, where it is known.

    `lines` makes the suite lines of the best remedy. `build` builds a recipe with changes.
    `more` adds candidates, and `final` builds the best one again, in the way that its lines do.
    """
    began = time.monotonic()
    check_samples(given.dataset)
    chosen, seen = _look(first, second, matching, given, samples)
    errors = errors_of(seen)
    test = make_test(first.content, first.interface, given.dataset, given.scorer, test_samples)
    plain = Quality(value=test.score(test.expected), error=0.0)
    now = test.measure(second.content)
    quantized = [one.layer for one in seen if one.layer.quantized]
    smaller = _smaller(test, len(quantized), budget, first, given)
    found = sweep(first.content, quantized, errors, smaller, _FOR_SWEEP * budget)
    explanations = explain(matching, seen, found, first.interface.batch or second.interface.batch or 1)
    base = recipe or dataclasses.replace(infer(matching), calibration_samples=max(300, samples))
    loss = test.loss(now, plain)
    if loss <= 0:  # what loses nothing has bits enough
        explanations = [each for each in explanations if each.cause != "width"]
    tried = Tried(remedies=(), best=None, left=0)
    if loss > 0:
        known = recipe is not None
        proposed = [*(more(explanations) if more else ()), *candidates(explanations, matching, found, base, known)]
        builder = build or _builder(first, given)
        left = max(budget - (time.monotonic() - began), 0.25 * budget)
        tried = try_remedies(proposed, base, builder, test, plain, now, left)
        if final and tried.best:
            tried = made_again(tried, base, final, test, plain, now)
    ranked = sorted(errors, key=lambda error: -error.own)
    costs = {cost.number: cost.alone.error for cost in found.costs}
    return Diagnosis(
        schema=SCHEMA,
        float_file=first.name,
        quantized_file=second.name,
        metric=test.metric,
        better=test.better,
        test_samples=test.samples,
        calibration_samples=chosen,
        sweep_samples=smaller.samples,
        plain=_measured(plain),
        quantized=_measured(now),
        simulated=_measured(found.everything),
        loss=loss,
        recipe=conversion_keys(base),
        recipe_known=recipe is not None,
        layers=tuple(dataclasses.replace(error, cost=costs.get(error.number)) for error in errors),
        costs=found.costs,
        layers_left=found.left,
        explanations=tuple(_with_remedies(explanations, tried.remedies)),
        remedies=tried.remedies,
        remedies_left=tried.left,
        best=tried.best.name if tried.best else None,
        suite_lines=lines(tried.best) if tried.best else "",
        notes=(*notes, *given.notes, *_notes(first, matching, base, now, found, loss, tried, test, ranked)),
        seconds=time.monotonic() - began,
    )


def _smaller(test: Test, layers: int, budget: float, first: File, given: Data) -> Test:
    """Return a test of fewer samples where the budget does not allow each layer three runs over all of them."""
    runs = 3 * (layers + 1)
    fitting = int(test.samples * _FOR_SWEEP * budget / (runs * max(test.seconds, 1e-3)))
    if fitting >= test.samples:
        return test
    return make_test(first.content, first.interface, given.dataset, given.scorer, max(_LEAST_TEST, fitting))


def _measured(quality: Quality) -> Measured:
    return Measured(value=quality.value, error=quality.error)


def _look(first: File, second: File, matching: Matching, given: Data, samples: int) -> tuple[int, list[Any]]:
    """Run both files on training samples, drawn by a seed; return how many, and what was seen."""
    x_train = given.dataset.x_train
    places = np.random.default_rng(0).permutation(count(x_train))[:samples]
    arrays: dict[str, Array] = fit(take(x_train, places), first.interface, "the data")
    with temporary_folder("doctor") as folder:
        paths = (written(folder, "float.tflite", first.content), written(folder, "quantized.tflite", second.content))
        return len(places), see_layers(paths, matching, (first.interface, second.interface), arrays)


def _builder(first: File, given: Data) -> Build:
    def build(conversion: Conversion, changes: Mapping[str, Any]) -> bytes:
        if "steps" in changes:
            raise BuildError("steps are for Keras models, and this is a .tflite file")
        return convert_tflite(first.content, conversion, given.dataset.x_train, name=first.name, tried=True)

    return build


def _with_remedies(explanations: Sequence[Explanation], remedies: Sequence[Remedy]) -> list[Explanation]:
    """Return the explanations, each with the best of the remedies that were tried for its cause."""
    found = []
    for each in explanations:
        own = [one for one in remedies if one.for_cause == each.cause and one.value is not None]
        if not own:
            found.append(each)
            continue
        best = max(own, key=lambda one: -1.0 if one.recovered is None else one.recovered)
        found.append(dataclasses.replace(each, changes=best.changes, tried=True, recovered=best.recovered))
    return found


def _notes(
    first: File,
    matching: Matching,
    base: Conversion,
    now: Quality,
    found: Sweep,
    loss: float,
    tried: Tried,
    test: Test,
    ranked: Sequence[LayerError],
) -> list[str]:
    notes = []
    if loss <= 0:
        notes.append(f"the quantized file is no worse on these {test.samples} samples: no remedy was tried")
    elif tried.best is None or (tried.best.recovered or 0.0) < ENOUGH:
        notes.append(
            "no remedy that was tried gives back most of the loss; quantization-aware training may (a variant with the "
            "recipe qat, from the Keras model)"
        )
    more_wrong = round(loss * test.samples)
    if test.metric in ("accuracy", AGREEMENT) and 0 < more_wrong <= _CHANCE:
        notes.append(
            f"{more_wrong} more of {test.samples} samples are wrong: that may be chance, and so may what a remedy "
            "gives back; take more test samples"
        )
    if base.mode in ("dynamic_range", "int4_weights"):
        notes.append(
            "only weights are quantized; ranges of activations are chosen anew in each call, so no range is to blame, "
            "and the costs are those of weights"
        )
    elif now.error > _UNEXPLAINED * found.everything.error + _VISIBLE:
        notes.append(
            f"the outputs are further from the float file's ({now.error:.2g}) than the rounding of weights and "
            f"activations explains ({found.everything.error:.2g}): the integer arithmetic itself loses the rest, such "
            f"as a sum that overflows; the first layer that stands out is {_jump(ranked)}"
        )
    if matching.missing:
        some = ", ".join(matching.missing[:3])
        notes.append(f"{len(matching.missing)} operators have no partner in the quantized file, such as {some}")
    if len(first.model.subgraphs) > 1:
        notes.append(f"the file has {len(first.model.subgraphs)} subgraphs; the layers of the first one were looked at")
    return notes


def _jump(ranked: Sequence[LayerError]) -> str:
    return ranked[0].name if ranked else "none"
