"""What a .tflite file takes and gives: the names, shapes and types of its inputs and outputs.

Law: only the file is read; nothing runs. Subgraph 0 is meant, the one that LiteRT's interpreter runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError, DataError, nearest
from optkit.names import shown
from optkit.tflite.flatbuffer import is_quantized, tensor_name, tensor_type
from optkit.tflite.tensors import listed, numbers
from optkit.tflite.verify import verify_file

Array = npt.NDArray[Any]
Inputs = Array | Mapping[str, Array]
"""Samples: one array for a model with one input, else an array for each input by its name."""
_INTEGERS = tuple(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64))
_NUMBERS = ("float64", "float32", "float16", "bool", *_INTEGERS)
SIGNATURE = "serving_default"
"""The name that TensorFlow gives a signature unless it is told another."""


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """One input or output. `shape` has the batch first; None is a size that is free. `index` is the tensor's number.

    `name` is the signature's, or the tensor's own when the file has no signature. `dtype` is in lower case, such as
    `float32` or `int8`. A `quantized` tensor holds integers that stand for real values, by a scale.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    index: int
    quantized: bool = False


@dataclass(frozen=True, kw_only=True)
class Interface:
    """The inputs and outputs of a file, in the order of its graph.

    `signature` is the name of the signature that names them; empty when there is none. `batch` is the number of
    samples that each call must have; None when it is free.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    signature: str
    batch: int | None


def read_interface(path: Path, signature: str | None = None) -> Interface:
    """Return the inputs and outputs of the .tflite file at `path`, by the names of `signature` (default: the first).

    Raises ArtifactError when the file cannot be read, is damaged, has no such signature, or has no input or output.
    """
    return interface_of(verify_file(path), str(path), signature)


def interface_of(model: Any, name: str, signature: str | None = None) -> Interface:
    """Return the inputs and outputs of a verified ModelT; `name` is what messages call the file. Raises as above."""
    graph = model.subgraphs[0]
    found = _signature(model, name, signature)
    inputs = _specs(graph, graph.inputs, listed(found.inputs) if found else [])
    outputs = _specs(graph, graph.outputs, listed(found.outputs) if found else [])
    if not inputs or not outputs:
        raise ArtifactError(f"{name} has {len(inputs)} inputs and {len(outputs)} outputs; expected one or more of each")
    key = shown(found.signatureKey.decode()) if found and found.signatureKey else ""
    return Interface(inputs=inputs, outputs=outputs, signature=key, batch=_batch(inputs, name))


def _signature(model: Any, name: str, wanted: str | None) -> Any:
    known = {entry.signatureKey.decode() if entry.signatureKey else "": entry for entry in listed(model.signatureDefs)}
    own = {key: entry for key, entry in known.items() if entry.subgraphIndex == 0}
    if wanted is None:
        return own.get(SIGNATURE) or next(iter(own.values()), None)
    if wanted not in known:
        raise ArtifactError(f"{name} has no signature {wanted!r}; {nearest(wanted, known)}")
    if wanted not in own:
        raise ArtifactError(
            f"signature {wanted!r} of {name} is of subgraph {known[wanted].subgraphIndex}; only those of subgraph 0 "
            "are run: write a file with this signature alone"
        )
    return own[wanted]


def _specs(graph: Any, indices: Any, entries: Any) -> tuple[TensorSpec, ...]:
    names = {int(entry.tensorIndex): entry.name.decode() for entry in entries}
    return tuple(
        _spec(graph.tensors[index], index, names.get(index, "")) for index in map(int, numbers(indices).tolist())
    )


def _spec(tensor: Any, index: int, name: str) -> TensorSpec:
    shape = [int(size) for size in numbers(tensor.shape).tolist()]
    signature = [int(size) for size in numbers(tensor.shapeSignature).tolist()]
    free = signature if len(signature) == len(shape) else shape
    return TensorSpec(
        name=shown(name or tensor_name(tensor) or f"tensor_{index}"),
        shape=tuple(None if size < 0 else size for size in free),
        dtype=tensor_type(tensor),
        index=index,
        quantized=is_quantized(tensor),
    )


def _batch(inputs: tuple[TensorSpec, ...], name: str) -> int | None:
    """Return how many samples each call has: all inputs must have as many."""
    scalars = [spec.name for spec in inputs if not spec.shape]
    if scalars:
        raise ArtifactError(f"{name}: input {scalars[0]!r} is a single number; expected samples along its first axis")
    sizes = {spec.name: spec.shape[0] for spec in inputs}
    if len(set(sizes.values())) != 1:
        told = ", ".join(f"{key!r} {'any number' if size is None else size}" for key, size in sizes.items())
        raise ArtifactError(f"{name}: its inputs take different numbers of samples a call ({told}); expected the same")
    return next(iter(sizes.values()))


def fit(arrays: Inputs, interface: Interface, what: str) -> dict[str, Array]:
    """Return `arrays` by the inputs' names, each of shape (samples, *sample shape), in the inputs' order and types.

    Integers and booleans become floats where floats are taken; floats that are whole numbers become integers. For a
    quantized input the real values stay float32. `what` is what messages call the samples. Raises DataError, with the
    shapes side by side, when they do not fit.
    """
    if not isinstance(arrays, Mapping):
        if len(interface.inputs) > 1:
            raise DataError(f"{what} is one array, but the model has the inputs {_names(interface)}; give one for each")
        arrays = {interface.inputs[0].name: np.asarray(arrays)}
    wanted = {spec.name for spec in interface.inputs}
    if set(arrays) != wanted:
        got = ", ".join(map(repr, arrays)) or "none"
        raise DataError(f"{what} has arrays for {got}; the model has the inputs {_names(interface)}")
    counts = {name: len(array) for name, array in arrays.items()}
    if len(set(counts.values())) != 1:
        raise DataError(f"{what} has different numbers of samples: {counts}; expected as many for each input")
    return {spec.name: _fit_one(np.asarray(arrays[spec.name]), spec, what) for spec in interface.inputs}


def _names(interface: Interface) -> str:
    return ", ".join(repr(spec.name) for spec in interface.inputs)


def _fit_one(array: Array, spec: TensorSpec, what: str) -> Array:
    shape = spec.shape[1:]
    if array.ndim != len(spec.shape) or any(e not in (None, g) for e, g in zip(shape, array.shape[1:], strict=True)):
        told = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(f"{what}: samples for {spec.name!r} have shape {array.shape[1:]}; the model takes ({told})")
    if array.dtype.kind not in "biuf" or spec.dtype not in _NUMBERS:
        raise DataError(f"{what}: {spec.name!r} is {array.dtype}, the model takes {spec.dtype}; expected numbers")
    dtype = np.dtype("float32" if spec.quantized else spec.dtype)
    if dtype.kind in "iu" and array.dtype.kind in "fiu" and array.size:
        limits = np.iinfo(dtype)
        if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
            raise DataError(f"{what}: {spec.name!r} holds fractions, the model takes {spec.dtype}; give whole numbers")
        if array.min() < limits.min or array.max() > limits.max:
            raise DataError(
                f"{what}: {spec.name!r} has values from {array.min()} to {array.max()}; {spec.dtype} holds "
                f"{limits.min} to {limits.max}"
            )
    return array.astype(dtype, copy=False)
