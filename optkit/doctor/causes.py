"""Why a layer loses accuracy: rules over what was seen of it, each with its figures.

The part of the layer (weights, bias, activation) that costs most at the output decides which rules are asked. A range
is judged by the mean squared error that it gives, against that of other ranges of the same values.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from optkit.doctor.explanation import SOURCES, CauseName, Explanation
from optkit.doctor.few_samples import few_samples
from optkit.doctor.layer_errors import Seen
from optkit.doctor.matching import Layer, Matching
from optkit.doctor.ranges import FIXED_SCALE, range_errors
from optkit.doctor.sweep import Cost, Sweep
from optkit.tflite.view import Form

Floats = npt.NDArray[np.float64]
HARMFUL = 2.0
"""A range is to blame when another one gives this many times less squared error."""
APART = 8.0
"""Channels differ much when the largest is this many times the middle one: three of eight bits are lost."""
STEPS = 2.0
"""Logits need this many steps between the two largest."""
_EXPLAINED = 3
_ELEMENTWISE = ("MUL", "ADD", "SUB", "DIV")
_SQUASHING = ("SOFTMAX", "LOG_SOFTMAX", "LOGISTIC")
_SHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def explain(matching: Matching, seen: Sequence[Seen], found: Sweep, per_call: int = 1) -> list[Explanation]:
    """Return the causes, the likeliest first: of the whole file, then of the costliest layers, some for each.

    `per_call`: samples in a call, where the files take no other number.
    """
    by_number = {one.layer.number: one for one in seen}
    by_output = {one.layer.output: one for one in seen}
    explanations = few_samples(seen, found, per_call)
    most = found.costs[0].alone.error if found.costs else 0.0
    for cost in found.costs[:_EXPLAINED]:
        if cost.number in by_number and cost.worst_part and cost.alone.error >= 0.05 * most > 0:
            one = by_number[cost.number]
            before = by_output.get(one.layer.before[0]) if one.layer.before else None
            explanations += explain_layer(matching, one, cost, before)
    return explanations


def explain_layer(matching: Matching, one: Seen, cost: Cost, before: Seen | None = None) -> list[Explanation]:
    """Return what may be wrong in one layer, the likeliest cause first. `before` was seen of its first input."""
    if cost.worst_part == "activation":
        return _activation(matching, one)
    return _weights(matching, one, before) if cost.worst_part == "weights" else _bias(matching, one)


def _made(layer: Layer, cause: CauseName, evidence: str, figures: Mapping[str, float], remedy: str) -> Explanation:
    return Explanation(
        layer=layer.name,
        cause=cause,
        evidence=evidence,
        figures={name: float(value) for name, value in figures.items()},
        source=SOURCES[cause],
        remedy=remedy,
    )


def _activation(matching: Matching, one: Seen) -> list[Explanation]:
    layer, form = one.layer, one.layer.form
    assert form
    if layer.kind in FIXED_SCALE:
        return [_width(layer, form.dtype, "outputs")]
    ranges, apart = range_errors(one, form), _apart(one.rms)
    bn = _normalization(matching, layer)
    found: list[Explanation] = []
    if ranges["now"] > HARMFUL * ranges["min_max"]:  # it is not the range of what is seen
        cut = float(one.sums[6]) / float(one.sums[0])
        found.append(_clipped(one, form, ranges) if cut > 0.5 * ranges["now"] else _stretched(one, form, ranges))
    elif logits := _logits(matching, one, form):
        found.append(logits)
    elif not bn and apart > APART:
        found.append(_channels(layer, apart, "activation", len(one.rms)))
    elif not bn and ranges["now"] > HARMFUL * ranges["best"]:
        found.append(_stretched(one, form, ranges))
    if bn:
        found.append(_unfolded(one, apart))
    return found or [_width(layer, form.dtype, "outputs")]


def _clipped(one: Seen, form: Form, ranges: Mapping[str, float]) -> Explanation:
    share = float(one.sums[5] / one.sums[0])
    side = "".join(
        f"; nearly all that is {what} zero is lost" if held < 0.1 * need else f"; the {end} end is cut"
        for what, end, held, need in (
            ("below", "lower", -form.low, -one.low),
            ("above", "upper", form.high, one.high),
        )
        if need > 0 and held < 0.5 * need
    )
    evidence = (
        f"values go from {one.low:.3g} to {one.high:.3g}, and the integers hold {form.low:.3g} to {form.high:.3g}: "
        f"{share:.2%} are clipped{side}; the squared error is {ranges['now'] / ranges['min_max']:,.0f} times that "
        "of the whole range"
    )
    figures = {"low": one.low, "high": one.high, "held_low": form.low, "held_high": form.high, "clipped": share}
    remedy = "calibrate again, so that the range holds all values: calibration min_max, or l2"
    return _made(one.layer, "clipped_range", evidence, figures, remedy)


def _stretched(one: Seen, form: Form, ranges: Mapping[str, float]) -> Explanation:
    inner = np.quantile(np.abs(one.values), 0.999)
    used = max(abs(one.low), abs(one.high)) / max(abs(form.low), abs(form.high))
    reached = (
        f"the largest value that was seen reaches {used:.1%} of it"
        if used < 0.5
        else f"a few values, up to {max(abs(one.low), abs(one.high)):.3g}, stretch it"
    )
    evidence = (
        f"the integers hold {form.low:.3g} to {form.high:.3g}, a step is {form.scale:.3g}; 99.9 % of the values are "
        f"within ±{inner:.3g}: {reached}; a narrower range has {ranges['now'] / ranges['best']:,.0f} times less "
        "squared error"
    )
    figures = {"held_low": form.low, "held_high": form.high, "inner": inner, "used": used}
    remedy = "choose a narrower range: calibration l2, percentile or kl; or keep this layer in float"
    return _made(one.layer, "stretched_range", evidence, figures, remedy)


def _channels(layer: Layer, apart: float, what: str, count: int) -> Explanation:
    evidence = (
        f"of {count} channels the largest has {apart:,.0f} times the magnitude of the middle one; all share one scale: "
        f"{math.log2(apart):.1f} of the 8 bits are lost to the others ({what})"
    )
    remedy = (
        "one scale a channel: granularity per_channel"
        if what == "weights"
        else "bring the channels to one scale: equalize; or keep this layer in float, or 16-bit activations (int16x8)"
    )
    return _made(layer, "channel_scales", evidence, {"ratio": apart, "channels": count}, remedy)


def _unfolded(one: Seen, apart: float) -> Explanation:
    evidence = (
        f"{one.layer.kind} by a vector of {len(one.rms)} constants stands by itself: batch normalization that no layer "
        f"before it could take in; its largest channel has {apart:,.0f} times the magnitude of the middle one"
    )
    remedy = "fold it (a step fold, before the conversion), or keep it in float"
    return _made(one.layer, "unfolded_batch_normalization", evidence, {"ratio": apart}, remedy)


def _normalization(matching: Matching, layer: Layer) -> bool:
    """Tell whether a layer is a product or a sum with one constant for each channel."""
    view = matching.float_view
    node = next((node for node in view.nodes if node.number == layer.number), None)
    if node is None or node.kind not in _ELEMENTWISE or not node.constants:
        return False
    width = view.shape(layer.output)[-1:]
    return any(view.values(index).size > 1 and view.shape(index)[-1:] == width for index in node.constants.values())


def _logits(matching: Matching, one: Seen, form: Form) -> Explanation | None:
    if not len(one.gaps) or not _is_logits(matching, one.layer):
        return None
    gap = float(np.median(one.gaps))
    if gap >= STEPS * form.scale:
        return None
    evidence = (
        f"a step is {form.scale:.3g}, and between the two largest outputs of a sample lie {gap:.3g} (median): "
        f"{gap / form.scale:.2g} steps; the range goes from {form.low:.3g} to {form.high:.3g}"
    )
    remedy = "keep the last layer in float, or 16-bit activations (int16x8)"
    return _made(one.layer, "logit_scale", evidence, {"step": form.scale, "gap": gap}, remedy)


def _is_logits(matching: Matching, layer: Layer) -> bool:
    """Tell whether nothing but a softmax or a sigmoid, and changes of shape, stands between a layer and an output."""
    view = matching.float_view
    ends = {index for index in view.outputs} | ({layer.output} if layer.is_output else set())
    for node in reversed(view.nodes):
        if node.kind in (*_SQUASHING, *_SHAPES) and ends & set(node.outputs):
            ends.add(node.inputs[0])
    return layer.output in ends


def _apart(magnitudes: Floats) -> float:
    """Return the largest magnitude of a channel over that of the middle one that is not zero."""
    there = magnitudes[magnitudes > 0]
    return float(there.max() / np.median(there)) if len(there) > 1 else 1.0


def _weights(matching: Matching, one: Seen, before: Seen | None) -> list[Explanation]:
    layer = one.layer
    if _normalization(matching, layer):
        return [_unfolded(one, _apart(one.rms))]
    index = next((i for i in layer.constants if i != layer.bias), None)
    if index is None:
        return [_width(layer, layer.stored, "weights")]
    own = matching.float_view.values(index)
    stored = layer.constants[index]
    axis = 3 if layer.kind == "DEPTHWISE_CONV_2D" else 0
    rows = np.moveaxis(own, axis, 0).reshape(own.shape[axis], -1).astype(np.float64)
    apart = _apart(np.abs(rows).max(axis=1))
    lost = np.abs(own) - np.abs(stored)
    wrong = float(((own - stored) ** 2).sum())
    beyond = np.abs(own) > 1.02 * np.abs(stored).max()
    clipped = float((lost[beyond] ** 2).sum())
    found = []
    if clipped > 0.5 * wrong > 0:
        evidence = (
            f"weights reach {np.abs(own).max():.3g}, and the integers hold {np.abs(stored).max():.3g}: "
            f"{np.mean(beyond):.2%} are clipped"
        )
        figures = {"largest": float(np.abs(own).max()), "held": float(np.abs(stored).max())}
        found.append(_made(layer, "clipped_range", evidence, figures, "quantize its weights again: algorithm min_max"))
    elif not layer.per_channel and apart > APART:
        found.append(_channels(layer, apart, "weights", len(rows)))
    elif before and (uneven := _uneven_inputs(layer, own - stored, before)):
        found += [_unfolded(before, _apart(before.rms))] if _normalization(matching, before.layer) else []
        found.append(uneven)
    elif (tail := float(np.max(np.abs(rows).max(axis=1) / _rms(rows)))) > 2 * APART:
        evidence = f"the largest weight of a channel is {tail:.0f} times the channel's root mean square"
        remedy = "clip the few large weights: algorithm octav or mse; or keep this layer in float"
        found.append(_made(layer, "stretched_range", evidence, {"ratio": tail}, remedy))
    return found or [_width(layer, layer.stored, "weights")]


def _uneven_inputs(layer: Layer, wrong: npt.NDArray[np.float32], before: Seen) -> Explanation | None:
    """Return the cause when nearly all that rounded weights lose meets a few inputs that are much larger than others.

    The weights of these inputs are as much smaller, and share their scale with those of the others. The loss is taken
    as the sum over inputs of the squared error of their weights times their mean square.
    """
    inputs = wrong.shape[-1]
    if layer.kind not in ("CONV_2D", "FULLY_CONNECTED") or len(before.rms) != inputs:
        return None
    lost = (wrong.astype(np.float64) ** 2).reshape(-1, inputs).sum(axis=0) * before.rms**2
    large = before.rms > APART * np.median(before.rms[before.rms > 0]) if before.rms.any() else np.zeros(inputs, bool)
    share = float(lost[large].sum() / lost.sum()) if lost.any() else 0.0
    if share <= 0.5:
        return None
    apart = _apart(before.rms)
    evidence = (
        f"{int(large.sum())} of {inputs} inputs are up to {apart:,.0f} times as large as the middle one, and their "
        f"weights share a scale with those of the others: {share:.0%} of what rounding loses is theirs"
    )
    remedy = "bring the channels before it to one scale: equalize; or keep this layer in float"
    figures = {"ratio": apart, "channels": float(large.sum()), "share": share}
    return _made(layer, "channel_scales", evidence, figures, remedy)


def _rms(rows: Floats) -> Floats:
    found: Floats = np.sqrt((rows**2).mean(axis=1))
    return np.where(found > 0, found, np.inf)


def _bias(matching: Matching, one: Seen) -> list[Explanation]:
    layer = one.layer
    assert layer.bias is not None
    own, stored = matching.float_view.values(layer.bias), layer.constants[layer.bias]
    wrong = np.abs(own - stored)
    worst = int(wrong.argmax())
    if wrong.max() <= 0.01 * np.abs(own).max():
        return [_width(layer, layer.stored, "biases")]
    real, held = float(own.reshape(-1)[worst]), float(stored.reshape(-1)[worst])
    evidence = (
        f"the bias of channel {worst} is {real:.4g}, and the file holds {held:.4g}; "
        f"{int((wrong > 0.01 * np.abs(own).max()).sum())} of {own.size} are off by over 1 % of the largest"
    )
    figures = {"bias": real, "held": held, "channel": worst}
    remedy = "quantize this layer again, or keep it in float: its scale is too small for a bias of 32 bits"
    return [_made(layer, "bias_saturates", evidence, figures, remedy)]


def _width(layer: Layer, dtype: str, what: str) -> Explanation:
    kind = dtype or "its integers"
    evidence = f"neither range, channels nor bias explain what its {what} lose: {kind} is too coarse here"
    remedy = "keep this layer in float, or 16-bit activations (int16x8), weights only (dynamic_range), or train (qat)"
    return _made(layer, "width", evidence, {}, remedy)
