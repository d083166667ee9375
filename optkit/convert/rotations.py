"""Let a file with rotated inputs (LiteRT's quantizer, Hadamard) take any number of samples again.

The quantizer writes a rotation as RESHAPE, FULLY_CONNECTED and RESHAPE, with constant shapes for one sample. -1 in
place of the first size stands for what follows from the others, and so for any batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from optkit.tflite.flatbuffer import is_constant, operator_name, parse_flatbuffer, tensor_name, tensor_type
from optkit.tflite.strip import share_buffers

_SHAPES = ("_prerotate_shape", "_postrotate_shape")
"""How the quantizer names the shapes that it adds."""


def with_free_batch(data: bytes, source: bytes) -> bytes:
    """Return the .tflite file `data`, made of `source`, with -1 as the first size of the shapes that were added."""
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    known = {tensor_name(tensor) for graph in parse_flatbuffer(source).subgraphs for tensor in graph.tensors}
    model = parse_flatbuffer(data)
    for graph in model.subgraphs:
        reshapes = [one for one in graph.operators if operator_name(model, one) == "RESHAPE" and len(one.inputs) == 2]
        for tensor in {int(one.inputs[1]): graph.tensors[int(one.inputs[1])] for one in reshapes}.values():
            if tensor_name(tensor) in known or not _is_added(model, tensor):
                continue
            sizes = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), np.int32)
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.array([-1, *sizes[1:]], np.int32).tobytes(), np.uint8)
            model.buffers.append(buffer)
            tensor.buffer = len(model.buffers) - 1
    model.metadataBuffer = None  # numbers of buffers, which are others now; nothing reads them
    share_buffers(model)
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _is_added(model: Any, tensor: Any) -> bool:
    named = tensor_name(tensor).split(":")[0].endswith(_SHAPES)
    return named and tensor_type(tensor) == "int32" and is_constant(model, tensor)
