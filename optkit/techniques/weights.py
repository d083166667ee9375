"""Weights from a file in place of training: .npz, .keras or .h5, with names and shapes checked.

Law: of a file only arrays and names are read, never code or a model. All of the network's weights are set, or none.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError

Arrays = dict[str, npt.NDArray[Any]]
_SHOWN = 4


def load_weights(model: Any, path: Path) -> None:
    """Give `model` the weights in the file at `path`.

    A .npz file holds one array a weight, named `layer/weight` (`conv/kernel`, `bn/moving_mean`); .keras and .h5 files
    are those that Keras 2 or 3 saves of a model or of its weights, and their layers must have the network's names.
    Raises BuildError when the file is none of these, or its names and shapes are not the network's.
    """
    readers = {".npz": _read_npz, ".keras": _read_keras, ".h5": _read_h5}
    if path.suffix not in readers:
        raise BuildError(f"weights {path} end in {path.suffix or 'nothing'!r}; expected {', '.join(readers)}")
    expected = {_name(weight.name): weight for weight in model.weights}
    try:
        found = readers[path.suffix](path, expected)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BuildError(f"weights {path} cannot be read: {error}; save them again") from error
    wrong = list(_differences({name: tuple(weight.shape) for name, weight in expected.items()}, found))
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise BuildError(f"weights {path} are not those of {model.name!r}: {'; '.join(wrong[:_SHOWN])}{more}")
    for name, weight in expected.items():
        weight.assign(found[name])


def _name(name: str) -> str:
    return name.split(":")[0]


def _differences(expected: Mapping[str, tuple[int, ...]], found: Arrays) -> Iterator[str]:
    for name, shape in expected.items():
        if name not in found:
            yield f"{name} is missing"
        elif found[name].shape != shape:
            yield f"{name} has shape {found[name].shape}, expected {shape}"
    for name in found:
        if name not in expected:
            yield f"{name} is not of the network"


def _read_npz(path: Path, expected: Mapping[str, Any]) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        return {_name(name): arrays[name] for name in arrays.files}


def _read_h5(path: Path, expected: Mapping[str, Any]) -> Arrays:
    """Read the HDF5 form of Keras 2: a group a layer, with the names of its weights as an attribute."""
    import h5py

    found = {}
    with h5py.File(path, "r") as file:
        top = file["model_weights"] if "model_weights" in file else file
        for layer in top.attrs["layer_names"]:
            group = top[_text(layer)]
            for name in group.attrs["weight_names"]:
                found[_name(_text(name))] = np.asarray(group[_text(name)])
    return found


def _read_keras(path: Path, expected: Mapping[str, Any]) -> Arrays:
    """Read the .keras form: layers by name, or by the class and its count; their weights in order without names."""
    import h5py

    with zipfile.ZipFile(path) as archive:
        layers = json.loads(archive.read("config.json"))["config"]["layers"]
        weights = io.BytesIO(archive.read("model.weights.h5"))
    own = _weights_by_layer(expected)
    found, counts = {}, dict[str, int]()
    with h5py.File(weights, "r") as file:
        groups = _layer_groups(file)
        for layer in layers:
            name, stem = layer["config"]["name"], _snake(layer["class_name"])
            counts[stem] = counts.get(stem, -1) + 1
            counted = f"{stem}_{counts[stem]}" if counts[stem] else stem
            group = groups.get(name, groups.get(counted))
            arrays = group["vars"] if group is not None and "vars" in group else {}
            names = own.get(name, [])
            for i in range(len(arrays)):
                found[names[i] if i < len(names) else f"{name}/{i}"] = np.asarray(arrays[str(i)])
    return found


def _layer_groups(file: Any) -> dict[str, Any]:
    for key in ("layers", "_layer_checkpoint_dependencies"):
        if key in file:
            return dict(file[key])
    raise KeyError("it has no layers")


def _weights_by_layer(expected: Mapping[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in expected:
        found.setdefault(name.rpartition("/")[0], []).append(name)
    return found


def _snake(name: str) -> str:
    """Return Keras' group name of a class: `Conv2D` is `conv2d`, `BatchNormalization` is `batch_normalization`."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
