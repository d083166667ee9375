"""The weight tensors of a finished file (.tflite or Keras .h5): type, zeros, distinct values, leftovers.

A promise such as "80 % of the weights are zero" is checked on these, the bytes that are shipped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.files.hdf5 import open_hdf5
from optkit.names import shown
from optkit.tflite.flatbuffer import (
    DAMAGE,
    operator_name,
    read_flatbuffer,
    tensor_name,
    tensor_type,
    tensor_values,
    weight_operators,
)
from optkit.tflite.grid import bits_for, find_grid

# What technique wrappers add to a Keras file, and stripping must remove.
_WRAPPER_WEIGHTS = ("mask", "threshold", "pruning_step")
_WRAPPER_PREFIXES = ("cluster_centroids", "pulling_indices", "ori_weights_vars")
# What a technique's wrapper puts before the name of the layer inside it.
_LAYER_PREFIX = "quant_"

LARGE = 1024
"""Dynamic-range conversion leaves weight tensors of fewer elements in float: TensorFlow Lite's own threshold."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One weight tensor. `zeros` is a fraction; `distinct` counts different values; `name` may be stripped.

    int4 is counted after unpacking, a sparse tensor after it was made dense. `layers` are the names in the tensor's
    name that may be its Keras layer's: the layer, and what it is nested in. `distinct_in_scale` is the largest number
    of distinct values that share a scale: in any one output channel of a convolution, or of a tensor quantized per
    channel, else as `distinct`. `sparse_2_4` is the share of groups of four weights along the input channels (the
    last group may be shorter, and is filled up with zeros) of which at least two are zero. `depthwise`: it belongs to a
    depthwise convolution, which pruning and clustering leave as it is. `entropy_bytes` is the order-0 entropy of its
    values (`order_0_bytes`). `grid_bits` is how many bits hold its integers, symmetric and with a narrow range; of
    floats that lie on a grid, channel by channel, those of the grid (`find_grid`), of others as many as the type has.
    Both are None in records of before.
    """

    name: str
    dtype: str
    elements: int
    zeros: float
    distinct: int
    layers: tuple[str, ...]
    distinct_in_scale: int
    sparse_2_4: float
    depthwise: bool = False
    entropy_bytes: float | None = None
    grid_bits: int | None = None


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
        """The largest number of distinct values that share a scale in any weight tensor: `distinct_in_scale`."""
        return max(tensor.distinct_in_scale for tensor in self.tensors)

    @property
    def sparse_2_4(self) -> float:
        """The smallest `sparse_2_4` of any weight tensor."""
        return min(tensor.sparse_2_4 for tensor in self.tensors)

    def of_layers(
        self, layers: Sequence[str], except_layers: Sequence[str] = (), *, depthwise: bool = True
    ) -> WeightFacts:
        """Return the facts of the tensors whose layer fits a pattern of `layers` (empty: all) and none of the others.

        "All" is without depthwise convolutions when `depthwise` is not set. There may be none left: a stripped .tflite
        file has no names.
        """
        chosen = (
            tensor
            for tensor in self.tensors
            if (_fits(tensor, layers) if layers else depthwise or not tensor.depthwise)
            and not _fits(tensor, except_layers)
        )
        return WeightFacts(tensors=tuple(chosen), leftovers=self.leftovers)

    @property
    def entropy_bytes(self) -> float | None:
        """What an ideal coder of single values needs for all weight tensors, in bytes; None when one is not known."""
        found = [tensor.entropy_bytes for tensor in self.tensors]
        return None if None in found else sum(filter(None, found))

    @property
    def grid_bits(self) -> int | None:
        """The largest `grid_bits` of any weight tensor; None when one is not known."""
        found = [tensor.grid_bits for tensor in self.tensors]
        return None if None in found else max(filter(None, found), default=0)

    @property
    def integer_weights(self) -> float:
        """The share of weight tensors, by number, that hold integers."""
        return _integer_share(self.tensors)

    @property
    def integer_large_weights(self) -> float:
        """As `integer_weights`, of the tensors with at least `LARGE` elements; 1 if there are none."""
        return _integer_share([tensor for tensor in self.tensors if tensor.elements >= LARGE])


def _fits(tensor: Tensor, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(layer, pattern) for layer in tensor.layers for pattern in patterns)


def _integer_share(tensors: Sequence[Tensor]) -> float:
    return sum("int" in tensor.dtype for tensor in tensors) / len(tensors) if tensors else 1.0


def weights_of(path: Path, source: Path | None = None) -> WeightFacts:
    """Read the weight tensors of a .tflite or .h5 file. Raises ArtifactError when it is damaged or has none.

    `source` is the .h5 file that a .tflite file was converted from: a tensor whose name was stripped gets its
    layers' names from the tensor of the same number of elements there (of several, in the order of the layers).
    """
    if path.suffix == ".h5":
        tensors, leftovers = _keras(path)
    else:
        tensors, leftovers = _tflite(path)
    if not tensors:
        raise ArtifactError(f"{path} holds no weights of a convolution or dense layer; is it the right file?")
    if source and not all(tensor.name for tensor in tensors):
        tensors = _named_like(tensors, _keras(source)[0])
    return WeightFacts(tensors=tuple(tensors), leftovers=tuple(leftovers))


def _named_like(tensors: Sequence[Tensor], named: Sequence[Tensor]) -> list[Tensor]:
    left = list(named)
    found = []
    for tensor in tensors:
        twin = next((other for other in left if other.elements == tensor.elements), None)
        if twin:
            left.remove(twin)
        found.append(dataclasses.replace(tensor, layers=twin.layers) if twin and not tensor.name else tensor)
    return found


def _facts(
    name: str,
    dtype: str,
    values: npt.NDArray[Any],
    layers: Sequence[str],
    channel: int,
    per_channel: bool,
    depthwise: bool,
) -> Tensor:
    """Describe `values`, in the tensor's shape, whose output channels are along axis `channel`."""
    counts = np.unique(values, return_counts=True)[1]
    channels = np.moveaxis(values, channel, 0) if per_channel else values[None]
    return Tensor(
        name=name,
        dtype=dtype,
        elements=values.size,
        zeros=float(np.mean(values == 0)) if values.size else 0.0,
        distinct=len(counts),
        layers=tuple(layers),
        distinct_in_scale=max((len(np.unique(part)) for part in channels), default=0),
        sparse_2_4=_sparse_2_4(values if channel == 0 else np.moveaxis(values, -2, -1)),
        depthwise=depthwise,
        entropy_bytes=order_0_bytes(counts),
        grid_bits=_grid_bits(values.reshape(*values.shape[:-2], -1) if depthwise and channel < 0 else values, channel),
    )


def _grid_bits(values: npt.NDArray[Any], channel: int) -> int:
    if values.dtype.kind in "iu":
        return bits_for(int(np.abs(values.astype(np.int64)).max(initial=0)))
    if values.dtype != np.float32 or not values.size:
        return 8 * values.dtype.itemsize
    # A Keras kernel has its output channels last; that of a transposed convolution before the inputs.
    axes = (-1, -2) if channel < 0 and values.ndim > 2 else (channel,)
    found = next((grid for axis in axes if (grid := find_grid(values, axis))), None)
    return found.bits if found else 32


def order_0_bytes(counts: npt.NDArray[np.int64]) -> float:
    """Return the order-0 entropy, in bytes, of values of which each occurs so often, once at least (Shannon 1948)."""
    shares = counts / counts.sum() if counts.size else counts
    return float(abs(counts @ np.log2(shares)) / 8) if counts.size else 0.0


def _sparse_2_4(values: npt.NDArray[Any]) -> float:
    """Return the share of groups of four along the last axis, filled up with zeros, with two zeros or more."""
    missing = -values.shape[-1] % 4
    filled = np.pad(values == 0, [(0, 0)] * (values.ndim - 1) + [(0, missing)], constant_values=True)
    return float(np.mean(filled.reshape(-1, 4).sum(axis=1) >= 2)) if filled.size else 1.0


def _layer_names(scopes: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(scope.removeprefix(_LAYER_PREFIX) for scope in scopes))


def _keras(path: Path) -> tuple[list[Tensor], list[str]]:
    tensors, leftovers = [], []
    try:
        with open_hdf5(path) as file:
            found: list[tuple[str, Any]] = []
            # in the model's order; visititems' is alphabetical
            for layer in file["model_weights"].attrs["layer_names"]:
                group = file["model_weights"][layer]
                found += [(shown(f"{_text(layer)}/{_text(name)}"), group[name]) for name in group.attrs["weight_names"]]
            for name, item in found:
                leaf = name.rsplit("/", 1)[-1].split(":")[0]
                if leaf.endswith("kernel"):
                    values = np.asarray(item)
                    layers = _layer_names(name.split("/")[:-1])
                    depthwise = leaf == "depthwise_kernel"
                    tensors.append(_facts(name, str(item.dtype), values, layers, -1, values.ndim > 2, depthwise))
                if leaf in _WRAPPER_WEIGHTS or leaf.startswith(_WRAPPER_PREFIXES):
                    leftovers.append(name)
    except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
        raise ArtifactError(f"{path} is not a Keras .h5 file: {error}; build it again") from error
    return tensors, leftovers


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _tflite(path: Path) -> tuple[list[Tensor], list[str]]:
    try:
        model = read_flatbuffer(path)
        return list(_tflite_weights(model)), list(_tflite_leftovers(model))
    except DAMAGE as error:
        raise ArtifactError(f"{path} is not a whole .tflite file ({error}); build it again") from error


def _tflite_weights(model: Any) -> Iterator[Tensor]:
    seen: set[int] = set()
    for graph in model.subgraphs:
        for operator, tensor in weight_operators(model, graph):
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            kind, name = operator_name(model, operator), shown(tensor_name(tensor))
            # Each part of a fused name is model/layer/.../operation.
            layers = _layer_names([scope for part in name.split(";") for scope in part.split("/")[1:-1]])
            depthwise = kind == "DEPTHWISE_CONV_2D"
            channel = 3 if depthwise else 0
            per_channel = kind != "FULLY_CONNECTED" or _scales(tensor) > 1
            values = tensor_values(model, tensor)
            yield _facts(name, tensor_type(tensor), values, layers, channel, per_channel, depthwise)


def _scales(tensor: Any) -> int:
    scale = tensor.quantization.scale if tensor.quantization else None
    return 0 if scale is None else len(scale)


def _tflite_leftovers(model: Any) -> Iterator[str]:
    for graph in model.subgraphs:
        for operator in graph.operators:
            name = operator_name(model, operator)
            if name == "FAKE_QUANT" or name.startswith("Flex"):
                yield shown(name)
