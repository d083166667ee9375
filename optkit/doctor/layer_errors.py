"""The error of each layer's output in a quantized file, on samples: both files run once, with all tensors kept.

Law: the files meet LiteRT in a process of their own. What lies behind a figure is kept for the causes: `Seen`.
"""

from __future__ import annotations

import math
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.doctor.matching import Layer, Matching
from optkit.errors import ArtifactError
from optkit.process.temporary import temporary_folder
from optkit.tflite.interface import Array, Interface
from optkit.tflite.trial import judge, launch

_WORKER = "optkit.doctor.layer_worker"
_START_SECONDS = 30.0
_SECONDS = 300.0
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LayerError:
    """What a layer's output has lost, against the float file.

    `sqnr_db`: the signal's power over that of the difference, in decibels; None when there is no difference. `cosine`
    is between both outputs. `clipped` is the share of float values that the integers cannot hold, `used` the share of
    the range of integers that was used; both None where the output is not stored as integers. `own` estimates what the
    layer adds itself: its noise over the signal's variance, less that of what it reads. `cost` is the squared error of
    the model's outputs, over their power, when this layer alone is quantized; None when that was not tried.
    """

    number: int
    name: str
    kind: str
    weights: str
    output: str
    sqnr_db: float | None
    cosine: float
    clipped: float | None
    used: float | None
    own: float
    cost: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """What was seen of a layer's output: of float values their extremes by call, a sample of them, and by channel.

    `sums`: values, x x, y y, x y, (x - y)^2, clipped values, squared error of clipping; x are the float file's.
    `held` are the extremes of the quantized file's values. `rms` and `largest` are by channel, `gaps` those between the
    two largest values of each sample, of outputs that have one row a sample.
    """

    layer: Layer
    sums: Floats
    held: Floats
    calls: Floats
    values: npt.NDArray[np.float32]
    rms: Floats
    largest: Floats
    gaps: Floats

    @property
    def noise(self) -> float:
        """The power of the difference over that of the signal; infinite when there is only difference."""
        return _ratio(float(self.sums[4]), float(self.sums[1]))

    @property
    def noise_over_variance(self) -> float:
        """The power of the difference over the variance of the signal: an offset of all values hides no loss."""
        return _ratio(float(self.sums[4]), float(self.sums[0]) * float(np.var(self.values, dtype=np.float64)))

    @property
    def low(self) -> float:
        """The smallest float value."""
        return float(self.calls[:, 0].min())

    @property
    def high(self) -> float:
        """The largest float value."""
        return float(self.calls[:, 1].max())


def _ratio(a: float, b: float) -> float:
    return a / b if b else (math.inf if a else 0.0)


def see_layers(
    paths: tuple[Path, Path], matching: Matching, ends: tuple[Interface, Interface], samples: Mapping[str, Array]
) -> list[Seen]:
    """Run both files, float and quantized, on `samples`, and return what was seen of each layer of `matching`.

    `samples` are arrays (samples, *sample shape) by the float file's input names. Raises ArtifactError when LiteRT
    crashes on a file, refuses it or takes too long, or an activation of the float file is not finite.
    """
    with temporary_folder("layers") as folder:
        given, found = folder / "samples.npz", folder / "found.npz"
        np.savez(given, allow_pickle=False, **{f"x{k}": samples[spec.name] for k, spec in enumerate(ends[0].inputs)})
        request = {
            "paths": [str(path) for path in paths],
            "samples": str(given),
            "found": str(found),
            "inputs": _inputs(matching, ends),
            "pairs": [_pair(layer, matching) for layer in matching.layers],
            "batch": ends[0].batch or ends[1].batch or 1,
            "seconds": _SECONDS,
        }
        both = Path(f"{paths[0]} or {paths[1]}")
        try:
            done = launch(_WORKER, request, _SECONDS + _START_SECONDS)
        except subprocess.TimeoutExpired:
            raise ArtifactError(f"{both} took over {_SECONDS:g} s on {_count(samples)} samples; give fewer") from None
        judge(both, done.returncode, done.stdout, done.stderr, _SECONDS)
        with np.load(found, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    seen = [_seen(layer, n, arrays) for n, layer in enumerate(matching.layers) if not arrays[f"{n}_different"]]
    for one in seen:
        if not np.isfinite(one.sums[:2]).all():
            raise ArtifactError(
                f"{paths[0]}: layer {one.layer.name} is not finite for some samples, also in float; check the model's "
                "training, or that the samples are scaled as in training"
            )
    return seen


def _count(samples: Mapping[str, Array]) -> int:
    return len(next(iter(samples.values())))


def _inputs(matching: Matching, ends: tuple[Interface, Interface]) -> list[list[Any]]:
    by_tensor = {layer.output: layer.twin for layer in matching.layers if layer.kind == "INPUT"}
    specs = {spec.index: spec for spec in ends[1].inputs}
    return [
        [f"x{k}", [spec.index, spec.dtype, 0.0, 0], _fed(specs[by_tensor[spec.index]], matching)]
        for k, spec in enumerate(ends[0].inputs)
    ]


def _fed(spec: Any, matching: Matching) -> list[Any]:
    view = matching.quantized_view
    form = view.forms(spec.index)[0] if spec.quantized else None
    return [spec.index, spec.dtype, form.scale if form else 0.0, form.zero_point if form else 0]


def _pair(layer: Layer, matching: Matching) -> list[Any]:
    """Return the two tensors to compare, and how the second is stored; of floats that are quantized next, that."""
    view = matching.quantized_view
    index = layer.twin
    forms = view.forms(index)
    if forms and not _stored(view, index):
        index = next(i for i, root in enumerate(view.root) if root == layer.twin and _stored(view, i))
    if not _stored(view, index):
        return [layer.output, index, 0.0, 0, -math.inf, math.inf]
    form = forms[0]
    return [layer.output, index, form.scale, form.zero_point, form.low, form.high]


def _stored(view: Any, index: int) -> bool:
    from optkit.tflite.flatbuffer import is_quantized

    return is_quantized(view.tensors[index])


def _seen(layer: Layer, n: int, arrays: Mapping[str, Any]) -> Seen:
    names = {"sums": "sums", "held": "seen", "calls": "calls", "values": "values", "rms": "rms"}
    names |= {"largest": "largest", "gaps": "gaps"}
    return Seen(layer=layer, **{name: arrays[f"{n}_{key}"] for name, key in names.items()})


def errors_of(seen: list[Seen]) -> list[LayerError]:
    """Return the error of each layer, in the order of the graph."""
    noise = {one.layer.output: one.noise_over_variance for one in seen}
    return [_error(one, [noise[index] for index in one.layer.before if index in noise]) for one in seen]


def _error(one: Seen, before: list[float]) -> LayerError:
    form = one.layer.form or (one.layer.details.get("form"))
    noise, own = one.noise, one.noise_over_variance
    count, xx, yy, xy = (float(value) for value in one.sums[:4])
    lengths = math.sqrt(xx * yy)
    span = form.high - form.low if form else 0.0
    return LayerError(
        number=one.layer.number,
        name=one.layer.name,
        kind=one.layer.kind,
        weights=one.layer.stored,
        output=form.dtype if form else "float32",
        sqnr_db=None if noise == 0 else -10 * math.log10(noise) if noise < math.inf else -math.inf,
        cosine=xy / lengths if lengths else float(xx == yy),
        clipped=float(one.sums[5]) / count if form else None,
        used=min(1.0, float(one.held[1] - one.held[0]) / span) if form and span else None,
        own=max(0.0, own - max(before, default=0.0)) if own < math.inf else math.inf,
    )
