"""The .mnn file of a float .tflite file: from the store it lies in, or made for the time being.

A .tflite file that is an entry of a store has its .mnn files in the same store, each under a key of its own: the
file's sha256, MNN's version, the quantization, and the samples where it calibrates. Any other is converted into a
temporary folder, so that running a file writes nothing beside it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optkit.build.artifact import zipped_bytes
from optkit.build.store import Store
from optkit.convert.mnn import CALIBRATED, MNNConversion, conversion_key, convert_mnn
from optkit.data.own_arrays import training_samples
from optkit.errors import ArtifactError, DataError
from optkit.files.archives import ArchiveError, read_npy, read_npz
from optkit.files.regular import read_bytes
from optkit.tflite.interface import Array, Inputs, read_interface


def read_calibration(path: Path, model: Path) -> Inputs:
    """Return the training samples in an .npz or .npy file, as the .tflite file `model` takes them.

    An array (samples, *sample shape), or one for each of several inputs by its name. Raises DataError.
    """
    try:
        arrays = {"x_train": read_npy(path)} if path.suffix == ".npy" else read_npz(path)
    except (OSError, ArchiveError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {reason}; give an .npz or .npy file of training samples") from error
    found = training_samples(str(path), arrays)
    if set(found) == {""}:
        return found[""]
    names = {spec.name for spec in read_interface(model).inputs}
    if set(found) != names:
        raise DataError(f"{path} has samples for {', '.join(map(repr, found))}; {model} takes {', '.join(names)}")
    return found


def make_mnn(
    model: Path,
    conversion: MNNConversion,
    calibration: Inputs | None = None,
    *,
    store: Store | None = None,
    seconds: float | None = None,
) -> bytes:
    """Return the .mnn file of the float .tflite file at `model`; with `store`, from there, and kept there.

    Raises as `convert.mnn.convert_mnn` does, and ArtifactError when the file cannot be read.
    """
    try:
        content = read_bytes(model)
    except OSError as error:
        raise ArtifactError(f"{model} cannot be read: {error.strerror}; give the path of a .tflite file") from error

    def convert() -> bytes:
        return convert_mnn(content, conversion, calibration, name=str(model), seconds=seconds)

    if store is None:
        return convert()
    sample_digest = samples_sha256(calibration) if conversion.quantization in CALIBRATED else None
    key = conversion_key(hashlib.sha256(content).hexdigest(), conversion, sample_digest)

    def make(path: Path) -> Mapping[str, Any]:
        path.write_bytes(convert())
        return {"label": f"convert to MNN, {conversion.quantization}", "zip_bytes": zipped_bytes(path)}

    return store.path(store.get(key, make, "model.mnn")).read_bytes()


def store_of(path: Path) -> Store | None:
    """Return the store in which the file at `path` is an entry; None when it is in none."""
    places = path.absolute().parents
    if len(places) < 4 or places[2].name != "entries" or not re.fullmatch("[0-9a-f]{64}", places[0].name):
        return None
    return Store(places[3])


def samples_sha256(samples: Inputs | None) -> str | None:
    """Return the sha256 of the samples: names, shapes, types and values; None for none."""
    if samples is None:
        return None
    found = hashlib.sha256()
    arrays: Mapping[str, Array] = samples if isinstance(samples, Mapping) else {"": samples}
    for name in sorted(arrays):
        array = arrays[name]
        found.update(repr((name, array.shape, array.dtype.str)).encode())
        found.update(array.tobytes())
    return found.hexdigest()
