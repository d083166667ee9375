"""What TensorFlow Lite Micro prints, as values: its arena, and why it would not run a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.names import shown
from optkit.tflite.tensors import listed

_TOTAL = re.compile(r"\[RecordingMicroAllocator\] Arena allocation (total|head|tail) (\d+) bytes")
_KIND = re.compile(r"\[RecordingMicroAllocator\] '([^']+)' used (\d+) bytes")
_NODE = re.compile(r"Node (\S+) \(number (\d+)\) failed to (\w+)")
_MISSING = re.compile(r"(?:Didn't find op for builtin opcode|Failed to get registration from op code) '?(\w+)'?")
_SOURCE = re.compile(r"^\S+\.(?:cc|h)(?::\d+)?:? *")
"""The source file that a message may begin with."""
_REMEDIES = (
    ("Hybrid models", 'it has integer weights and float activations; convert with mode = "int8" or "int16x8"'),
    ("FLOAT32 with filter type: INT8", 'integer weights, float activations; convert with mode = "int8" or "int16x8"'),
    (
        "filter->type != kTfLiteInt4",
        "it has 4-bit weights with a scale for each output; give this layer 8 bits, or convert with "
        'granularity = "per_tensor"',
    ),
    ("dequantize_common", 'it has float16 weights; convert with mode = "float32", "int8" or "int16x8"'),
)
_OTHER_REMEDY = "build the model without it, or convert it in another mode"


@dataclass(frozen=True, kw_only=True)
class Arena:
    """What the recording allocator says of an arena, in bytes.

    `head` is reused between operators, `tail` is kept for as long as the model is. `kinds` are parts of the two, in the
    allocator's own words.
    """

    total: int
    head: int
    tail: int
    kinds: Mapping[str, int]


class Refused(ArtifactError):
    """The runtime would not run a file. `operator` is what it stopped at, empty when it does not say."""

    def __init__(self, message: str, operator: str = "") -> None:
        super().__init__(message)
        self.operator = operator


def read_allocations(printed: str) -> Arena:
    """Read what the recording allocator prints. Raises ArtifactError when it is in another form."""
    totals = {what: int(size) for what, size in _TOTAL.findall(printed)}
    kinds = {shown(kind): int(size) for kind, size in _KIND.findall(printed)}
    if set(totals) != {"total", "head", "tail"} or totals["head"] + totals["tail"] != totals["total"]:
        raise ArtifactError("this tflite-micro prints its arena in an unknown form; use another version")
    return Arena(total=totals["total"], head=totals["head"], tail=totals["tail"], kinds=kinds)


def refused(path: Path, printed: str, custom: Sequence[str] = ()) -> Refused:
    """Return why the interpreter would not run `path`, read from what it printed: operator, reason, what to change.

    `custom` are the names of the file's custom operators.
    """
    lines = [shown(line.strip()) for line in printed.strip().splitlines() if line.strip()]
    missing = next((found for line in lines if (found := _MISSING.search(line))), None)
    if missing:
        kind = " or ".join(custom) if missing.group(1) == "CUSTOM" and custom else missing.group(1)
        return Refused(f"{path}: TensorFlow Lite Micro has no operator {kind}; {_OTHER_REMEDY}", kind)
    for number, line in enumerate(lines):
        if node := _NODE.search(line):
            reason = lines[number - 1] if number else f"it failed to {node.group(3)}"
            remedy = next((told for word, told in _REMEDIES if word in reason), _OTHER_REMEDY)
            reason = _SOURCE.sub("", reason)
            where = f"{node.group(1)} (operator {node.group(2)})"
            return Refused(
                f"{path}: TensorFlow Lite Micro refuses {where}: {reason.rstrip('.')}; {remedy}", node.group(1)
            )
    if any("missing:" in line for line in lines):
        return Refused(f"{path}: TensorFlow Lite Micro needs a larger arena ({lines[0]}); give more arena_bytes")
    said = lines[0] if lines else "it does not say why"
    return Refused(f"{path}: TensorFlow Lite Micro refuses it: {said}; give another file")


def check_encoding(model: Any, path: Path) -> None:
    """Raise Refused for values that TensorFlow Lite Micro would read as something else, without a word."""
    for graph in model.subgraphs:
        for tensor in listed(graph.tensors):
            if tensor.sparsity is not None:
                told = "reads sparse weights as if they were dense; convert it with sparse = false"
                raise Refused(f"{path}: TensorFlow Lite Micro {told}")
    if any(buffer.offset > 1 for buffer in model.buffers):
        raise Refused(f"{path}: TensorFlow Lite Micro does not find values after the flatbuffer; write a smaller file")
