"""The weight tensors of a finished file (.tflite or Keras .h5): type, zeros, distinct values, leftovers.

A promise such as "80 % of the weights are zero" is checked on these, the bytes that are shipped.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.flatbuffer import (
    DAMAGE,
    operator_name,
    read_flatbuffer,
    tensor_name,
    tensor_type,
    tensor_values,
    weight_operators,
)

# What technique wrappers add to a Keras file, and stripping must remove.
_WRAPPER_WEIGHTS = ("mask", "threshold", "pruning_step", "cluster_centroids", "pulling_indices")

LARGE = 1024
"""Dynamic-range conversion leaves weight tensors of fewer elements in float: TensorFlow Lite's own threshold."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One weight tensor: `zeros` is a fraction, `distinct` the number of different values; `name` may be stripped.

    int4 is counted after unpacking, a sparse tensor after it was made dense.
    """

    name: str
    dtype: str
    elements: int
    zeros: float
    distinct: int


@dataclass(frozen=True, kw_only=True)
class WeightFacts:
    """All weight tensors of a file, and the names of wrapper parts and fake-quantization operators left in it."""

    tensors: tuple[Tensor, ...]
    leftovers: tuple[str, ...]

    @property
    def sparsity(self) -> float:
        """The smallest share of zeros of any weight tensor."""
        return min(tensor.zeros for tensor in self.tensors)

    @property
    def distinct_values(self) -> int:
        """The largest number of distinct values in any weight tensor."""
        return max(tensor.distinct for tensor in self.tensors)

    @property
    def integer_weights(self) -> float:
        """The share of weight tensors, by number, that hold integers."""
        return _integer_share(self.tensors)

    @property
    def integer_large_weights(self) -> float:
        """As `integer_weights`, of the tensors with at least `LARGE` elements; 1 if there are none."""
        return _integer_share([tensor for tensor in self.tensors if tensor.elements >= LARGE])


def _integer_share(tensors: Sequence[Tensor]) -> float:
    return sum("int" in tensor.dtype for tensor in tensors) / len(tensors) if tensors else 1.0


def weights_of(path: Path) -> WeightFacts:
    """Read the weight tensors of a .tflite or .h5 file. Raises ArtifactError when it is damaged or has none."""
    if path.suffix == ".h5":
        tensors, leftovers = _keras(path)
    else:
        tensors, leftovers = _tflite(path)
    if not tensors:
        raise ArtifactError(f"{path} holds no weights of a convolution or dense layer; is it the right file?")
    return WeightFacts(tensors=tuple(tensors), leftovers=tuple(leftovers))


def _facts(name: str, dtype: str, values: npt.NDArray[Any]) -> Tensor:
    return Tensor(
        name=name,
        dtype=dtype,
        elements=values.size,
        zeros=float(np.mean(values == 0)) if values.size else 0.0,
        distinct=len(np.unique(values)),
    )


def _keras(path: Path) -> tuple[list[Tensor], list[str]]:
    import h5py

    tensors, leftovers = [], []
    try:
        with h5py.File(path, "r") as file:
            found: list[tuple[str, Any]] = []
            file["model_weights"].visititems(lambda name, item: found.append((name, item)))
            for name, item in found:
                if not isinstance(item, h5py.Dataset):
                    continue
                leaf = name.rsplit("/", 1)[-1].split(":")[0]
                if leaf.endswith("kernel"):
                    tensors.append(_facts(name, str(item.dtype), np.asarray(item)))
                if leaf in _WRAPPER_WEIGHTS:
                    leftovers.append(name)
    except (OSError, KeyError) as error:
        raise ArtifactError(f"{path} is not a Keras .h5 file: {error}; build it again") from error
    return tensors, leftovers


def _tflite(path: Path) -> tuple[list[Tensor], list[str]]:
    try:
        model = read_flatbuffer(path)
        return list(_tflite_weights(model)), list(_tflite_leftovers(model))
    except DAMAGE as error:
        raise ArtifactError(f"{path} is not a whole .tflite file ({error}); build it again") from error


def _tflite_weights(model: Any) -> Iterator[Tensor]:
    seen: set[int] = set()
    for graph in model.subgraphs:
        for _, tensor in weight_operators(model, graph):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield _facts(tensor_name(tensor), tensor_type(tensor), tensor_values(model, tensor))


def _tflite_leftovers(model: Any) -> Iterator[str]:
    for graph in model.subgraphs:
        for operator in graph.operators:
            name = operator_name(model, operator)
            if name == "FAKE_QUANT" or name.startswith("Flex"):
                yield name
