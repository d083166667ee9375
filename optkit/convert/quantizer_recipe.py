"""What LiteRT's quantizer is asked for: its recipe, made of a Conversion and the operators with weights."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optkit.spec import Conversion
from optkit.tflite.flatbuffer import tensor_name, weight_operators

ACTIVATION_BITS = {"int8": 8, "int16x8": 16}
_NAMES = {"TRANSPOSE_CONV": "CONV_2D_TRANSPOSE"}
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
DENSE = ("FULLY_CONNECTED",)
_MIN_MAX = "min_max_uniform_quantize"
ALGORITHMS = {
    "min_max": (_MIN_MAX, (*DENSE, *_CONVOLUTIONS)),
    "mse": ("MSE", (*DENSE, *_CONVOLUTIONS)),
    "octav": ("OCTAV", (*DENSE, *_CONVOLUTIONS)),
    "gptq": ("GPTQ", DENSE),
    "oscar": ("OSCAR", DENSE),
    "hadamard": ("DECOMPOSED_HADAMARD_ROTATION", DENSE),
}
"""The quantizer's name of each of `Conversion`'s algorithms, and the operators it is for."""
KERNELS = {"int4": ("CONV_2D", "FULLY_CONNECTED"), "int2": DENSE}
"""Operators with a kernel for these weights. A CONV_2D with int2 weights fails to prepare, or gives infinity."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """An operator with weights: the names of the Keras layers it may be of, its scope, kind and wanted precision.

    `inputs`: the size of its weights' last axis, which of a dense layer are its inputs. `biased`: it has a bias.
    """

    names: tuple[str, ...]
    scope: str
    kind: str
    precision: str
    inputs: int
    biased: bool

    @property
    def called(self) -> str:
        """What messages call it."""
        return " or ".join(self.names) or repr(self.scope)

    def takes(self, conversion: Conversion) -> bool:
        """Tell whether the algorithm is for this operator; `hadamard` needs a bias, and an even number of inputs."""
        fits = self.kind in ALGORITHMS[conversion.algorithm][1]
        return fits and (conversion.algorithm != "hadamard" or (self.biased and self.inputs % 2 == 0))

    def granularity(self, conversion: Conversion) -> str:
        """Return the quantizer's name for which weights share a scale."""
        if conversion.granularity == "blockwise" and self.kind in DENSE and self.precision == "int4":
            return f"BLOCKWISE_{conversion.block_size}"
        return _granularity(conversion)


def scope_of(graph: Any, operator: Any) -> str:
    """Return the text that the quantizer matches rules with: the names of an operator's outputs."""
    return ";".join(tensor_name(graph.tensors[int(index)]) for index in operator.outputs) + ";"


def stored_weights(model: Any, scopes: Sequence[str]) -> list[Any]:
    """Return the TensorT with the weights of each operator of `scopes`, those of the float file in order.

    The ModelT `model` is made of that file; it may have operators more, such as rotations, whose scopes are others.
    """
    found = [
        (scope_of(graph, operator), tensor)
        for graph in model.subgraphs
        for operator, tensor in weight_operators(model, graph)
    ]
    if len(found) == len(scopes):
        return [tensor for _, tensor in found]
    named = dict(found)
    return [named[scope] for scope in scopes]


def recipe(
    conversion: Conversion, layers: Sequence[Layer], kept_float: Sequence[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Return the quantizer's recipe. Of its rules the last that fits an operator holds.

    `kept_float`: scope and kind of the operators without weights that stay in float.
    """
    bits = ACTIVATION_BITS.get(conversion.mode)
    rules: list[dict[str, Any]] = []
    if bits:
        rules.append(_rule(".*", "*", _granularity(conversion), "int8", bits, _MIN_MAX))
        rules += [_interface("INPUT", conversion.input_type), _interface("OUTPUT", conversion.output_type)]
    for layer in layers:
        kind = _NAMES.get(layer.kind, layer.kind)
        algorithm = ALGORITHMS[conversion.algorithm][0] if layer.takes(conversion) else _MIN_MAX
        scope, granularity = f"^{re.escape(layer.scope)}$", layer.granularity(conversion)
        rules.append(_rule(scope, kind, granularity, layer.precision, bits, algorithm))
    for scope, kind in kept_float:
        rules.append(_rule(f"^{re.escape(scope)}$", kind, "CHANNELWISE", "float32", bits, _MIN_MAX))
    return rules


def _granularity(conversion: Conversion) -> str:
    return "TENSORWISE" if conversion.granularity == "per_tensor" else "CHANNELWISE"


def _rule(scope: str, kind: str, granularity: str, precision: str, bits: int | None, algorithm: str) -> dict[str, Any]:
    rule = {"regex": scope, "operation": kind}
    if precision == "float32":
        return {**rule, "algorithm_key": "no_quantize"}
    if precision == "float16":
        weights: dict[str, Any] = {"num_bits": 16, "dtype": "FLOAT"}
        floats = {"weight_tensor_config": weights, "compute_precision": "FLOAT", "explicit_dequantize": True}
        return {**rule, "algorithm_key": "float_casting", "op_config": floats}
    weights = {"num_bits": {"int8": 8, "int4": 4, "int2": 2}[precision], "symmetric": True, "granularity": granularity}
    config: dict[str, Any] = {"weight_tensor_config": {**weights, "dtype": "INT"}, "compute_precision": "INTEGER"}
    if bits:
        config["activation_tensor_config"] = _activation(bits, "INT")
    if precision == "int2":
        config["skip_checks"] = True  # its list of what it allows lacks int2 weights with integer activations
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
