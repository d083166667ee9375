"""Weights from a file in place of training: .npz, .keras or .h5, with names, shapes and values checked.

Law: of a file only arrays and names are read, never code, a model or another file. All of the network's weights are
set, or none.
"""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError, BuildError
from optkit.files.archives import read_npz
from optkit.process.children import ended, own_code, run
from optkit.process.temporary import temporary_folder

Arrays = dict[str, npt.NDArray[Any]]
_SHOWN = 4
_READ_SECONDS = 30.0
_READER = "optkit.keras.weights_worker"
_BYTES_PER_SECOND = 5e6  # far slower than any disk


def load_weights(model: Any, path: Path) -> None:
    """Give `model` the weights in the file at `path`.

    A .npz file holds one array a weight, named `layer/weight` (`conv/kernel`, `bn/moving_mean`); .keras and .h5 files
    are those that Keras 2 or 3 saves of a model or of its weights, and their layers must have the network's names.
    Raises BuildError when the file is none of these, takes values from other files, holds NaN or infinity, or has
    names and shapes that are not the network's.
    """
    if path.suffix not in (".npz", ".keras", ".h5"):
        raise BuildError(f"weights {path} end in {path.suffix or 'nothing'!r}; expected .npz, .keras, .h5")
    expected = {_name(weight.name): weight for weight in model.weights}
    try:
        read = read_npz(path, _most_bytes(model)) if path.suffix == ".npz" else _read_apart(path, list(expected))
    except (OSError, ValueError) as error:
        raise BuildError(f"weights {path} cannot be read: {error}; save them again") from error
    found = {_name(name): array for name, array in read.items()}
    wrong = list(_differences({name: tuple(weight.shape) for name, weight in expected.items()}, found))
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise BuildError(f"weights {path} are not those of {model.name!r}: {'; '.join(wrong[:_SHOWN])}{more}")
    values = {name: _values(path, name, found[name], weight) for name, weight in expected.items()}
    for name, weight in expected.items():
        weight.assign(values[name])


def _most_bytes(model: Any) -> int:
    """Return how many bytes the arrays of `model` may take in a file: of doubles, and as much again."""
    return int(sum(16 * math.prod(weight.shape) + 4096 for weight in model.weights)) + (1 << 20)


def _name(name: str) -> str:
    return name.split(":")[0]


def _differences(expected: Mapping[str, tuple[int, ...]], found: Arrays) -> Iterator[str]:
    for name, shape in expected.items():
        if name not in found:
            yield f"{name} is missing"
        elif found[name].shape != shape:
            yield f"{name} has shape {found[name].shape}, expected {shape}"
        elif found[name].dtype.kind not in "biuf":
            yield f"{name} has dtype {found[name].dtype}, expected numbers"
    for name in found:
        if name not in expected:
            yield f"{name} is not of the network"


def _values(path: Path, name: str, array: npt.NDArray[Any], weight: Any) -> npt.NDArray[Any]:
    """Return `array` in the type of `weight`. Raises BuildError when a value is NaN or infinite there."""
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        values = array.astype(weight.dtype.as_numpy_dtype if hasattr(weight.dtype, "as_numpy_dtype") else weight.dtype)
    wrong = int(np.size(values) - np.count_nonzero(np.isfinite(values)))
    if wrong:
        raise BuildError(
            f"weights {path}: {wrong} of the {values.size} values of {name} are NaN or infinite as {values.dtype}; "
            "take weights of a training that did not diverge"
        )
    return values


def try_weights(path: Path) -> None:
    """Read all values of a .keras or .h5 file in a process of its own, and keep none. Raises ArtifactError."""
    try:
        _read_apart(path, None)
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path} cannot be read: {error}; save the model again") from error


def _read_apart(path: Path, expected: list[str] | None) -> Arrays:
    """Read an HDF5 file in a process of its own, which a damaged one may crash or keep for ever.

    With `expected` None its values are read and not returned. Raises ValueError with the reason.
    """
    limit = _READ_SECONDS + path.stat().st_size / _BYTES_PER_SECOND
    with temporary_folder("weights") as folder:
        output = folder / "arrays.npz"
        request = {"path": str(path.absolute()), "expected": expected, "output": str(output)}
        try:
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            done = run(own_code(_READER), input=json.dumps(request), timeout=limit, **pipes)
        except subprocess.TimeoutExpired:
            raise ValueError(f"HDF5 was not done with it after {limit:.0f} s; it is damaged") from None
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
            raise ValueError(
                f"the process that read it {ended(done.returncode)} and said {said!r}; it is damaged"
            ) from None
        if "error" in answer:
            raise ValueError(answer["error"].removeprefix(f"{path.absolute()}: "))
        arrays = read_npz(output)
        return {name: arrays[str(i)] for i, name in enumerate(answer["names"])}
