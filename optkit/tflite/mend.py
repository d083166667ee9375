"""Give an older .tflite file what today's tools expect: operator codes in the new field, names, and a signature.

- Operator codes: until 2020 they stood in `deprecated_builtin_code` alone. LiteRT reads both fields; tools that read
  only `builtin_code` take every such operator for number 0, ADD (schema.fbs, OperatorCode).
- Names: LiteRT's quantizer knows tensors by their names. They may be missing (a stripped file) or be there twice.
- A signature: it names the inputs and outputs. Files of converters before TensorFlow 2.5 have none.

Law: the outputs stay the same to the bit; a file that has it all comes back as the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer
from optkit.tflite.interface import SIGNATURE
from optkit.tflite.tensors import listed, numbers

_IN_NEW_FIELD_ONLY = 127
"""In the old field: the code is too large for it."""


def mend(data: bytes) -> bytes:
    """Return the .tflite file `data`, verified before, with the new operator codes, unique names and a signature."""
    from ai_edge_litert.tools import flatbuffer_utils

    model = parse_flatbuffer(data)
    if not any([_mend_codes(model), _mend_names(model), _mend_signature(model)]):
        return data
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _mend_codes(model: Any) -> bool:
    old = [
        code
        for code in listed(model.operatorCodes)
        if code.builtinCode == 0 and 0 < code.deprecatedBuiltinCode < _IN_NEW_FIELD_ONLY
    ]
    for code in old:
        code.builtinCode = code.deprecatedBuiltinCode
    return bool(old)


def _mend_names(model: Any) -> bool:
    """Name each tensor without a name after the operator it belongs to, and make names that are there twice differ."""
    used: set[str] = set()
    changed = False
    for number, graph in enumerate(model.subgraphs):
        places = _places(model, graph, f"subgraph_{number}/" if number else "")
        for index, tensor in enumerate(listed(graph.tensors)):
            given = tensor.name.decode() if tensor.name else ""
            name = _unused(given or places.get(index, f"tensor_{index}"), used)
            if name != given:
                tensor.name = name.encode()
                changed = True
    return changed


def _places(model: Any, graph: Any, prefix: str) -> dict[int, str]:
    """Return what to call the tensors of a subgraph: `conv_2d_3` what operator 3 makes, `conv_2d_3/1` what it reads."""
    places: dict[int, str] = {}
    for number, operator in enumerate(listed(graph.operators)):
        name = f"{prefix}{operator_name(model, operator).lower()}_{number}"
        for position, index in enumerate(numbers(operator.outputs).tolist()):
            places[index] = f"{name}:{position}" if position else name
        for position, index in enumerate(numbers(operator.inputs).tolist()):
            places.setdefault(index, f"{name}/{position}")
    for position, index in enumerate(numbers(graph.inputs).tolist()):
        places[index] = f"{prefix}input_{position}"
    return places


def _mend_signature(model: Any) -> bool:
    """Name inputs and outputs by their tensors, as `serving_default`, when the file has no signature."""
    if listed(model.signatureDefs):
        return False
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    signature = schema.SignatureDefT()
    signature.signatureKey = SIGNATURE.encode()
    signature.subgraphIndex = 0
    signature.inputs = _maps(graph, numbers(graph.inputs).tolist())
    signature.outputs = _maps(graph, numbers(graph.outputs).tolist())
    model.signatureDefs = [signature]
    return True


def _maps(graph: Any, indices: Iterable[int]) -> list[Any]:
    from ai_edge_litert import schema_py_generated as schema

    used: set[str] = set()
    found = []
    for index in indices:
        entry = schema.TensorMapT()
        entry.name = _unused(graph.tensors[index].name.decode(), used).encode()
        entry.tensorIndex = index
        found.append(entry)
    return found


def _unused(name: str, used: set[str]) -> str:
    """Return `name`, with a number behind it when it is in `used`; and add what is returned."""
    found, number = name, 1
    while found in used:
        found, number = f"{name}_{number}", number + 1
    used.add(found)
    return found
