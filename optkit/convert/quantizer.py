"""Quantize a float .tflite file with LiteRT's quantizer: calibrated ranges, int4 weights, precision by layer.

Law: a layer gets the precision that was asked for, or the build fails and names it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from optkit.convert.activations import Feeds
from optkit.convert.biases import corrected_biases
from optkit.convert.equalize import equalized
from optkit.convert.kept_float import keeps_operators, kept_float, without_weights
from optkit.convert.on_grid import Bits, check_integers, on_grid
from optkit.convert.pointwise import Moved, as_convolutions, as_dense
from optkit.convert.quantizer_recipe import (
    ALGORITHMS,
    DENSE,
    KERNELS,
    Layer,
    recipe,
    scope_of,
    stored_weights,
)
from optkit.convert.rotations import with_free_batch
from optkit.convert.statistics import Statistics, statistics_of
from optkit.errors import ArtifactError, BuildError, first_line, nearest
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import (
    operator_name,
    parse_flatbuffer,
    tensor_name,
    tensor_type,
    tensor_values,
    weight_operators,
)
from optkit.tflite.verify import verify

_BASE = {"float32": "float32", "float16": "float16", "int4_weights": "int4"}
_SMALL = 1024
"""The converter's own threshold: dynamic-range quantization leaves weights of fewer elements in float."""


def quantize(
    model: bytes, conversion: Conversion, layer_names: Sequence[str], samples: Feeds, bits: Bits | None = None
) -> bytes:
    """Return the float .tflite `model` quantized as `conversion` says.

    `layer_names` are the Keras model's layers with weights, or the file's `scopes`; `samples` as `activation_ranges`
    takes them. `bits` names layers whose weights lie on a grid: their integers are found again. Raises BuildError when
    LiteRT's quantizer is not installed or fails, when a pattern of `conversion.layers` matches no layer, or when a
    layer cannot have the precision or algorithm that was asked for.
    """
    try:
        from litert_quantizer import quantizer
    except ImportError as error:
        raise BuildError(
            f"litert-quantizer cannot be imported ({error}); pip install 'optkit[quantize]', or convert a Keras model "
            "without layers, int4_weights, calibration and algorithm"
        ) from error
    if conversion.equalize:
        model = equalized(model)
    moved: Moved = {}
    if conversion.algorithm in ("gptq", "oscar", "hadamard"):
        model, moved = as_dense(model)
    layers, trained = on_grid(model, conversion, _layers(model, conversion, layer_names), bits or {})
    _check_algorithm(conversion, layers)
    _check_blocks(conversion, layers)
    statistics = {**statistics_of(model, conversion, samples), **trained} or None
    rules = recipe(conversion, layers, kept_float(model, conversion, layers))

    def run(content: bytes) -> bytes:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                job = quantizer.Quantizer(content, rules)
                given = None if statistics is None else Statistics(statistics)
                result = job.quantize(given, enable_progress_bar=False, enable_progress_report=False)
        except Exception as error:  # the library raises many kinds
            raise BuildError(f"LiteRT's quantizer failed: {first_line(error)}") from error
        return bytes(result.quantized_model)

    data = run(model)
    if conversion.bias_correction:
        data = run(corrected_biases(model, data, samples))
    _check(data, layers, conversion.algorithm)
    check_integers(model, data, layers, trained)
    if conversion.algorithm == "hadamard":
        data = with_free_batch(data, model)
    return as_convolutions(data, moved)


def scopes(model: bytes) -> list[str]:
    """Return what `layers` may call the operators with weights of a .tflite file: the parts of their tensors' names.

    A part that all of them have, such as the network's name, tells nothing apart and is left out.
    """
    tree = parse_flatbuffer(model)
    found = [
        [part for part in _parts(graph, operator, stored) if part]
        for graph in tree.subgraphs
        for operator, stored in weight_operators(tree, graph)
    ]
    shared = set.intersection(*map(set, found)) if len(found) > 1 else set()
    return list(dict.fromkeys(part for parts in found for part in parts if part not in shared))


def _parts(graph: Any, operator: Any, stored: Any) -> list[str]:
    outputs = [tensor_name(graph.tensors[index]) for index in operator.outputs]
    return re.split("[/;:]", ";".join([tensor_name(stored), *outputs]))


def _check_algorithm(conversion: Conversion, layers: Sequence[Layer]) -> None:
    fitting = ", ".join(ALGORITHMS[conversion.algorithm][1])
    more = " (and 1x1 CONV_2D)" if ALGORITHMS[conversion.algorithm][1] == DENSE else ""
    more += " with a bias and an even number of inputs" if conversion.algorithm == "hadamard" else ""
    integer = [layer for layer in layers if "int" in layer.precision]
    if conversion.algorithm != "min_max" and not any(layer.takes(conversion) for layer in integer):
        kinds = ", ".join(sorted({layer.kind for layer in integer})) or "no operator"
        raise BuildError(
            f"algorithm {conversion.algorithm!r} is for {fitting}{more}; integer weights are in {kinds}; "
            "drop it, or take another algorithm"
        )


def _check_blocks(conversion: Conversion, layers: Sequence[Layer]) -> None:
    """Refuse blocks where no layer has them, or where they do not fill a layer's inputs."""
    if conversion.granularity != "blockwise":
        return
    blocked = [layer for layer in layers if layer.granularity(conversion).startswith("BLOCK")]
    if not blocked:
        kinds = ", ".join(sorted({layer.kind for layer in layers if layer.precision == "int4"})) or "no operator"
        raise BuildError(
            f"granularity 'blockwise' is for {', '.join(DENSE)} with int4 weights; those are in {kinds}; drop it"
        )
    for layer in blocked:
        if layer.inputs % conversion.block_size:
            raise BuildError(
                f"granularity 'blockwise': blocks of {conversion.block_size} do not fill the {layer.inputs} inputs of "
                f"layer {layer.called}; take another block_size, or give the layer int8 in layers"
            )


def _layers(model: bytes, conversion: Conversion, layer_names: Sequence[str]) -> list[Layer]:
    tree = parse_flatbuffer(model)
    used: set[str] = set()
    layers = []
    for graph in tree.subgraphs:
        for operator, stored in weight_operators(tree, graph):
            parts = _parts(graph, operator, stored)
            names = tuple(name for name in layer_names if name in parts)
            kind = operator_name(tree, operator)
            matching = [p for p in conversion.layers if any(fnmatchcase(name, p) for name in names)]
            used.update(matching)
            precision = conversion.layers[matching[-1]] if matching else _default(conversion, kind, tree, stored)
            if kind not in KERNELS.get(precision, (kind,)):
                raise BuildError(
                    f"layers: {' or '.join(names)} ({kind}) cannot have {precision} weights: the runtime has that "
                    f"kernel for {' and '.join(KERNELS[precision])} only; give it int8"
                )
            shape = stored.shape
            layers.append(
                Layer(
                    names=names,
                    scope=scope_of(graph, operator),
                    kind=kind,
                    precision=precision,
                    inputs=int(shape[-1]) if len(shape) else 0,
                    biased=len(operator.inputs) > 2 and int(operator.inputs[2]) >= 0,
                )
            )
    others = {part for _, _, parts in without_weights(tree) for part in parts}
    for pattern in conversion.layers:
        if pattern in used or (keeps_operators(conversion, pattern) and any(fnmatchcase(o, pattern) for o in others)):
            continue
        known = sorted({name for layer in layers for name in layer.names})
        raise BuildError(f"layers: no layer with weights matches {pattern!r}; {nearest(pattern, known)}")
    return layers


def _default(conversion: Conversion, kind: str, tree: Any, stored: Any) -> str:
    if conversion.mode == "dynamic_range" and tensor_values(tree, stored).size < _SMALL:
        return "float32"
    precision = _BASE.get(conversion.mode, "int8")
    return "int8" if precision == "int4" and kind not in KERNELS["int4"] else precision


def _check(data: bytes, layers: Sequence[Layer], algorithm: str) -> None:
    try:
        tree = verify(data, Path("the quantized file"))
    except ArtifactError as error:  # the quantizer writes a type without its values when it lacks a statistic
        raise BuildError(
            f"LiteRT's quantizer wrote a file that cannot be used: {str(error).partition(';')[0]}; "
            f"take another algorithm than {algorithm!r}, or give the layer float32 in layers"
        ) from error
    for layer, tensor in zip(layers, stored_weights(tree, [layer.scope for layer in layers]), strict=True):
        if tensor_type(tensor) != layer.precision:
            raise BuildError(
                f"layer {layer.called} ({layer.kind}) cannot have {layer.precision} weights in this mode: the "
                f"quantizer left it {tensor_type(tensor)}; give it another precision in layers"
            )
