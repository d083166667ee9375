"""Verify a .tflite file before anything else reads it: LiteRT takes what a damaged file says, and may crash on it.

Law: a valid file is accepted, whichever converter made it; what is refused is said in one line. A file that is
accepted may still crash LiteRT, by an operator with too few inputs: `tflite.trial` runs it in a process of its own.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import ArtifactError
from optkit.files.regular import open_file
from optkit.tflite.graphs import check_nesting, check_subgraph
from optkit.tflite.structure import IDENTIFIER, Damaged, verify_structure
from optkit.tflite.tensors import check_tensor, listed

VERSION = 3
"""Of the schema: the only one there is."""


def verify_file(path: Path) -> Any:
    """Verify the .tflite file at `path` without reading all of it; return it as LiteRT's object tree (ModelT).

    Raises ArtifactError, one line, when it cannot be read, is not a .tflite file or is damaged.
    """
    return verify(map_file(path), path)


def map_file(path: Path) -> Any:
    """Return the bytes of the file at `path`, mapped and not read. Raises ArtifactError when it cannot be read."""
    try:
        with open_file(path) as file:
            # an empty file cannot be mapped
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if file.read(1) else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArtifactError(f"{path} cannot be read: {reason}; give the path of a .tflite file") from error


def verify(data: Any, path: Path) -> Any:
    """Verify `data` (bytes, memoryview or mmap), the content of `path`; return it as LiteRT's object tree (ModelT).

    Buffers outside of the flatbuffer keep their `offset` and `size`, and get their bytes as `data`. Arrays in the tree
    are views of `data`. Raises ArtifactError, one line, when it is not a whole .tflite file.
    """
    if bytes(data[4:8]) != IDENTIFIER:
        raise ArtifactError(f"{path} is not a .tflite file: it lacks the identifier TFL3; give a .tflite file")
    try:
        verify_structure(data)
        model = _tree(data)
        _check_model(model, len(data))
    except Damaged as error:
        raise ArtifactError(f"{path} is damaged: {error}; fetch the file again, or build it again") from None
    return model


def _tree(data: Any) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for field in ("operatorCodes", "subgraphs", "buffers"):
        setattr(model, field, listed(getattr(model, field)))
    for number, buffer in enumerate(model.buffers):
        if buffer.offset > 1:  # a large file may keep its buffers after the flatbuffer
            if buffer.offset + buffer.size > len(data):
                raise Damaged(f"buffer {number} lies at byte {buffer.offset} + {buffer.size} of {len(data)}")
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
    return model


def _check_model(model: Any, size: int) -> None:
    if model.version != VERSION:
        raise Damaged(f"its schema has version {model.version}; expected {VERSION}")
    if not model.subgraphs:
        raise Damaged("it has no subgraph")
    if model.externalBuffers:
        raise Damaged("it has its values in another file, which is never read")
    for index, graph in enumerate(model.subgraphs):
        tensors = listed(graph.tensors)
        for tensor in range(len(tensors)):
            check_tensor(model, tensors, tensor)
        check_subgraph(model, index, size)
    check_nesting(model)
    _check_signatures(model)
    for number in listed(model.metadataBuffer):
        if not 0 <= number < len(model.buffers):
            raise Damaged(f"its metadata is in buffer {number} of {len(model.buffers)}")
    for entry in listed(model.metadata):
        if entry.buffer >= len(model.buffers):
            raise Damaged(f"its metadata is in buffer {entry.buffer} of {len(model.buffers)}")


def _check_signatures(model: Any) -> None:
    for signature in listed(model.signatureDefs):
        if signature.subgraphIndex >= len(model.subgraphs):
            raise Damaged(f"a signature is of subgraph {signature.subgraphIndex} of {len(model.subgraphs)}")
        count = len(listed(model.subgraphs[signature.subgraphIndex].tensors))
        for entry in [*listed(signature.inputs), *listed(signature.outputs)]:
            if entry.name is None or entry.tensorIndex >= count:
                raise Damaged(f"a signature names tensor {entry.tensorIndex} of {count} as {entry.name!r}")
