"""Watch the activations of a float .tflite file while it runs, and choose the range of each.

Law: values are counted as they stream by, never kept: a first run finds each tensor's extremes, a second, only for
methods that need it, a histogram between them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.convert import calibration
from optkit.convert.calibration import Range
from optkit.errors import BuildError
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import is_constant, operator_name, parse_flatbuffer, tensor_name, tensor_type

Samples = Callable[[], Iterator[npt.NDArray[np.float32]]]
Feeds = Callable[[], Iterator["npt.NDArray[Any] | Mapping[int, npt.NDArray[Any]]"]]
"""What each call of a model takes, the same each time: the one input, or each input by its tensor's number."""
_BINS = 2**15
_BATCH = 32


def activation_ranges(model: bytes, conversion: Conversion, samples: Feeds) -> dict[str, Range]:
    """Return the range of every float activation of the .tflite `model` by tensor name, as `conversion` chooses it.

    `samples()` yields arrays of shape (1, *sample shape), float32 unless the model takes integers, the same ones each
    time it is called. Raises BuildError when an activation is not finite.
    """
    graph = parse_flatbuffer(model).subgraphs[0]
    names = _activations(model)
    seen: dict[int, list[tuple[float, float]]] = {index: [] for index in names}
    for index, values in _watch(model, names, samples):
        seen[index].append((float(values.min()), float(values.max())))
    extremes = {index: np.asarray(pairs, np.float64) for index, pairs in seen.items()}
    for index, pairs in extremes.items():
        if not np.isfinite(pairs).all():
            raise BuildError(
                f"activation {names[index]!r} is not finite for some training samples; it cannot be quantized: "
                "check the model's training, or that the samples are scaled as in training"
            )
    ranges = {index: calibration.min_max(pairs[:, 0], pairs[:, 1]) for index, pairs in extremes.items()}
    kept = {int(index) for index in (*graph.inputs, *graph.outputs)}
    inner = {index: ranges[index] for index in names if index not in kept}
    if conversion.calibration == "moving_average":
        ranges |= {index: calibration.moving_average(*_by_batch(extremes[index])) for index in inner}
    elif conversion.calibration != "min_max":
        for index, counts in _histograms(model, inner, samples).items():
            ranges[index] = _choose(conversion, counts, *inner[index])
    return {names[index]: range_ for index, range_ in ranges.items()}


def _by_batch(extremes: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return minima and maxima of batches, of those of single samples: an average over samples would clip most."""
    starts = np.arange(0, len(extremes), _BATCH)
    return np.minimum.reduceat(extremes[:, 0], starts), np.maximum.reduceat(extremes[:, 1], starts)


def _choose(conversion: Conversion, counts: calibration.Counts, low: float, high: float) -> Range:
    if high <= low:
        return low, high
    if conversion.calibration == "percentile":
        return calibration.percentile(counts, low, high, conversion.percentile)
    choose = {"kl": calibration.kl_divergence, "l2": calibration.least_squares}[conversion.calibration]
    return choose(counts, low, high)


def means(model: bytes, indices: Sequence[int], samples: Feeds) -> dict[int, npt.NDArray[np.float64]]:
    """Return the mean of each of these float tensors over the samples, float64 in the shape of one sample's."""
    totals: dict[int, npt.NDArray[np.float64]] = {}
    counts: dict[int, int] = {}
    for index, values in _watch(model, indices, samples):
        totals[index] = totals.get(index, 0.0) + values.sum(axis=0, dtype=np.float64)
        counts[index] = counts.get(index, 0) + len(values)
    return {index: totals[index] / counts[index] for index in indices}


def hessians(model: bytes, samples: Feeds) -> dict[str, npt.NDArray[np.float32]]:
    """Return 2 / n times the sum of x x^T over the inputs x of each FULLY_CONNECTED operator, by their tensor's name.

    Float32, (inputs, inputs): the Hessian of the squared error of the layer's outputs (Frantar et al. 2022, "GPTQ",
    arXiv:2210.17323, equation 3).
    """
    tree = parse_flatbuffer(model)
    graph = tree.subgraphs[0]
    computed = _activations(model)
    wanted = {  # the tensor, and how many inputs a row of it has
        int(operator.inputs[0]): int(graph.tensors[int(operator.inputs[1])].shape[-1])
        for operator in graph.operators
        if operator_name(tree, operator) == "FULLY_CONNECTED" and int(operator.inputs[0]) in computed
    }
    totals: dict[int, npt.NDArray[np.float64]] = {}
    counts: dict[int, int] = {}
    for index, values in _watch(model, sorted(wanted), samples):
        rows = values.reshape(-1, wanted[index]).astype(np.float64)
        totals[index] = totals.get(index, 0.0) + rows.T @ rows
        counts[index] = counts.get(index, 0) + len(rows)
    return {computed[index]: (2 / counts[index] * totals[index]).astype(np.float32) for index in wanted}


def _histograms(model: bytes, ranges: dict[int, Range], samples: Feeds) -> dict[int, calibration.Counts]:
    """Return of each tensor the counts, int64 (bins,), of its values other than zero."""
    counts = {index: np.zeros(_BINS, np.int64) for index in ranges}
    for index, values in _watch(model, list(ranges), samples):
        others = values[values != 0].astype(np.float64)
        low, high = ranges[index]
        if high > low:
            counts[index] += np.bincount(_bins(others, low, high), minlength=_BINS)
    return counts


def _bins(values: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.int64]:
    return np.clip(((values - low) * (_BINS / (high - low))).astype(np.int64), 0, _BINS - 1)


def _activations(model: bytes) -> dict[int, str]:
    """Return the names of the float tensors that are computed or given, by index."""
    tree = parse_flatbuffer(model)
    graph = tree.subgraphs[0]
    made = {int(index) for operator in graph.operators for index in operator.outputs}
    wanted = sorted(made | {int(index) for index in graph.inputs})
    tensors = [(index, graph.tensors[index]) for index in wanted]
    return {i: tensor_name(t) for i, t in tensors if tensor_type(t) == "float32" and not is_constant(tree, t)}


def _watch(
    model: bytes, indices: Sequence[int] | dict[int, Any], samples: Feeds
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Make the calls one by one and yield (tensor index, its values) for each of the tensors."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        # it warns of the memory that keeping all tensors takes
        warnings.simplefilter("ignore")
        interpreter = Interpreter(
            model_content=model,
            num_threads=1,
            experimental_preserve_all_tensors=True,
            # a delegate fuses operators, and what lies between them is never written
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
    interpreter.allocate_tensors()
    inputs = interpreter.get_input_details()
    shapes = {details["index"]: tuple(map(int, details["shape"])) for details in inputs}
    for sample in samples():
        feed = sample if isinstance(sample, Mapping) else {inputs[0]["index"]: sample}
        if shapes != (given := {index: values.shape for index, values in feed.items()}):  # a size is free
            for index, shape in given.items():
                interpreter.resize_tensor_input(index, shape)
            interpreter.allocate_tensors()
            shapes = given
        for index, values in feed.items():
            interpreter.set_tensor(index, values)
        interpreter.invoke()
        for index in indices:
            yield index, interpreter.get_tensor(index)
