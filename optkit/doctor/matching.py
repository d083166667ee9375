"""Match the layers of a float .tflite file with those of a quantized one: by what each computes, from what.

Names are not needed: a stripped file has none. Operators that only one of the files has (QUANTIZE, DEQUANTIZE, an
activation function that was fused, or that the range of its output replaces) are looked through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.doctor.naming import names_of
from optkit.errors import ArtifactError
from optkit.tflite.flatbuffer import WEIGHT_INPUT, tensor_name, tensor_type
from optkit.tflite.tensors import listed
from optkit.tflite.view import Form, Node, View

Floats = npt.NDArray[np.float32]
_ACTIVATIONS = {"RELU": 1, "RELU_N1_TO_1": 2, "RELU6": 3, "TANH": 4}
"""Operators that may be fused into the one before, and the number of that in the schema (ActivationFunctionType)."""
_COMMUTING = ("ADD", "MUL", "MAXIMUM", "MINIMUM")
_LEAST_FOUND = 0.5
_LEAST_ALIKE = 0.5
_WHOLE = "give a quantized file and the float file that it was made from"


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """An operator of the float file, or one of its inputs, and what the quantized file has in its place.

    `number` is the operator's in the float file, below 0 for an input. `output` is the tensor of the float file, and
    `twin` that of the quantized one, which hold the same values; `chain` is how they are stored as integers: empty
    when they are not, or when that changes nothing beyond what the layer before did. `constants`: by tensor of the
    float file the real values of the quantized file, where they differ; `bias` is one of these. `pattern` is what
    `layers` of a conversion can call it; empty when no name is its own.
    """

    number: int
    name: str
    kind: str
    pattern: str
    output: int
    twin: int
    chain: tuple[Form, ...]
    constants: dict[int, Floats]
    bias: int | None
    before: tuple[int, ...]
    is_output: bool
    stored: str
    per_channel: bool = True
    weights: int | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def form(self) -> Form | None:
        """How its values are stored as integers in the end; None when they stay real."""
        return self.chain[-1] if self.chain else None

    @property
    def quantized(self) -> bool:
        """Whether the quantized file has anything of it as integers, or in fewer bits."""
        return bool(self.chain) or bool(self.constants)


@dataclass(frozen=True, kw_only=True, eq=False)
class Matching:
    """Both files, and their layers in the order of the float file's graph. `missing` are those without a partner."""

    float_view: View
    quantized_view: View
    layers: tuple[Layer, ...]
    missing: tuple[str, ...]


def match(float_model: Any, quantized_model: Any, what: tuple[str, str] = ("FLOAT", "QUANTIZED")) -> Matching:
    """Match two verified models (ModelT); `what` names the files in messages. Raises ArtifactError unless they fit.

    They do not when inputs or outputs differ, or most layers have no partner, or other weights.
    """
    first, second = View(float_model), View(quantized_model)
    _check_ends(first, second, what)
    tensors, nodes = _pairs(first, second)
    names = names_of(first)
    layers = [_input(first, second, k, tensors[index]) for k, index in enumerate(first.inputs)]
    last = {twin: output for output, twin in tensors.items()}  # of several that stand for one the last is compared
    for node in first.nodes:
        twin = nodes.get(node.number)
        if twin is not None and node.outputs and first.is_real(node.outputs[0]):
            layers.append(_layer(first, second, node, twin, tensors, last, names))
    missing = [n for n in first.nodes if n.number not in nodes and n.outputs and first.is_real(n.outputs[0])]
    missing = [node for node in missing if node.outputs[0] not in tensors]
    _check_belong(first, layers, what)
    return Matching(
        float_view=first,
        quantized_view=second,
        layers=tuple(layers),
        missing=tuple(names[node.number].name for node in missing),
    )


def _check_ends(first: View, second: View, what: tuple[str, str]) -> None:
    for end in ("inputs", "outputs"):
        shapes = [[view.shape(index)[1:] for index in getattr(view, end)] for view in (first, second)]
        if shapes[0] != shapes[1]:
            raise ArtifactError(
                f"{what[0]} and {what[1]} do not belong together: their {end} have the shapes {shapes[0]} and "
                f"{shapes[1]} (without the batch); {_WHOLE}"
            )


def _pairs(first: View, second: View) -> tuple[dict[int, int], dict[int, Node]]:
    """Return by tensor of the first file that of the second, and by number of a node in the first its partner."""
    tensors = dict(zip(first.inputs, _in_order(first, second), strict=True))
    by_name = {tensor_name(second.tensors[i]): node for node in second.nodes for i in node.outputs}
    left = {node.number: node for node in second.nodes}
    found: dict[int, Node] = {}
    for node in first.nodes:
        twin = _partner(first, second, node, tensors, left)
        if twin is None and node.outputs:
            named = by_name.get(tensor_name(first.tensors[node.outputs[0]]))
            twin = named if named and named.number in left and named.kind == node.kind else None
        if twin is None:
            if node.kind in _ACTIVATIONS and node.inputs and node.inputs[0] in tensors:
                tensors[node.outputs[0]] = tensors[node.inputs[0]]
            continue
        del left[twin.number]
        found[node.number] = twin
        ends = _after_activation(second, node, twin, left)
        tensors.update(zip(node.outputs, ends, strict=False))
    return tensors, found


def _in_order(first: View, second: View) -> tuple[int, ...]:
    """Return the inputs of `second` in the order of those of `first`: by name where both have the same names."""
    names = [[tensor_name(view.tensors[index]) for index in view.inputs] for view in (first, second)]
    if len(set(names[0])) == len(names[0]) and set(names[0]) == set(names[1]):
        return tuple(second.inputs[names[1].index(name)] for name in names[0])
    return second.inputs


def _partner(first: View, second: View, node: Node, tensors: dict[int, int], left: dict[int, Node]) -> Node | None:
    wanted = [tensors.get(index) for index in node.inputs]
    fitting = [
        other
        for other in left.values()
        if other.kind == node.kind
        and (list(other.inputs) == wanted or (node.kind in _COMMUTING and _sorted(other.inputs) == _sorted(wanted)))
        and len(other.outputs) == len(node.outputs)
    ]
    if len(fitting) < 2:
        return fitting[0] if fitting else None

    def unlike(other: Node) -> tuple[bool, float, int]:
        shapes = [view.shape(n.outputs[0])[1:] for view, n in ((first, node), (second, other))]
        return shapes[0] != shapes[1], -_alike(first, second, node, other), other.number

    return min(fitting, key=unlike)


def _sorted(indices: Sequence[int | None]) -> list[int]:
    return sorted(-1 if index is None else index for index in indices)


def _after_activation(second: View, node: Node, twin: Node, left: dict[int, Node]) -> tuple[int, ...]:
    """Return the partner's outputs; those of its activation function, where only the float file has that fused."""
    if node.activation == twin.activation or node.activation not in _ACTIVATIONS.values():
        return twin.outputs
    readers = [other for other in second.nodes if twin.outputs[0] in other.inputs]
    if len(readers) == 1 and _ACTIVATIONS.get(readers[0].kind) == node.activation:
        left.pop(readers[0].number, None)
        return readers[0].outputs
    return twin.outputs


def _alike(first: View, second: View, node: Node, other: Node) -> float:
    """Return the cosine between the weights of two nodes: 1 when both have none, 0 when only their shapes differ."""
    position = WEIGHT_INPUT.get(node.kind)
    if position not in node.constants or position not in other.constants:
        return 1.0 if node.constants.keys() == other.constants.keys() else 0.0
    a, b = first.values(node.constants[position]), second.values(other.constants[position])
    return cosine(a, b) if a.size == b.size else 0.0


def cosine(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    """Return the cosine of the angle between two arrays of as many values; 1 when both are zero."""
    x, y = a.reshape(-1).astype(np.float64), b.reshape(-1).astype(np.float64)
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / lengths if lengths else float(not x.any() and not y.any())


def _check_belong(first: View, layers: Sequence[Layer], what: tuple[str, str]) -> None:
    weighted = [n for n in first.nodes if n.kind in WEIGHT_INPUT and WEIGHT_INPUT[n.kind] in n.constants]
    found = [layer for layer in layers if "alike" in layer.details]
    if weighted and len(found) < _LEAST_FOUND * len(weighted):
        raise ArtifactError(
            f"{what[0]} and {what[1]} do not belong together: {len(found)} of {len(weighted)} layers with weights were "
            f"found again; {_WHOLE}"
        )
    alike = float(np.median([layer.details["alike"] for layer in found])) if found else 1.0
    if alike < _LEAST_ALIKE:
        raise ArtifactError(
            f"{what[0]} and {what[1]} do not belong together: their weights are not alike (median cosine {alike:.2f}); "
            f"{_WHOLE}, not with the algorithm hadamard, which rotates weights"
        )


def _input(first: View, second: View, k: int, twin: int) -> Layer:
    index = first.inputs[k]
    name = tensor_name(first.tensors[index]) or str(k)
    return Layer(
        number=-1 - k,
        name=f"input {name}",
        kind="INPUT",
        pattern="",
        output=index,
        twin=twin,
        chain=second.forms(twin),
        constants={},
        bias=None,
        before=(),
        is_output=False,
        stored="",
    )


def _layer(
    first: View, second: View, node: Node, twin: Node, tensors: dict[int, int], last: dict[int, int], names: Any
) -> Layer:
    made = tensors[node.outputs[0]]
    output = last[made]
    forms = second.forms(made)
    before = [second.forms(tensors[index]) for index in node.inputs if index in tensors]
    same = not node.constants and any(form and form[-1] == forms[0] for form in before) if forms else False
    constants, details = _constants(first, second, node, twin)
    weights = node.constants.get(WEIGHT_INPUT.get(node.kind, -1))
    known = weights is not None and "alike" in details
    stored = second.tensors[twin.constants[WEIGHT_INPUT[node.kind]]] if known else None
    kept = stored.quantization if stored is not None else None
    scales = 0 if kept is None else len(listed(kept.scale))
    block = int(kept.details.blockSize) if kept is not None and kept.details is not None else 0
    return Layer(
        number=node.number,
        name=names[node.number].name,
        kind=node.kind,
        pattern=names[node.number].pattern,
        output=output,
        twin=made,
        chain=() if same else forms,
        constants=constants,
        bias=node.constants.get(node.bias) if node.bias is not None else None,
        before=tuple(index for index in node.inputs if index in tensors),
        is_output=output in first.outputs,
        stored=tensor_type(stored) if stored is not None else "",
        per_channel=scales > 1 or block > 0,
        weights=weights,
        details={**details, **({"form": forms[-1]} if forms else {}), **({"block": block} if block else {})},
    )


def _constants(first: View, second: View, node: Node, twin: Node) -> tuple[dict[int, Floats], dict[str, Any]]:
    """Return the quantized file's constants of a node, by the float file's tensor, and how alike weights are."""
    found: dict[int, Floats] = {}
    details: dict[str, Any] = {}
    for position, index in node.constants.items():
        if position not in twin.constants or not first.is_real(index):
            continue
        own, other = first.values(index), second.values(twin.constants[position])
        if own.size != other.size:
            continue
        other = other.reshape(own.shape)
        if position == WEIGHT_INPUT.get(node.kind):
            details["alike"] = cosine(own, other)
        if not np.array_equal(own, other):
            found[index] = other
    return found, details
