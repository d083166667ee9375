"""The user's own arrays by name, as an .npz file has them: `x_train`, `y_train`, `x_test`, `y_test`.

Several inputs are named behind the split: `x_train_<input>`, `x_test_<input>`. Data that are not split are `x` (or
`x_<input>`) and `y`. Law: no pickle is read, and a name that looks like data but is none is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.labels import numbers
from optkit.errors import DataError, nearest

Array = npt.NDArray[Any]
_SPLITS = ("train", "test", "val")
_INPUTS = ("x", "images", "data", "features", "inputs")
_LABELS = ("y", "labels", "targets", "target")
_EXPECTED = "expected x_train, y_train, x_test and y_test, or x and y; of several inputs x_train_<input> and so on"

_OF_NAMES = "such as np.unique(labels, return_inverse=True)[1] of names of classes"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """The samples of a split as they came: arrays (samples, ...) by input name, and raw labels, or None.

    A single input has the empty name. `groups`, (samples,), says which samples are judged as one.
    """

    x: Mapping[str, Array]
    y: Array | None = None
    groups: Array | None = None

    @property
    def shapes(self) -> str:
        """The shapes side by side, for messages."""
        found = [f"x{'_' + name if name else ''} {array.shape}" for name, array in self.x.items()]
        found += [
            f"{name} {array.shape}" for name, array in (("y", self.y), ("group", self.groups)) if array is not None
        ]
        return ", ".join(found)


Parts = dict[str, Samples]
"""Raw data by split: `train` and `test`; or `whole`, which is still to be split."""


def named_parts(place: str, arrays: Mapping[str, Any]) -> Parts:
    """Return arrays by name as raw data by split. `place` says in errors where they are from.

    Common other names are taken for these: `train_images`, `X_train`, `test_labels`, `images`, `labels`, `data`,
    `target`; and `x_val`, `y_val` for `x_test`, `y_test` when those are not there. `group_test` is read as well. Other
    arrays are not read. Raises DataError when samples are missing, two names mean the same, a name begins with `x_` or
    `y_` and means nothing, or an array holds no numbers.
    """
    found = _meanings(place, arrays)
    splits = {split for _, split, _ in found}
    if "train" not in splits and "test" not in splits and "val" not in splits:
        return {"whole": _samples(place, arrays, found, "")}
    _check_misspelled(place, arrays, found)
    test = "val" if "test" not in splits and "val" in splits else "test"
    return {"train": _samples(place, arrays, found, "train"), "test": _samples(place, arrays, found, test)}


def training_samples(place: str, arrays: Mapping[str, Any]) -> Mapping[str, Array]:
    """Return the samples to calibrate on among arrays by name: those of the training split, or the whole data.

    By input; a single input has the empty name. No other split is needed. Raises DataError as `named_parts` does.
    """
    found = _meanings(place, arrays)
    split = "train" if any(kind == "x" and of == "train" for kind, of, _ in found) else ""
    return _samples(place, arrays, found, split).x


def _meanings(place: str, arrays: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    found: dict[tuple[str, str, str], str] = {}
    for name in arrays:
        meaning = _meaning(name)
        if meaning is None:
            continue
        if meaning in found:
            raise DataError(f"{place} has {found[meaning]!r} and {name!r}, which mean the same; remove one of them")
        found[meaning] = name
    return found


def _meaning(name: str) -> tuple[str, str, str] | None:
    """Return what an array's name means: (`x`, `y` or `group`; split, or empty; input, or empty); None for nothing."""
    parts = name.split("_", 2)
    first = parts[0].lower()
    if name == "group_test":
        return "group", "test", ""
    if first in _SPLITS and len(parts) == 2 and parts[1].lower() in (*_INPUTS, *_LABELS):
        return "x" if parts[1].lower() in _INPUTS else "y", first, ""
    if first in ("x", "y") and len(parts) > 1 and parts[1] in _SPLITS:
        inner = parts[2] if len(parts) > 2 else ""
        return (first, parts[1], inner) if first == "x" or not inner else None
    if len(parts) == 1 and first in (*_INPUTS, *_LABELS):
        return "x" if first in _INPUTS else "y", "", ""
    if first == "x" and len(parts) > 1:
        return "x", "", name[2:]
    return None


def _check_misspelled(place: str, arrays: Mapping[str, Any], found: Mapping[tuple[str, str, str], str]) -> None:
    """Refuse `x_tset` beside `x_train`: it would be left out in silence."""
    odd = [name for meaning, name in found.items() if not meaning[1]]
    odd += [name for name in arrays if name[:2].lower() in ("x_", "y_") and _meaning(name) is None]
    if odd:
        known = ("x_train", "y_train", "x_test", "y_test")
        raise DataError(f"{place} has an array {odd[0]!r} beside others that are split; {nearest(odd[0], known)}")


def _samples(place: str, arrays: Mapping[str, Any], found: Mapping[tuple[str, str, str], str], split: str) -> Samples:
    names = {inner: name for (kind, of, inner), name in found.items() if kind == "x" and of == split}
    if not names:
        missing = f"x_{split}" if split else "x"
        have = ", ".join(map(str, arrays)) or "nothing"
        raise DataError(f"{place} has no array {missing!r}; it has {have}; {_EXPECTED}")
    if "" in names and len(names) > 1:
        raise DataError(f"{place} has {names['']!r} beside inputs with names ({_rest(names)}); give every input a name")
    labels, groups = found.get(("y", split, "")), found.get(("group", split, ""))
    return Samples(
        x={inner: numbers(f"{place}: {name}", arrays[name]) for inner, name in names.items()},
        y=numbers(f"{place}: {labels}", arrays[labels], _OF_NAMES) if labels else None,
        groups=np.asarray(arrays[groups]) if groups else None,
    )


def _rest(names: Mapping[str, str]) -> str:
    return ", ".join(name for inner, name in names.items() if inner)
