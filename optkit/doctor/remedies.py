"""What may mend a loss, tried: other recipes from the float file, built and measured within a budget of time.

Law: a recipe here is a `Conversion` that a suite file can hold, so what was measured is what its lines build.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from optkit.doctor.explanation import Explanation
from optkit.doctor.matching import Layer, Matching
from optkit.doctor.quality import Quality, Test
from optkit.doctor.sweep import Sweep
from optkit.errors import OptkitError, SuiteError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import WEIGHT_INPUT

ENOUGH = 0.8
"""The share of the loss that a remedy must give back to be called one."""
_MOST_IN_FLOAT = 8
Build = Callable[[Conversion, Mapping[str, Any]], bytes]
"""Build a recipe; the changes may also have `steps`, names of techniques before the conversion."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """A recipe that was built and measured, or why it was not.

    `changes` are keys of the conversion that differ from the recipe under test. `recovered` is the share of the loss
    that it gives back, 1 is all; None when there was no loss. `error` is the outputs' squared error over their power.
    `for_cause` names the cause that it was tried for. `reason` says why it could not be built.
    """

    name: str
    changes: dict[str, Any]
    for_cause: str
    value: float | None = None
    error: float | None = None
    recovered: float | None = None
    file_bytes: int | None = None
    reason: str = ""
    conversion: Conversion = field(default_factory=Conversion)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """The remedies that were tried, in order, the best of them (None: none helps), and how many were left for time."""

    remedies: tuple[Remedy, ...]
    best: Remedy | None
    left: int


def infer(matching: Matching) -> Conversion:
    """Return the recipe that a quantized file shows: its mode, granularity, and the types of its inputs and outputs."""
    layers = matching.layers
    stored = {layer.stored for layer in layers if layer.stored} - {"float32"}
    activations = {layer.chain[-1].dtype for layer in layers if layer.chain}
    if "int16" in activations:
        mode = "int16x8"
    elif activations & {"int8", "uint8"}:
        mode = "int8"
    elif "int4" in stored:
        mode = "int4_weights"
    else:
        mode = "float16" if stored == {"float16"} else "dynamic_range"
    several = [layer for layer in layers if layer.stored.startswith("int") and layer.weights is not None]
    whole = [layer for layer in several if not layer.per_channel and _channels(matching, layer) > 1]
    by_tensor = 2 * len(whole) > len(several) and mode != "dynamic_range"
    blocks = [layer.details["block"] for layer in layers if "block" in layer.details]
    if blocks:
        return Conversion(mode="int4_weights", granularity="blockwise", block_size=blocks[0])
    granularity = "per_tensor" if by_tensor else "per_channel"
    return Conversion(mode=mode, granularity=granularity)  # type: ignore[arg-type]


def _channels(matching: Matching, layer: Layer) -> int:
    axis = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
    return matching.float_view.shape(layer.weights)[axis] if layer.weights is not None else 1


def try_remedies(
    candidates: Sequence[tuple[str, dict[str, Any], str]],
    base: Conversion,
    build: Build,
    test: Test,
    plain: Quality,
    now: Quality,
    budget: float,
) -> Tried:
    """Build and measure the candidates (name, changes, cause), in order, for at most some `budget` seconds.

    `plain` is the float file's quality and `now` that of the file under test. It stops early when two remedies that
    stay in whole numbers are enough. When none is, the two best that go together are tried as one.
    """
    began = time.monotonic()
    found: list[Remedy] = []
    for name, changes, cause in candidates:
        if found and (time.monotonic() - began > budget or _settled(found)):
            break
        found.append(_tried(name, changes, cause, base, build, test, plain, now))
    left = 0 if _settled(found) else len(candidates) - len(found)
    best = _best(found)
    if (best is None or (best.recovered or 0.0) < ENOUGH) and time.monotonic() - began <= budget:
        for name, changes, cause in _together(found):
            found.append(_tried(name, changes, cause, base, build, test, plain, now))
        best = _best(found)
    return Tried(remedies=tuple(found), best=best, left=left)


def _settled(found: Sequence[Remedy]) -> bool:
    return sum((one.recovered or 0.0) >= ENOUGH and _price(one.changes) == 0 for one in found) > 1


def made_again(tried: Tried, base: Conversion, build: Build, test: Test, plain: Quality, now: Quality) -> Tried:
    """Return what was tried with the best remedy as `build` makes it, whichever is the best then."""
    best = tried.best
    assert best
    again = _tried(best.name, best.changes, best.for_cause, base, build, test, plain, now)
    remedies = tuple(again if one is best else one for one in tried.remedies)
    return Tried(remedies=remedies, best=again if (again.recovered or 0.0) > 0 else None, left=tried.left)


def _tried(
    name: str,
    changes: dict[str, Any],
    cause: str,
    base: Conversion,
    build: Build,
    test: Test,
    plain: Quality,
    now: Quality,
) -> Remedy:
    try:
        conversion = changed(base, changes)
        data = build(conversion, changes)
        quality = test.measure(data)
    except OptkitError as error:
        return Remedy(name=name, changes=changes, for_cause=cause, reason=str(error))
    loss = test.loss(now, plain)
    return Remedy(
        name=name,
        changes=changes,
        for_cause=cause,
        value=quality.value,
        error=quality.error,
        recovered=(loss - test.loss(quality, plain)) / loss if loss > 0 else None,
        file_bytes=len(data),
        conversion=conversion,
    )


def changed(base: Conversion, changes: Mapping[str, Any]) -> Conversion:
    """Return a recipe with some keys changed, and without those that its mode does not take. Raises SuiteError."""
    values = {f.name: getattr(base, f.name) for f in dataclasses.fields(base)}
    values |= {key: value for key, value in changes.items() if key != "steps"}
    if "layers" in changes:
        values["layers"] = {**base.layers, **changes["layers"]}
    if values["mode"] != base.mode:
        values |= {"input_type": "float32", "output_type": "float32", "sparse": False}
        values["calibration"] = changes.get("calibration", "min_max") if values["mode"] == "int8" else "min_max"
    try:
        return Conversion(**values)
    except ValueError as error:  # of a combination that no recipe has
        raise SuiteError(str(error)) from error


def _best(found: Sequence[Remedy]) -> Remedy | None:
    """Return the cheapest remedy that gives back enough; else the one that gives back most, if any."""
    built = [one for one in found if one.recovered is not None and one.recovered > 0]
    enough = [one for one in built if (one.recovered or 0.0) >= ENOUGH]
    if enough:
        return min(enough, key=lambda one: (_price(one.changes), -(one.recovered or 0.0)))
    return max(built, key=lambda one: one.recovered or 0.0, default=None)


def _price(changes: Mapping[str, Any]) -> int:
    """Return a rank: whole numbers throughout, then some layers in float, weights alone, 16-bit activations."""
    mode = changes.get("mode")
    if mode:
        return {"int8": 0, "dynamic_range": 2}.get(str(mode), 3)
    return 1 if changes.get("layers") else 0


def _together(found: Sequence[Remedy]) -> list[tuple[str, dict[str, Any], str]]:
    """Return the two best remedies that go together, as one; none when there are not two."""
    built = sorted(
        (one for one in found if (one.recovered or 0.0) > 0 and one.changes and "mode" not in one.changes),
        key=lambda one: -(one.recovered or 0.0),
    )
    for other in built[1:]:
        if not set(other.changes) & set(built[0].changes):
            both = {**built[0].changes, **other.changes}
            return [(f"{built[0].name} and {other.name}", both, built[0].for_cause)]
    return []


def candidates(
    explanations: Sequence[Explanation], matching: Matching, found: Sweep, base: Conversion, known: bool = False
) -> list[tuple[str, dict[str, Any], str]]:
    """Return the remedies to try, (name, changes, cause): those of the causes in their order, then what helps often.

    Where the recipe was read from the file (not `known`), the same one is tried first: what made it may be to blame.
    """
    proposed: list[tuple[str, dict[str, Any], str]] = [] if known else [("the same recipe, made again", {}, "")]
    for each in explanations:
        proposed += [(name, changes, each.cause) for name, changes in _for_cause(each, matching, base)]
    proposed += [(name, changes, "") for name, changes in _often(matching, found, base)]
    unique: dict[str, tuple[str, dict[str, Any], str]] = {}
    for name, changes, cause in proposed:
        new = {key: value for key, value in changes.items() if key == "layers" or getattr(base, key) != value}
        if not new and changes:  # it is the recipe under test
            if not unique.get("[]", ("", {}, "no"))[2]:
                unique["[]"] = (unique["[]"][0], {}, cause)
            continue
        unique.setdefault(repr(sorted(new.items(), key=lambda item: item[0])), (name, new, cause))
    return list(unique.values())


def _for_cause(each: Explanation, matching: Matching, base: Conversion) -> Iterator[tuple[str, dict[str, Any]]]:
    static = base.mode == "int8"
    layer = next((one for one in matching.layers if one.name == each.layer), None)
    kept = in_float(matching, [layer]) if layer else {}
    if each.cause == "few_samples":
        need = max(int(each.figures["samples"]), 100)
        yield f"calibrated on {need} samples", {"calibration_samples": max(need, base.calibration_samples)}
    if each.cause == "logit_scale" and kept:  # the values need the range: a narrower one clips what is largest
        yield f"{' and '.join(kept)} in float", {"layers": kept}
    if each.cause in ("clipped_range", "logit_scale", "few_samples") and static:
        yield "calibration min_max", {"calibration": "min_max"}
        yield "calibration l2", {"calibration": "l2"}
    if each.cause == "unfolded_batch_normalization":  # its channels differ, which no range for all of them mends
        yield "channels equalized", {"equalize": True}
    if each.cause in ("stretched_range", "unfolded_batch_normalization") and static:
        for method in ("l2", "kl", "percentile"):
            yield f"calibration {method}", {"calibration": method}
    if each.cause in ("channel_scales", "width") and base.granularity == "per_tensor":
        yield "one scale a channel", {"granularity": "per_channel"}
    if each.cause in ("channel_scales", "bias_saturates", "width"):
        yield "channels equalized", {"equalize": True}
    if each.cause in ("stretched_range", "width"):
        yield "weights by octav", {"algorithm": "octav"}
    if each.cause == "width":
        yield "weights by gptq", {"algorithm": "gptq"}
        yield "biases corrected", {"bias_correction": True}
    if kept and base.mode in ("int8", "int16x8", "dynamic_range"):
        yield f"{' and '.join(kept)} in float", {"layers": kept}


def _often(matching: Matching, found: Sweep, base: Conversion) -> Iterator[tuple[str, dict[str, Any]]]:
    by_number = {layer.number: layer for layer in matching.layers}
    costly = [by_number[cost.number] for cost in found.costs[:3]]
    if base.mode == "int8":
        yield "calibration l2", {"calibration": "l2"}
    yield "biases corrected", {"bias_correction": True}
    if kept := in_float(matching, costly):
        yield "the costliest layers in float", {"layers": kept}
    if base.mode == "int8":
        yield "weights alone (dynamic_range)", {"mode": "dynamic_range"}
        yield "16-bit activations (int16x8)", {"mode": "int16x8"}


def in_float(matching: Matching, layers: Sequence[Layer]) -> dict[str, str]:
    """Return what `layers` of a conversion needs so that these layers' weights and outputs stay in float.

    The operators that read an output stay in float as well, up to the first ones with weights: else it would be made
    integers for them. Empty when one of them has no name of its own, or there are too many.
    """
    kept: dict[str, str] = {}
    waiting = list(layers)
    done: set[int] = set()
    while waiting:
        layer = waiting.pop()
        if layer.number in done:
            continue
        done.add(layer.number)
        if layer.kind != "INPUT":
            if not layer.pattern:
                return {}
            kept[layer.pattern] = "float32"
        if layer in layers or layer.kind not in WEIGHT_INPUT:
            waiting += [other for other in matching.layers if layer.output in other.before]
        if len(done) > _MOST_IN_FLOAT:
            return {}
    return kept
