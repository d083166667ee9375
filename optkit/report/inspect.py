"""Text of what is in a file: `optkit inspect` for one file, without a clock."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from optkit.inspect.contents import MOST_DISTINCT, Constant
from optkit.inspect.inspection import Inspection
from optkit.inspect.operators import GraphInfo, Operator, SignatureInfo
from optkit.names import shown
from optkit.report.grid import rows_text
from optkit.report.terminal import prose_width

_MOST_OPERATORS = 200
_MOST_CONSTANTS = 12
_PARTS = ("weights", "bias", "constant", "quantization", "names", "metadata", "unused", "structure")
_ABOUT = {
    "constant": "other constants",
    "quantization": "scales, zero points, ranges",
    "unused": "buffers that nothing has",
    "structure": "operators, tables, gaps",
    "bias": "biases",
}


def inspection_text(found: Inspection) -> str:
    """Return all sections for one file, but times."""
    sections = [_head(found), _operators(found), _bytes(found), _constants(found), _memory(found), running_text(found)]
    sections += [_other_graphs(found), _boundaries(found), _leftovers(found)]
    return "\n\n".join(section for section in sections if section)


def _head(found: Inspection) -> str:
    sizes, main = found.sizes, found.main
    uncounted = f", and those of {len(found.uncounted)} that nobody can count" if found.uncounted else ""
    lines = [
        f"{shown(found.path)}: {sizes.file_bytes:,} bytes, {sizes.zip_bytes:,} zipped",
        f"{len(main.operators)} operators, {found.parameters:,} parameters, "
        f"{found.macs:,} multiply-adds a call of {_batch(main)}{uncounted}",
        f"takes {_ends(main, main.inputs)}; gives {_ends(main, main.outputs)}",
    ]
    lines += [_signature(one) for one in found.signatures] or ["no signature"]
    return "\n".join(map(_prose, lines))


def _batch(graph: GraphInfo) -> str:
    first = next((graph.tensors[index].shape for index in graph.inputs), ())
    size = first[0] if first else 1
    return "1 sample" if size in (-1, 1) else f"{size} samples"


def _ends(graph: GraphInfo, indices: Sequence[int]) -> str:
    ends = (graph.tensors[index] for index in indices)
    return ", ".join(f"{one.name or f'tensor {one.index}'} {one.dtype} {shape_text(one.shape)}" for one in ends) or "-"


def _signature(one: SignatureInfo) -> str:
    return f"signature {one.name or '(no name)'}: {', '.join(one.inputs)} -> {', '.join(one.outputs)}" + (
        f" (subgraph {one.subgraph})" if one.subgraph else ""
    )


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape such as `[?, 28, 28]`; a free size is a question mark."""
    return f"[{', '.join('?' if size < 0 else str(size) for size in shape)}]"


def _operators(found: Inspection) -> str:
    main = found.main
    rows = [
        (
            str(operator.index),
            shortened(_kind(operator), 22),
            shortened(operator.layer, 18),
            shortened(_flow(main, operator), 30),
            type_text(main, operator),
            "?" if operator.macs is None else f"{operator.macs:,}" if operator.macs else "-",
            f"{operator.parameters:,}" if operator.parameters else "-",
            runs_in(found, operator.index),
        )
        for operator in main.operators[:_MOST_OPERATORS]
    ]
    heads = ("#", "operator", "layer", "shape", "type", "mult-adds", "params", "runs in")
    left = len(main.operators) - _MOST_OPERATORS
    return rows_text(heads, rows, left=(1, 2, 3, 4), optional=(6,), stack=False) + (
        f"\n… and {left:,} more operators (--json has all)" if left > 0 else ""
    )


def _kind(operator: Operator) -> str:
    return f"{operator.kind} (custom)" if operator.custom else operator.kind


def shortened(text: str, width: int) -> str:
    """Return `text`, cut off with an ellipsis where it is longer than `width`."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _flow(graph: GraphInfo, operator: Operator) -> str:
    """Return the shape that comes in by the first input that is computed, and the one that goes out."""
    read = [graph.tensors[index] for index in operator.inputs if index >= 0]
    first = next((one for one in read if not one.constant), None)
    made = [graph.tensors[index] for index in operator.outputs]
    ends = [_sizes(one.shape) if one else "-" for one in (first, made[0] if made else None)]
    return " > ".join(ends)


def _sizes(shape: Sequence[int]) -> str:
    return "x".join("?" if size < 0 else str(size) for size in shape) or "1"


def type_text(graph: GraphInfo, operator: Operator) -> str:
    """Return the type that an operator computes in, with that of its weights where it is another."""
    weights = operator.weights
    return f"{operator.dtype}/{weights}" if weights and weights != operator.dtype else operator.dtype


def runs_in(found: Inspection, operator: int) -> str:
    """Return where an operator runs: `XNNPACK 1` is the first part that XNNPACK takes, `built-in` LiteRT's kernels."""
    if found.running.error or found.running.parts is None:
        return "?"
    part = found.running.part_of().get(operator)
    return "built-in" if part is None else f"{_delegate(found.running.parts[part].delegate)} {part + 1}"


def _delegate(name: str) -> str:
    return "XNNPACK" if "xnnpack" in name.lower() or name in ("DELEGATE", "Delegate") else name


def _bytes(found: Inspection) -> str:
    sizes = found.sizes
    rows = []
    for part in _PARTS:
        size = getattr(sizes, part)
        types = found.by_type(part) if part in ("weights", "bias", "constant") else {}
        if size:
            told = ", ".join(f"{name} {count:,}" for name, count in types.items())
            rows.append((_ABOUT.get(part, part), f"{size:,}", f"{size / sizes.file_bytes:.1%}", told))
    return rows_text(("bytes", "", "share", "by type"), rows, words=3)


def _constants(found: Inspection) -> str:
    shown_ones = [one for one in found.constants if one.role != "constant" or one.bytes >= 1024][:_MOST_CONSTANTS]
    if not shown_ones:
        return ""
    rows = [
        (
            shortened(one.name or f"tensor {one.tensor}", 26),
            _sizes(one.shape),
            f"{one.dtype}{' sparse' if one.sparse else ''}",
            f"{one.bytes:,}",
            f"{one.zip_bytes:,}",
            "-" if one.entropy_bytes is None else f"{one.entropy_bytes:,.0f}",
            "-" if one.zeros is None else f"{one.zeros:.1%}",
            _distinct(one),
            _scales(one),
        )
        for one in shown_ones
    ]
    heads = ("constant", "shape", "type", "bytes", "zipped", "entropy", "zeros", "distinct", "scales")
    left = len(found.constants) - len(shown_ones)
    more = f"\n… and {left:,} smaller ones (--json has all)" if left > 0 else ""
    legend = _prose(
        "Entropy: what an ideal coder of single values needs. Zipped: deflate, of these bytes alone. Both in bytes.", ""
    )
    return f"{rows_text(heads, rows, left=(1, 2))}{more}\n{legend}"


def _distinct(one: Constant) -> str:
    if one.distinct is not None:
        return f"{one.distinct:,}"
    return "-" if one.zeros is None else f"> {MOST_DISTINCT:,}"


def _scales(one: Constant) -> str:
    if not one.scale:
        return "-"
    low, high = one.scale
    return f"{low:.3g}" if low == high else f"{one.scales}: {low:.2g}..{high:.2g}"


def _memory(found: Inspection) -> str:
    need, running = found.activations, found.running
    text = f"activations: {need.live_bytes:,} bytes at once, at operator {need.at}"
    if need.arena_bytes is not None:
        text += f"; {need.arena_bytes:,} as LiteRT lays them out, without XNNPACK and scratch memory"
    lines = [_prose(text)]
    if running.peak_bytes is not None and not running.error:
        grown = f"{running.loaded_bytes or 0:,} bytes more by loading, {running.peak_bytes:,} at most"
        lines.append(_prose(f"memory of the process: {grown}"))
    return "\n".join(lines)


def running_text(found: Inspection) -> str:
    """Return where the operators run: in how many parts of a delegate, and what stays outside."""
    running, main = found.running, found.main
    if running.error:
        return _prose(f"it does not run here: {running.error}")
    if running.parts is None:
        return "where its operators run is not known: this version of ai-edge-litert does not tell"
    inside = running.part_of()
    outside = [operator for operator in main.operators if operator.index not in inside]
    count = len(running.parts)
    first = f"XNNPACK takes {len(inside)} of {len(main.operators)} operators, in {count} part{'s' * (count != 1)}"
    if not outside:
        return first
    kinds = dict.fromkeys(operator.kind for operator in outside)
    told = ", ".join(f"{sum(one.kind == kind for one in outside)} {kind}" for kind in kinds)
    return _prose(f"{first}; on LiteRT's own kernels: {told}")


def _other_graphs(found: Inspection) -> str:
    lines = []
    for graph in found.graphs[1:]:
        kinds = dict.fromkeys(operator.kind for operator in graph.operators)
        told = f"subgraph {graph.index} {graph.name}: {len(graph.operators)} operators ({', '.join(kinds) or 'none'})"
        lines.append(_prose(told))
    return "\n".join(lines)


def _boundaries(found: Inspection) -> str:
    lines = [
        f"operator {one.operator}: {one.kind} {one.before} -> {one.after}, {one.elements:,} elements"
        f"{' (of a constant)' if one.constant else ''}"
        for one in found.boundaries
    ]
    return _listed("conversions of types", lines)


def _leftovers(found: Inspection) -> str:
    lines = []
    for one in found.leftovers:
        mended = " (a conversion by optkit takes it out)" if one.convert else ""
        numbers = ", ".join(map(str, one.operators))
        lines.append(f"operators {numbers}: {one.text}{mended}")
    return _listed("left behind by the converter", lines)


def _prose(text: str, indent: str = "    ") -> str:
    return "\n".join(textwrap.wrap(text, prose_width(), subsequent_indent=indent))


def _listed(title: str, lines: Iterable[str], most: int = 20) -> str:
    lines = list(lines)
    if not lines:
        return ""
    told = [_prose(f"- {line}", "  ") for line in lines[:most]]
    more = [f"- … and {len(lines) - most:,} more (--json has all)"] if len(lines) > most else []
    return "\n".join([f"{title}:", *told, *more])
