"""The diagnosis of a suite's variant: against its float twin, on the suite's data and by its metric.

What the store lacks of the two is built, as `optkit build` does. TensorFlow is loaded only where a Keras model is
converted or trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from optkit.build.artifact import SILENT, Progress
from optkit.build.builder import build_variants
from optkit.build.store import Store
from optkit.convert.from_tflite import convert_tflite
from optkit.data import Dataset
from optkit.doctor.diagnose import Candidate, examine
from optkit.doctor.diagnosis import Diagnosis
from optkit.doctor.explanation import Explanation
from optkit.doctor.given import Data, read_file
from optkit.doctor.matching import match
from optkit.doctor.remedies import Remedy
from optkit.doctor.suite_lines import for_suite, unused_name
from optkit.errors import ArtifactError, SuiteError
from optkit.measure.quality import scorer_of
from optkit.spec import Conversion, OwnModel, Suite, Variant
from optkit.techniques.fold import Fold


def diagnose_variant(
    suite: Suite,
    dataset: Dataset,
    name: str,
    *,
    store: Store | None = None,
    progress: Progress = SILENT,
    budget: float = 60.0,
    samples: int = 100,
    test_samples: int = 1000,
    seconds: float | None = None,
) -> Diagnosis:
    """Return where the quantized variant `name` of `suite` loses accuracy against its float twin, and what mends it.

    The twin has the same steps and no conversion; of a variant that quantization-aware training ended, the steps before
    that. Figures are as those of `diagnose`. Raises SuiteError when the variant is not quantized, and as `diagnose` and
    `build_variants` do.
    """
    variant = suite.variant(name)
    conversion = variant.conversion
    if conversion is None or (conversion.mode == "float32" and not conversion.layers):
        what = "a Keras file" if variant.kind == "keras" else "a float file"
        others = [one.name for one in suite.variants if one.conversion and one.conversion.mode != "float32"]
        raise SuiteError(
            f"variant {name!r} is {what}, which is not quantized; name one that is: "
            f"{', '.join(others) or 'there is none'}"
        )
    notes = []
    trained = bool(variant.steps) and variant.steps[-1].technique == "quantize_aware"
    steps = variant.steps[:-1] if trained else variant.steps
    if trained:
        notes.append("the float twin is the model before quantization-aware training, whose weights are others")
    kept = store or Store()
    twin = dataclasses.replace(
        variant, name=unused_name(suite, f"{name}_float"), steps=steps, conversion=Conversion(strip="nothing")
    )
    built = _built(suite, (twin, variant), dataset, kept, progress)
    first = read_file(built[twin.name], floating=True, seconds=seconds)
    second = read_file(built[name], floating=False, seconds=seconds)
    _check_one_output(first.interface.outputs, name)
    matching = match(first.model, second.model, (first.name, second.name))
    given = Data(dataset=dataset, task=suite.workload.known_task, scorer=None)
    if dataset.labelled or suite.workload.known_task == "reconstruction":
        given = dataclasses.replace(given, scorer=scorer_of(suite, dataset))
    mended = unused_name(suite, f"{name}_mended")

    def build(recipe: Conversion, changes: Mapping[str, Any]) -> bytes:
        if "steps" in changes:
            return final(recipe, changes)
        return convert_tflite(first.content, recipe, dataset.x_train, name=first.name, tried=True)

    def final(recipe: Conversion, changes: Mapping[str, Any]) -> bytes:
        more = tuple(Fold() for step in changes.get("steps", ()) if step == "fold")
        new = dataclasses.replace(variant, name=mended, steps=variant.steps + more, conversion=recipe)
        return _built(suite, (new,), dataset, kept, progress)[mended].read_bytes()

    def lines(best: Remedy) -> str:
        return for_suite(suite, name, best.conversion, best.changes.get("steps", ()), mended)

    return examine(
        first,
        second,
        matching,
        given,
        conversion,
        lines,
        budget=budget,
        samples=samples,
        test_samples=test_samples,
        build=build,
        more=lambda explanations: list(_folding(variant, explanations)),
        final=final,
        notes=notes,
    )


def _built(
    suite: Suite, variants: tuple[Variant, ...], dataset: Dataset, store: Store, progress: Progress
) -> dict[str, Path]:
    wider = dataclasses.replace(suite, variants=(*suite.variants, *(v for v in variants if v not in suite.variants)))
    found = build_variants(wider, variants, dataset, store, progress)
    return {name: artifact.path for name, artifact in found.items()}


def _folding(variant: Variant, explanations: Sequence[Explanation]) -> Iterator[Candidate]:
    """Yield the step that folds batch normalization, where it is to blame and the model is a Keras model."""
    keras = not (isinstance(variant.network, OwnModel) and variant.network.is_tflite)
    known = any(step.technique in ("fold", "quantize_aware") for step in variant.steps)
    if keras and not known and any(each.cause == "unfolded_batch_normalization" for each in explanations):
        yield "batch normalization folded", {"steps": ["fold"]}, "unfolded_batch_normalization"


def _check_one_output(outputs: Sequence[Any], name: str) -> None:
    if len(outputs) > 1:
        raise ArtifactError(f"{name} has {len(outputs)} outputs; a suite's metric is of a model with one")
