"""The space of a search and where it begins: the suite's or the default, held against the model as a float file."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from optkit.build.artifact import Artifact, zipped_bytes
from optkit.data import Dataset
from optkit.errors import OptkitError, SuiteError
from optkit.files.hdf5 import open_hdf5
from optkit.measure.quality import scorer_of
from optkit.process.temporary import temporary_folder
from optkit.search.default import LARGE, default_template, layers_of
from optkit.search.hints import as_asked, endured, suggested
from optkit.search.holes import CHOICES, holes
from optkit.search.sensitivity import pruned, zeros_endured
from optkit.spec import Suite
from optkit.spec.bounds import Bound
from optkit.tflite.smallest import smallest
from optkit.tflite.weights import WeightFacts, weights_of

_BY_LAYER = ("sparsity_by_layer", "layers")
_OF_LAYERS = ("include", "exclude")
_DEFLATED = 1000
"""Zeros that become one byte."""
_INT2 = 0.25
"""Bytes of a weight of the fewest bits that there are."""


@dataclass(frozen=True, kw_only=True)
class Space:
    """A recipe with holes, and the points that are tried first: values as Optuna takes them."""

    template: dict[str, Any]
    first: tuple[dict[str, Any], ...] = ()


def space_of(suite: Suite, made: Artifact, held_out: Dataset, bounds: Sequence[Bound], *, hints: bool = True) -> Space:
    """Return the space of `suite`: its own `[search]`, else the default of its model.

    `made` is the baseline as a float .tflite file. Raises OptkitError when the space is empty, names layers that are
    not there, or no file of this model can be within `bounds`.
    """
    facts = weights_of(made.path, made.source)
    template = suite.search
    if template is None:
        template = default_template(suite, layers_of(facts), layers_of(facts, LARGE), scaled=_is_scaled(made))
    space = holes(template)
    if not space:
        raise OptkitError("the space has no holes: nothing in [search] is a range, a choice or optional")
    if _same_network(template, suite):
        _check_layers(template, facts)
        _check_bounds(template, made.path, facts, bounds)
    if not hints:
        return Space(template=template)
    points = suggested(template, suite)
    if any(".sparsity_by_layer." in name for name in space) and _same_network(template, suite):
        points += endured(template, _endured(suite, made, held_out, bounds, facts))
    return Space(template=template, first=tuple(as_asked(point, space) for point in points))


def _same_network(template: Mapping[str, Any], suite: Suite) -> bool:
    """Tell whether the recipes are of the baseline's network, so that its layers are theirs."""
    own = suite.variant(suite.baseline).network
    recipes = template.get(CHOICES, [template])
    of = [suite.variant(one["from"]).network for one in recipes if "from" in one]
    return all("network" not in one for one in recipes) and all(network == own for network in of)


def _endured(
    suite: Suite, made: Artifact, held_out: Dataset, bounds: Sequence[Bound], facts: WeightFacts
) -> dict[str, float]:
    drop = next((bound.value for bound in bounds if bound.key == "max_drop"), 0.01)
    layers: dict[str, list[str]] = {}
    for tensor in facts.tensors:
        if tensor.layers:
            layers.setdefault(tensor.layers[0], []).append(tensor.name)
    return zeros_endured(made.path, layers, held_out, scorer_of(suite, held_out), max(drop, 0.01))


def _is_scaled(made: Artifact) -> bool:
    """Tell whether the Keras model has batch normalization."""
    if made.source is None or made.source.suffix != ".h5":
        return False
    with open_hdf5(made.source) as file:
        said = file.attrs.get("model_config", "{}")
    text = said.decode() if isinstance(said, bytes) else str(said)
    return any(name == "BatchNormalization" for name in _classes(json.loads(text)))


def _classes(value: Any) -> Iterator[str]:
    """Yield the class names in the configuration of a Keras model."""
    if isinstance(value, Mapping):
        if isinstance(value.get("class_name"), str):
            yield value["class_name"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _classes(inner)


def _check_layers(template: Mapping[str, Any], facts: WeightFacts) -> None:
    """Raise SuiteError when a pattern of the space fits no layer of the model."""
    known = list(dict.fromkeys(layer for tensor in facts.tensors for layer in tensor.layers))
    for where, pattern in _patterns(template, ""):
        if known and not any(fnmatchcase(layer, pattern) for layer in known):
            raise SuiteError(
                f"[search] {where}: no layer with weights is called {pattern!r}; there are {', '.join(known)}"
            )


def _patterns(value: Any, where: str) -> Iterator[tuple[str, str]]:
    """Yield each pattern of layer names, with its place."""
    if isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _patterns(inner, f"{where}[{number}]")
    if not isinstance(value, Mapping):
        return
    for key, inner in value.items():
        place = f"{where}.{key}" if where else str(key)
        if key in _BY_LAYER and isinstance(inner, Mapping) and "choices" not in inner:
            yield from ((place, str(pattern)) for pattern in inner)
        elif key in _OF_LAYERS and isinstance(inner, (list, tuple)):
            yield from ((place, str(pattern)) for pattern in inner)
        else:
            yield from _patterns(inner, place)


def _check_bounds(template: Mapping[str, Any], path: Path, facts: WeightFacts, bounds: Sequence[Bound]) -> None:
    """Raise OptkitError when a bound on bytes is below what any recipe leaves.

    Zipped that is the file with all its weights zero; as it is, its weights in 2 bits.
    """
    if {"slim", "sparse"} & set(re.findall(r'"(\w+)"', json.dumps(template))):
        return  # which take weights away
    for bound in bounds:
        if bound.key not in ("max_zip_bytes", "max_file_bytes"):
            continue
        zipped = bound.key == "max_zip_bytes"
        least = _zipped_without_weights(path, facts) if zipped else _least_bytes(facts)
        if bound.value < least:
            raise OptkitError(
                f"{bound.key} is {bound.value:,.0f}, and no recipe of this space can meet it: the file takes "
                f"{least:,} with all weights {'zero' if zipped else 'in 2 bits'}; give more, or search smaller networks"
            )


def _least_bytes(facts: WeightFacts) -> int:
    return round(_INT2 * sum(tensor.elements for tensor in facts.tensors))


def _zipped_without_weights(path: Path, facts: WeightFacts) -> int:
    with temporary_folder("floor") as folder:
        file = folder / "model.tflite"
        file.write_bytes(smallest(pruned(path.read_bytes(), [tensor.name for tensor in facts.tensors], 1.0)))
        zeros = 4 * sum(tensor.elements for tensor in facts.tensors)
        return zipped_bytes(file) - math.ceil(zeros / _DEFLATED)
