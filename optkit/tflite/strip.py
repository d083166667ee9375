"""Remove from a .tflite file what the runtime does not need: strings, metadata, double buffers.

Law: the outputs stay the same to the bit; the same file gives the same bytes.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from optkit.tflite.flatbuffer import parse_flatbuffer, weight_operators
from optkit.tflite.tensors import listed

_NEEDED_METADATA = (b"reduced_precision_support",)
"""Metadata that a delegate acts on. All else says who made the file, and from what."""


def strip(data: bytes, keep: Literal["keep_names", "all"]) -> bytes:
    """Return the .tflite file `data` without description, metadata, names and calibration leftovers.

    `keep_names` keeps the signatures, and the names of the model's inputs and outputs and of its weights, which tell
    the layers. Equal buffers become one.
    """
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(data)
    strip_tree(model, keep, signatures=keep == "keep_names")
    share_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def strip_tree(model: Any, keep: Literal["keep_names", "all"], *, signatures: bool) -> None:
    """Take out of the ModelT `model` what `strip` does, but for buffers; its signatures stay where `signatures` is."""
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    model.description = None
    model.metadata = [entry for entry in model.metadata or [] if entry.name in _NEEDED_METADATA] or None
    model.metadataBuffer = None
    if not signatures:
        model.signatureDefs = None
    for graph in model.subgraphs:
        graph.name = None
        ends = [graph.tensors[int(index)] for index in (*listed(graph.inputs), *listed(graph.outputs))]
        weights = [tensor for _, tensor in weight_operators(model, graph)]
        kept = {id(tensor) for tensor in (*ends, *weights)} if keep == "keep_names" else set()
        for tensor in graph.tensors:
            if id(tensor) not in kept:
                tensor.name = None
            if (found := tensor.quantization) is not None:
                # the extremes seen in calibration: scale and zero point are what counts
                found.min = found.max = None
                if found.details is None and (found.scale is None or not len(found.scale)):
                    tensor.quantization = None


def share_buffers(model: Any) -> None:
    """Keep one of each set of equal buffers that something refers to, and number them anew."""
    owners = [tensor for graph in model.subgraphs for tensor in graph.tensors] + (model.metadata or [])
    # the first buffer is empty by the format's rule: it stands for "no data"
    numbers, kept = {b"": 0}, [model.buffers[0]]
    for owner in owners:
        data = model.buffers[owner.buffer].data
        content = b"" if data is None else data.tobytes()
        if content not in numbers:
            numbers[content] = len(kept)
            kept.append(model.buffers[owner.buffer])
        owner.buffer = numbers[content]
    model.buffers = kept


def named_parts(data: bytes) -> list[str]:
    """Return every string in the .tflite file `data`: description, names of graphs, tensors, metadata, signatures."""
    model = parse_flatbuffer(data)
    texts = [model.description]
    texts += [entry.name for entry in model.metadata or []]
    for graph in model.subgraphs:
        texts += [graph.name, *(tensor.name for tensor in graph.tensors)]
    for signature in model.signatureDefs or []:
        texts += [signature.signatureKey, *(entry.name for entry in (*signature.inputs, *signature.outputs))]
    return [text.decode() for text in texts if text]
