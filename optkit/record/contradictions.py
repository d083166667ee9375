"""What a saved record must be to be possible at all: ranges, and every figure that another one gives.

Law: a record is checked against itself when it is read. One that contradicts itself was changed or damaged, and nothing
is judged by it.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from optkit.errors import RecordError, check_name
from optkit.files.documents import DocumentError, check_levels, typed
from optkit.measure.scores import read_scores
from optkit.measure.targets import TargetFacts
from optkit.record.facts import ArtifactFacts, ConversionFacts, DatasetFacts, QualityFacts, VariantFacts
from optkit.spec.gate import ON_TARGETS
from optkit.spec.metrics import METRICS
from optkit.tflite.weights import Tensor

_SHA256 = re.compile("[0-9a-f]{64}")
_MOST = 1 << 53
"""Counts are below this: larger ones are not exact as floating point."""
_KINDS = ("keras", "tflite")


class _Step(msgspec.Struct):
    conversion: dict[str, Any] | None = None


class _Spec(msgspec.Struct):
    """What is read of a saved spec. The rest of it is shown and compared as it is."""

    libraries: dict[str, str] = {}
    steps: list[_Step] = []


class FileFacts(Protocol):
    """What a record says of a file and its accuracy: the part of `VariantFacts` that a history keeps."""

    @property
    def variant(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def dataset(self) -> DatasetFacts: ...  # noqa: D102
    @property
    def artifact(self) -> ArtifactFacts: ...  # noqa: D102
    @property
    def accuracy(self) -> float | None: ...  # noqa: D102
    @property
    def accuracy_drop(self) -> float | None: ...  # noqa: D102
    @property
    def correct(self) -> str | None: ...  # noqa: D102
    @property
    def targets(self) -> dict[str, TargetFacts]: ...  # noqa: D102


def check_facts(facts: VariantFacts) -> None:
    """Raise RecordError, naming the variant, what was got and what was expected, when `facts` cannot be."""
    check_file(facts)
    if facts.quality:
        _check_quality(facts, facts.quality)
    _require(facts, "weights.tensors", "empty", bool(facts.weights.tensors), "one tensor or more")
    for number, tensor in enumerate(facts.weights.tensors):
        _check_tensor(facts, f"weights.tensors[{number}]", tensor)
    try:
        check_levels(facts.spec)
        typed(facts.spec, _Spec)
    except DocumentError as error:
        raise RecordError(f"variant {facts.variant!r}: spec is not what optkit saves: {error}") from error


def _check_there(facts: FileFacts, name: str, there: TargetFacts) -> None:
    """Check what is said of a target: its names, and that its figures can be."""
    for what, text in (("target", name), ("target", there.target), ("runtime or compiler", there.by)):
        check_name(text, what, RecordError)
    _require(facts, "target", there.target, there.target == name, repr(name))
    for metric, value in there.figures.items():
        place = f"targets.{name}.{metric}"
        known = metric in METRICS and (METRICS[metric].on_target or metric in ON_TARGETS)
        _require(facts, place, value, known, "a metric of targets")
        least = -1.0 if metric == "accuracy_drop" else 0.0
        most = 1.0 if METRICS[metric].unit == "fraction" else float(_MOST)
        _require(facts, place, value, least <= value <= most, f"from {least:g} to {most:g}")
    for metric, (low, high) in there.ranges.items():
        place, value = f"targets.{name}.{metric}", there.figures.get(metric, math.nan)
        _require(facts, place, value, low <= value <= high, f"from {low:g} to {high:g}, its range")
    both = bool(there.figures) and bool(there.refused or there.missing)
    _require(facts, f"targets.{name}", "figures", not both, "none beside a refusal")


def check_conversion(facts: VariantFacts, in_spec: ConversionFacts | None) -> None:
    """Raise RecordError when the conversion that is recorded is another one than the spec has, if it has one."""
    same = in_spec is None or facts.conversion == in_spec
    _require(facts, "conversion", facts.conversion, same, f"{in_spec}, as in its spec")


def _check_quality(facts: VariantFacts, quality: QualityFacts) -> None:
    """Check that the metric has the value that its samples give, and that there is no accuracy beside it."""
    _require(facts, "accuracy", facts.accuracy, facts.accuracy is None, "null beside another metric")
    _require(facts, "quality.drop", quality.drop, math.isfinite(quality.drop), "a finite number")
    try:
        read_scores(quality.scores)
    except (ValueError, TypeError) as error:
        raise RecordError(
            f"variant {facts.variant!r}: {error}; the record was changed; run again to save one"
        ) from error


def check_quality_together(variants: Mapping[str, VariantFacts], baseline: str) -> None:
    """Raise RecordError when drops of another metric are not those against the baseline's own value."""
    own = variants.get(baseline)
    if own is None or own.quality is None:
        return
    base = read_scores(own.quality.scores)
    for facts in variants.values():
        if facts.quality is None:
            continue
        try:
            drop = read_scores(facts.quality.scores).drop_from(base)
        except ValueError as error:
            raise RecordError(f"variant {facts.variant!r}: {error}; run again to save one") from error
        same = math.isclose(facts.quality.drop, drop, rel_tol=1e-6, abs_tol=1e-9)
        _require(facts, "quality.drop", facts.quality.drop, same, f"{drop:.6g}, from the baseline's value")


def check_file(facts: FileFacts) -> None:
    """As `check_facts`, of the file and its accuracy alone."""
    size, data = facts.artifact, facts.dataset
    _require(facts, "kind", repr(facts.kind), facts.kind in _KINDS, " or ".join(_KINDS))
    for name, text in (("key", size.key), ("sha256", size.sha256), ("digest", data.digest)):
        _require(facts, name, repr(text), _SHA256.fullmatch(text) is not None, "a sha256: 64 of 0-9 and a-f")
    for name, count, least in (
        ("file_bytes", size.file_bytes, 1),
        ("zip_bytes", size.zip_bytes, 1),
        ("train", data.train, 0),
        ("test", data.test, 0),
    ):
        _require(facts, name, count, least <= count < _MOST, f"{least} or more, and less than 2^53")
    _require(facts, "size_ratio", size.size_ratio, 0 < size.size_ratio < math.inf, "more than 0, and finite")
    _check_accuracy(facts)
    for name, there in facts.targets.items():
        _check_there(facts, name, there)


def _require(facts: FileFacts, name: str, got: Any, holds: bool, expected: str) -> None:
    if not holds:
        shown = str(got)
        raise RecordError(
            f"variant {facts.variant!r}: {name} is {shown if len(shown) <= 80 else f'{shown[:77]}...'}; expected "
            f"{expected}; the record was changed; run again to save one"
        )


def _check_accuracy(facts: FileFacts) -> None:
    """Check that accuracy, drop and the packed vector are all there or none, and say the same."""
    found = {"accuracy": facts.accuracy, "accuracy_drop": facts.accuracy_drop, "correct": facts.correct}
    missing = [name for name, value in found.items() if value is None]
    if len(missing) == len(found):
        return
    all_there = f"all of {', '.join(found)}, or none"
    _require(facts, " and ".join(missing), "null", not missing, all_there)
    accuracy, drop, samples = float(facts.accuracy or 0), float(facts.accuracy_drop or 0), facts.dataset.test
    _require(facts, "accuracy", accuracy, 0 <= accuracy <= 1, "a fraction from 0 to 1")
    _require(facts, "accuracy_drop", drop, -1 <= drop <= 1, "a fraction from -1 to 1")
    right = _correct(facts)
    share = right / samples if samples else math.nan
    expected = f"{share:.6g}: {right} of {samples} samples are correct"
    _require(facts, "accuracy", accuracy, _is(accuracy, share), expected)


def _correct(facts: FileFacts) -> int:
    """Return how many samples the packed vector says are correct. Bits are counted where they are: it is cheap."""
    samples = facts.dataset.test
    try:
        packed = base64.b64decode((facts.correct or "").encode(), validate=True)
    except (binascii.Error, ValueError):
        packed = None
    _require(facts, "correct", repr(facts.correct), packed is not None, "base64")
    bits = packed or b""
    length = (samples + 7) // 8
    _require(facts, "correct", f"of {len(bits)} bytes", len(bits) == length, f"{length} bytes for {samples} samples")
    number = int.from_bytes(bits, "big")
    padding = number & ((1 << (8 * length - samples)) - 1)
    _require(facts, "correct", f"of more than {samples} samples", padding == 0, "zeros after the last one")
    return number.bit_count()


def _check_tensor(facts: VariantFacts, where: str, tensor: Tensor) -> None:
    elements, distinct, zeros = tensor.elements, tensor.distinct, tensor.zeros
    _require(facts, f"{where}.elements", elements, 0 <= elements < _MOST, "0 or more, and less than 2^53")
    for name, share in (("zeros", zeros), ("sparse_2_4", tensor.sparse_2_4)):
        _require(facts, f"{where}.{name}", share, 0 <= share <= 1, "a fraction from 0 to 1")
    whole = abs(zeros * elements - round(zeros * elements)) <= 1e-9 * max(elements, 1000)
    _require(facts, f"{where}.zeros", zeros, whole, f"a whole number of its {elements} elements")
    least = min(1, elements)
    _require(facts, f"{where}.distinct", distinct, least <= distinct <= elements, f"{least} to {elements}")
    scale = tensor.distinct_in_scale
    _require(facts, f"{where}.distinct_in_scale", scale, least <= scale <= distinct, f"{least} to {distinct}")
    if (entropy := tensor.entropy_bytes) is not None:
        most = elements * math.log2(max(distinct, 1)) / 8
        fits = 0 <= entropy <= most * (1 + 1e-9) + 1e-9
        _require(facts, f"{where}.entropy_bytes", entropy, fits, f"0 to {most:.6g}: {distinct} values")
    if (bits := tensor.grid_bits) is not None:
        _require(facts, f"{where}.grid_bits", bits, 2 <= bits <= 64, "2 to 64")


def check_together(variants: Mapping[str, FileFacts], baseline: str) -> None:
    """Raise RecordError when ratios and drops of `variants` are not those against one and the same baseline.

    The baseline's own record gives its size and accuracy. Without it, all others must speak of the same.
    """
    first = variants.get(baseline) or next(iter(variants.values()))
    own = baseline in variants
    zip_bytes = first.artifact.zip_bytes if own else first.artifact.size_ratio * first.artifact.zip_bytes
    of = "the baseline's" if own else f"with {first.variant!r} it is"
    for facts in variants.values():
        size = facts.artifact
        ratio = zip_bytes / size.zip_bytes
        about = f"{ratio:.6g}: {of} zip_bytes {zip_bytes:.6g} / {size.zip_bytes}"
        _require(facts, "size_ratio", size.size_ratio, math.isclose(size.size_ratio, ratio, rel_tol=1e-9), about)
    _check_drops(variants, baseline)


def _check_drops(variants: Mapping[str, FileFacts], baseline: str) -> None:
    measured = {name: facts for name, facts in variants.items() if facts.accuracy is not None}
    for name, facts in variants.items():
        all_or_none = f"what {next(iter(measured), '')!r} has: an accuracy on the same data"
        _require(facts, "accuracy", "null", name in measured or not measured, all_or_none)
    if not measured:
        return
    first = measured.get(baseline)
    one = first or next(iter(measured.values()))
    accuracy = _baselines_accuracy(one) if first is None else float(one.accuracy or 0)
    of = "the baseline" if first else f"the baseline of {one.variant!r}"
    for facts in measured.values():
        drop, samples = accuracy - float(facts.accuracy or 0), facts.dataset.test
        found = float(facts.accuracy_drop or 0)
        whole = _is(found * samples, round(found * samples), 1e-6)
        about = f"{drop:.6g}: {of} has accuracy {accuracy:.6g}, this one {facts.accuracy:.6g}"
        _require(facts, "accuracy_drop", found, whole and _is(found, drop) and -1e-9 <= accuracy <= 1 + 1e-9, about)


def _baselines_accuracy(facts: FileFacts) -> float:
    return float(facts.accuracy or 0) + float(facts.accuracy_drop or 0)


def _is(one: float, other: float, tolerance: float = 1e-9) -> bool:
    """Tell whether two shares of up to some 10^8 samples are the same. NaN never is."""
    return abs(one - other) <= tolerance
