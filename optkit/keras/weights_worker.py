"""The process that reads weights from HDF5: a request on standard input, an answer on standard output (JSON), an .npz.

Law: a user's file meets the HDF5 library here and nowhere else, so that a damaged one ends this process and no other.
It has some 4 GiB of memory, where the system can tell.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import OptkitError
from optkit.files.archives import ArchiveError, read_keras
from optkit.files.hdf5 import AGAIN, check, open_hdf5
from optkit.process.exchange import received
from optkit.process.limits import limit_memory

Arrays = dict[str, npt.NDArray[Any]]


def main() -> None:
    """Read the request, write the arrays to its `output`, answer."""
    request, answers = received()
    limit_memory(os.stat(request["path"]).st_size)
    try:
        path, expected = Path(request["path"]), request["expected"]
        found = read_hdf5(path, expected) if expected is not None else read_all(path)
        with zipfile.ZipFile(request["output"], "w") as archive:
            for i, array in enumerate(found.values()):
                with archive.open(f"{i}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
        answer: dict[str, Any] = {"names": list(found)}
    except (OptkitError, ArchiveError) as error:
        answer = {"error": str(error).removesuffix(f"; {AGAIN}")}
    except MemoryError:
        answer = {"error": "its values take over 4 GiB more memory than the file has bytes"}
    except Exception as error:  # h5py raises many kinds for damaged bytes
        answer = {"error": f"it is damaged: {str(error).strip() or type(error).__name__}"}
    answers.write(json.dumps(answer))
    answers.close()


def read_hdf5(path: Path, expected: Sequence[str]) -> Arrays:
    """Return the arrays in a .h5 or .keras file by name, `layer/weight`, of the network whose names are `expected`.

    Raises ArtifactError when the file takes values from elsewhere, and the kinds of h5py and zipfile for a damaged one.
    """
    return _read_keras(path, expected) if path.suffix == ".keras" else _read_h5(path)


def read_all(path: Path) -> Arrays:
    """Read every value in a .h5 or .keras file, so that a damaged one shows here; return none. Raises as above."""
    import h5py

    def read(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            np.asarray(item)

    if path.suffix == ".keras":
        weights = read_keras(path)["model.weights.h5"]
        with h5py.File(io.BytesIO(weights), "r") as file:
            check(file, "model.weights.h5", len(weights))
            file.visititems(read)
    else:
        with open_hdf5(path) as file:
            file.visititems(read)
    return {}


def _read_h5(path: Path) -> Arrays:
    """Read the HDF5 form of Keras 2: a group a layer, with the names of its weights as an attribute."""
    found = {}
    with open_hdf5(path) as file:
        top = file["model_weights"] if "model_weights" in file else file
        for layer in top.attrs["layer_names"]:
            group = top[_text(layer)]
            for name in group.attrs["weight_names"]:
                found[_text(name)] = np.asarray(group[_text(name)])
    return found


def _read_keras(path: Path, expected: Sequence[str]) -> Arrays:
    """Read the .keras form: layers by name, or by the class and its count; their weights in order without names."""
    import h5py

    members = read_keras(path)
    layers = json.loads(members["config.json"])["config"]["layers"]
    weights = members["model.weights.h5"]
    own = _weights_by_layer(expected)
    found, counts = {}, dict[str, int]()
    with h5py.File(io.BytesIO(weights), "r") as file:
        check(file, "model.weights.h5", len(weights))
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


def _weights_by_layer(expected: Sequence[str]) -> dict[str, list[str]]:
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
