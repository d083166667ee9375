"""What the outputs of a .tflite file are, by the operators that make them: probabilities, their logarithms, or neither.

Law: only the graph is read. Nothing is concluded from the values of some samples.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from optkit.errors import ArtifactError
from optkit.tflite.flatbuffer import DAMAGE, operator_name, read_flatbuffer
from optkit.tflite.interface import interface_of
from optkit.tflite.tensors import listed

OutputKind = Literal["softmax", "log_softmax", "sigmoid", "other"]
_KINDS: dict[str, OutputKind] = {"SOFTMAX": "softmax", "LOG_SOFTMAX": "log_softmax", "LOGISTIC": "sigmoid"}
_PASSING = ("DEQUANTIZE", "QUANTIZE", "RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "CAST")


def output_kind(path: Path) -> OutputKind:
    """Return what the first output of the .tflite file at `path` is. Raises ArtifactError when the file is damaged."""
    return next(iter(output_kinds(path).values()))


def output_kinds(path: Path) -> dict[str, OutputKind]:
    """Return what each output of the .tflite file at `path` is, by its name in `read_interface`, in the same order.

    Operators that only change a tensor's type, scale or shape are looked through. A softmax that is written out as
    exp, sum and division is known too. "other" says that the graph ends in none of these: the outputs are logits, or
    anything else. Raises ArtifactError when the file is damaged.
    """
    try:
        model = read_flatbuffer(path)
        graph = model.subgraphs[0]
        producers = {int(index): operator for operator in listed(graph.operators) for index in operator.outputs}
        outputs = interface_of(model, str(path)).outputs
        return {spec.name: _kind(model, producers, spec.index) for spec in outputs}
    except DAMAGE as error:
        raise ArtifactError(f"{path} is damaged ({error}); build it again") from error


def _kind(model: Any, producers: dict[int, Any], index: int) -> OutputKind:
    operator, name = _producer(model, producers, index)
    if name == "DIV" and _is_written_out(model, producers, operator):
        return "softmax"
    return _KINDS.get(name, "other")


def _producer(model: Any, producers: dict[int, Any], index: int) -> tuple[Any, str]:
    """Return the operator that makes the values of tensor `index`, and its name; (None, "") for an input."""
    for _ in range(len(producers) + 1):  # a damaged file may go round in circles
        operator = producers.get(index)
        if operator is None:
            return None, ""
        name = operator_name(model, operator)
        if name not in _PASSING:
            return operator, name
        index = int(operator.inputs[0])
    raise ValueError("its operators read each other's outputs in a circle")


def _is_written_out(model: Any, producers: dict[int, Any], division: Any) -> bool:
    """Tell whether `division` is of exp(x) by the sum of the same exp(x)."""
    exponent, name = _producer(model, producers, int(division.inputs[0]))
    total, total_name = _producer(model, producers, int(division.inputs[1]))
    if (name, total_name) != ("EXP", "SUM"):
        return False
    return _producer(model, producers, int(total.inputs[0]))[0] is exponent
