"""Where the bytes are, and what the techniques left: zeros and distinct values, tensor by tensor."""

from __future__ import annotations

from collections.abc import Mapping

from optkit.inspect.operators import TensorInfo
from optkit.record.card import ships_another
from optkit.record.facts import VariantFacts
from optkit.record.run import Run
from optkit.report.page.inside import Inside
from optkit.report.page.parts import Cell, Chart, Head, Section, Table, figure, text
from optkit.tflite.weights import Tensor

_BITS = {"float32": 32, "float16": 16, "int16": 16, "int8": 8, "uint8": 8, "int4": 4, "int2": 2}
_OTHER = "all else"


def size_section(run: Run, name: str, inside: Mapping[str, Inside]) -> Section:
    """Return the bytes of each file by kind of weights and all else, and by tensor."""
    kinds = list(dict.fromkeys(t.dtype for facts in run.variants.values() for t in facts.weights.tensors))
    by_kind = {variant: _by_kind(facts) for variant, facts in run.variants.items()}
    data = {
        "kinds": [*kinds, _OTHER],
        "unit": "bytes",
        "label": "bytes",
        "of": "file",
        "rows": [
            {"name": variant, "parts": [found.get(kind, 0) for kind in (*kinds, _OTHER)]}
            for variant, found in by_kind.items()
        ],
    }
    heads = [
        Head("variant", number=False),
        *(Head(f"weights, {kind}") for kind in kinds),
        Head(_OTHER),
        Head("file bytes"),
    ]
    rows = tuple(
        (
            text(variant),
            *(figure(found.get(kind), f"{found.get(kind, 0):,}") for kind in (*kinds, _OTHER)),
            figure(run.variants[variant].artifact.file_bytes, f"{run.variants[variant].artifact.file_bytes:,}"),
        )
        for variant, found in by_kind.items()
    )
    about = "The bytes of each file: weights by their type, and all else. The table has the same figures."
    parts: list[Chart | Table] = [
        Chart(f"{name}-bytes", "bars", data, about),
        Table("Bytes by kind", tuple(heads), rows),
    ]
    missing = []
    if inside:
        parts.append(_by_tensor({variant: _constants(one) for variant, one in inside.items()}))
    else:
        missing.append("No bytes by tensor: no .tflite file is in the store. Build them, or name it with --store.")
    return Section("size", "Size", tuple(parts), tuple(missing))


def _by_kind(facts: VariantFacts) -> dict[str, int]:
    """Return the bytes of the weight tensors by type, dense, and of all else in the file.

    Of a file that a runtime made, such as a .mnn file, only the whole is known.
    """
    if ships_another(facts):
        return {_OTHER: facts.artifact.file_bytes}
    found: dict[str, int] = {}
    for tensor in facts.weights.tensors:
        found[tensor.dtype] = found.get(tensor.dtype, 0) + -(-tensor.elements * _BITS.get(tensor.dtype, 32) // 8)
    rest = facts.artifact.file_bytes - sum(found.values())
    return {**found, _OTHER: max(0, rest)}


def _constants(inside: Inside) -> list[TensorInfo]:
    """Return the tensors whose values a file holds, largest first; of those that share a buffer one."""
    found: dict[int, TensorInfo] = {}
    for graph in inside.graphs:
        for tensor in graph.tensors:
            if tensor.bytes:
                found.setdefault(tensor.buffer, tensor)
    return sorted(found.values(), key=lambda one: -one.bytes)


def _by_tensor(inside: Mapping[str, list[TensorInfo]]) -> Table:
    heads = (Head("variant", False), Head("tensor", False), Head("type", False), Head("shape", False), Head("bytes"))
    most = max(5, 400 // len(inside))  # of each file the largest: the page is for people
    rows = []
    for variant, found in inside.items():
        for one in found[:most]:
            said = (variant, one.name or "(no name)", one.dtype, "×".join(map(str, one.shape)))
            rows.append((*map(text, said), figure(one.bytes, f"{one.bytes:,}")))
        rest = sum(one.bytes for one in found[most:])
        if rest:
            more = f"{len(found) - most} smaller ones"
            rows.append((text(variant), text(more), text(""), text(""), figure(rest, f"{rest:,}")))
    return Table("Bytes by tensor", heads, tuple(rows), folded=True)


def weights_section(run: Run, name: str) -> Section:
    """Return zeros and distinct values of each weight tensor, by layer and file."""
    layers = _layers(run)
    named = list(dict.fromkeys(layer for found in layers.values() for layer in found))
    if not named:
        return Section("weights", "Weights", (), ("No weights by layer: the run names none.",))
    zeros = [[found[layer].zeros if layer in found else None for layer in named] for found in layers.values()]
    distinct = [
        [found[layer].distinct_in_scale if layer in found else None for layer in named] for found in layers.values()
    ]
    data = {"names": list(layers), "layers": named, "zeros": zeros, "distinct": distinct}
    about = "Zeros and distinct values of each layer's weights, by file. The tables have the same figures."
    heads = [Head("layer", number=False), *(Head(variant) for variant in layers)]
    tables = []
    for caption, cell in (("Zeros by layer", _zeros), ("Distinct values by layer", _distinct)):
        rows = tuple((text(layer), *(cell(found.get(layer)) for found in layers.values())) for layer in named)
        tables.append(Table(caption, tuple(heads), rows, folded=len(named) * len(layers) > 200))
    return Section("weights", "Weights", (Chart(f"{name}-zeros", "grid", data, about), *tables))


def _layers(run: Run) -> dict[str, dict[str, Tensor]]:
    """Return the weight tensors of each file by layer; one whose name was stripped by its place in the file."""
    alone = {t.layers[0] for facts in run.variants.values() for t in facts.weights.tensors if len(t.layers) == 1}
    found: dict[str, dict[str, Tensor]] = {}
    for variant, facts in run.variants.items():
        own: dict[str, Tensor] = {}
        for place, tensor in enumerate(facts.weights.tensors, 1):
            # of several names, such as those of fake quantization, the one that other files have as their only one
            known = [layer for layer in tensor.layers if layer in alone] or tensor.layers
            label = known[-1] if known else tensor.name or f"tensor {place}"
            own[label if label not in own else f"{label}, tensor {place}"] = tensor
        found[variant] = own
    return found


def _zeros(tensor: Tensor | None) -> Cell:
    return figure(tensor.zeros if tensor else None, f"{100 * tensor.zeros:.1f} %" if tensor else "")


def _distinct(tensor: Tensor | None) -> Cell:
    return figure(tensor.distinct_in_scale if tensor else None, f"{tensor.distinct_in_scale:,}" if tensor else "")
