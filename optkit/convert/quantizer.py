"""Quantize a float .tflite file with LiteRT's quantizer: calibrated ranges, int4 weights, precision by layer.

Law: a layer gets the precision that was asked for, or the build fails and names it.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from optkit.convert.activations import Feeds, activation_ranges, hessians
from optkit.convert.bias_correction import corrected
from optkit.convert.equalize import equalized
from optkit.errors import BuildError, nearest
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import (
    operator_name,
    parse_flatbuffer,
    tensor_name,
    tensor_type,
    tensor_values,
    weight_operators,
)

_ACTIVATION_BITS = {"int8": 8, "int16x8": 16}
_BASE = {"float32": "float32", "float16": "float16", "int4_weights": "int4"}
_INT4 = ("CONV_2D", "FULLY_CONNECTED")
"""Operators with an int4 kernel; in mode `int4_weights` the others get int8."""
_SMALL = 1024
"""The converter's own threshold: dynamic-range quantization leaves weights of fewer elements in float."""
_NAMES = {"TRANSPOSE_CONV": "CONV_2D_TRANSPOSE"}
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_MIN_MAX = "min_max_uniform_quantize"
_ALGORITHMS = {
    "min_max": (_MIN_MAX, ("FULLY_CONNECTED", *_CONVOLUTIONS)),
    "mse": ("MSE", ("FULLY_CONNECTED", *_CONVOLUTIONS)),
    "octav": ("OCTAV", ("FULLY_CONNECTED", *_CONVOLUTIONS)),
    "gptq": ("GPTQ", ("FULLY_CONNECTED",)),
}
"""The quantizer's name of each of `Conversion`'s algorithms, and the operators it is for."""


@dataclass(frozen=True)
class _Layer:
    """An operator with weights: the names of the Keras layers it may be of, its scope, kind and wanted precision."""

    names: tuple[str, ...]
    scope: str
    kind: str
    precision: str


def quantize(model: bytes, conversion: Conversion, layer_names: Sequence[str], samples: Feeds) -> bytes:
    """Return the float .tflite `model` quantized as `conversion` says.

    `layer_names` are the Keras model's layers with weights, or the file's `scopes`; `samples` as `activation_ranges`
    takes them. Raises BuildError when LiteRT's quantizer is not installed or fails, when a pattern of
    `conversion.layers` matches no layer, or when a layer cannot have the precision or algorithm that was asked for.
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
    layers = _layers(model, conversion, layer_names)
    _check_algorithm(conversion, layers)
    ranges = _statistics(model, conversion, samples)
    recipe = _recipe(conversion, layers, _kept_float(model, conversion, layers))

    def quantized(plain: bytes) -> bytes:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                job = quantizer.Quantizer(plain, recipe)
                found = job.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
        except (RuntimeError, ValueError, KeyError) as error:
            raise BuildError(f"LiteRT's quantizer failed: {str(error).strip()[:300]}") from error
        return bytes(found.quantized_model)

    data = quantized(model)
    if conversion.bias_correction:
        data = quantized(corrected(model, data, samples))
    _check(data, layers)
    return data


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


def _check_algorithm(conversion: Conversion, layers: Sequence[_Layer]) -> None:
    fitting = _ALGORITHMS[conversion.algorithm][1]
    integer = [layer for layer in layers if "int" in layer.precision]
    if conversion.algorithm != "min_max" and not any(layer.kind in fitting for layer in integer):
        kinds = ", ".join(sorted({layer.kind for layer in integer})) or "no operator"
        raise BuildError(
            f"algorithm {conversion.algorithm!r} is for {', '.join(fitting)}; integer weights are in {kinds}; "
            "drop it, or take another algorithm"
        )


def _layers(model: bytes, conversion: Conversion, layer_names: Sequence[str]) -> list[_Layer]:
    tree = parse_flatbuffer(model)
    used: set[str] = set()
    layers = []
    for graph in tree.subgraphs:
        for operator, stored in weight_operators(tree, graph):
            outputs = [tensor_name(graph.tensors[index]) for index in operator.outputs]
            parts = _parts(graph, operator, stored)
            names = tuple(name for name in layer_names if name in parts)
            kind = operator_name(tree, operator)
            matching = [p for p in conversion.layers if any(fnmatchcase(name, p) for name in names)]
            used.update(matching)
            precision = conversion.layers[matching[-1]] if matching else _default(conversion, kind, tree, stored)
            if precision == "int4" and kind not in _INT4:
                raise BuildError(
                    f"layers: {' or '.join(names)} ({kind}) cannot have int4 weights: the runtime has that kernel for "
                    f"{' and '.join(_INT4)} only; give it int8"
                )
            layers.append(_Layer(names, ";".join(outputs) + ";", kind, precision))
    others = {part for _, _, parts in _without_weights(tree) for part in parts}
    for pattern in conversion.layers:
        if pattern in used or (_keeps_operators(conversion, pattern) and any(fnmatchcase(o, pattern) for o in others)):
            continue
        known = sorted({name for layer in layers for name in layer.names})
        raise BuildError(f"layers: no layer with weights matches {pattern!r}; {nearest(pattern, known)}")
    return layers


def _keeps_operators(conversion: Conversion, pattern: str) -> bool:
    return conversion.mode in _ACTIVATION_BITS and conversion.layers[pattern] == "float32"


def _without_weights(tree: Any) -> Iterator[tuple[str, str, list[str]]]:
    """Yield of each operator without weights its scope, its kind and the parts of the names of what it gives.

    A part that all operators have, such as the network's name, is none.
    """
    for graph in tree.subgraphs:
        weighted = {id(operator) for operator, _ in weight_operators(tree, graph)}
        names = [[tensor_name(graph.tensors[index]) for index in operator.outputs] for operator in graph.operators]
        parts = [{part for part in re.split("[/;:]", ";".join(made)) if part} for made in names]
        shared = set.intersection(*parts) if len(parts) > 1 else set()
        for operator, made, own in zip(graph.operators, names, parts, strict=True):
            if id(operator) not in weighted:
                yield ";".join(made) + ";", operator_name(tree, operator), sorted(own - shared)


def _kept_float(model: bytes, conversion: Conversion, layers: Sequence[_Layer]) -> list[tuple[str, str]]:
    """Return scope and kind of the operators without weights that `layers` keeps in float.

    A pattern that names a layer with weights is of that layer alone, so that what such patterns built stays the same.
    """
    from litert_quantizer.qtyping import TFLOperationName

    known = {operation.value for operation in TFLOperationName}  # all others stay in float anyway
    named = {name for layer in layers for name in layer.names}
    patterns = [
        pattern
        for pattern in conversion.layers
        if _keeps_operators(conversion, pattern) and not any(fnmatchcase(name, pattern) for name in named)
    ]
    return [
        (scope, kind)
        for scope, kind, parts in _without_weights(parse_flatbuffer(model))
        if kind in known and any(fnmatchcase(part, pattern) for part in parts for pattern in patterns)
    ]


def _default(conversion: Conversion, kind: str, tree: Any, stored: Any) -> str:
    if conversion.mode == "dynamic_range" and tensor_values(tree, stored).size < _SMALL:
        return "float32"
    precision = _BASE.get(conversion.mode, "int8")
    return "int8" if precision == "int4" and kind not in _INT4 else precision


def _recipe(
    conversion: Conversion, layers: Sequence[_Layer], kept_float: Sequence[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Return the quantizer's recipe. Of its rules the last that fits an operator holds."""
    bits = _ACTIVATION_BITS.get(conversion.mode)
    rules: list[dict[str, Any]] = []
    if bits:
        rules.append(_rule(".*", "*", conversion, "int8", bits, _MIN_MAX))
        rules += [_interface("INPUT", conversion.input_type), _interface("OUTPUT", conversion.output_type)]
    for layer in layers:
        kind = _NAMES.get(layer.kind, layer.kind)
        key, fitting = _ALGORITHMS[conversion.algorithm]
        algorithm = key if layer.kind in fitting else _MIN_MAX
        rules.append(_rule(f"^{re.escape(layer.scope)}$", kind, conversion, layer.precision, bits, algorithm))
    for scope, kind in kept_float:
        rules.append(_rule(f"^{re.escape(scope)}$", kind, conversion, "float32", bits, _MIN_MAX))
    return rules


def _rule(
    scope: str, kind: str, conversion: Conversion, precision: str, bits: int | None, algorithm: str
) -> dict[str, Any]:
    rule = {"regex": scope, "operation": kind}
    if precision == "float32":
        return {**rule, "algorithm_key": "no_quantize"}
    if precision == "float16":
        weights: dict[str, Any] = {"num_bits": 16, "dtype": "FLOAT"}
        config = {"weight_tensor_config": weights, "compute_precision": "FLOAT", "explicit_dequantize": True}
        return {**rule, "algorithm_key": "float_casting", "op_config": config}
    granularity = {"per_channel": "CHANNELWISE", "per_tensor": "TENSORWISE"}[conversion.granularity]
    weights = {"num_bits": {"int8": 8, "int4": 4}[precision], "symmetric": True, "granularity": granularity}
    config = {"weight_tensor_config": {**weights, "dtype": "INT"}, "compute_precision": "INTEGER"}
    if bits:
        config["activation_tensor_config"] = _activation(bits, "INT")
    return {**rule, "algorithm_key": algorithm, "op_config": config}


def _activation(bits: int, kind: str) -> dict[str, Any]:
    return {"num_bits": bits, "symmetric": bits == 16, "granularity": "TENSORWISE", "dtype": kind}


def _interface(operation: str, kind: str) -> dict[str, Any]:
    """Return the rule for the model's inputs or outputs."""
    rule = {"regex": ".*", "operation": operation}
    if kind == "float32":
        return {**rule, "algorithm_key": "no_quantize"}
    bits, sign = {"int8": (8, "INT"), "uint8": (8, "UINT"), "int16": (16, "INT")}[kind]
    weights = {"num_bits": 8, "symmetric": True, "granularity": "CHANNELWISE", "dtype": "INT"}
    config = {
        "activation_tensor_config": _activation(bits, sign),
        "weight_tensor_config": weights,
        "compute_precision": "INTEGER",
    }
    return {**rule, "algorithm_key": _MIN_MAX, "op_config": config}


def _statistics(model: bytes, conversion: Conversion, samples: Feeds) -> dict[str, dict[str, Any]] | None:
    """Return what the recipe asks for of the activations, by tensor name, as the quantizer takes it; None: nothing.

    Ranges are arrays of one element in the tensor's rank.
    """
    static, gptq = conversion.mode in _ACTIVATION_BITS, conversion.algorithm == "gptq"
    ranges = activation_ranges(model, conversion, samples) if static else {}
    found = _ranges(model, ranges)
    for name, hessian in (hessians(model, samples) if gptq else {}).items():
        found.setdefault(name, {})["hessian"] = hessian
    return found if static or gptq else None


def _ranges(model: bytes, ranges: dict[str, tuple[float, float]]) -> dict[str, dict[str, Any]]:
    graph = parse_flatbuffer(model).subgraphs[0]
    ranks = {tensor_name(tensor): 0 if tensor.shape is None else len(tensor.shape) for tensor in graph.tensors}
    return {
        name: {
            "min": np.full((1,) * ranks[name], low, np.float32),
            "max": np.full((1,) * ranks[name], high, np.float32),
        }
        for name, (low, high) in ranges.items()
    }


def _check(data: bytes, layers: Sequence[_Layer]) -> None:
    tree = parse_flatbuffer(data)
    stored = [tensor for graph in tree.subgraphs for _, tensor in weight_operators(tree, graph)]
    for layer, tensor in zip(layers, stored, strict=True):
        if tensor_type(tensor) != layer.precision:
            name = " or ".join(layer.names) or repr(layer.scope)
            raise BuildError(
                f"layer {name} ({layer.kind}) cannot have {layer.precision} weights in this mode: the quantizer left "
                f"it {tensor_type(tensor)}; give it another precision in layers"
            )
