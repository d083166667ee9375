"""LiteRT's interpreter of a file for a batch. Only processes of their own call this: a file may crash LiteRT."""

from __future__ import annotations

from typing import Any

from ai_edge_litert.interpreter import Interpreter


def allocated(path: str, threads: int, batch: int) -> Any:
    """Return LiteRT's interpreter of the file at `path`, allocated for `batch` samples a call.

    LiteRT's own errors come through, such as that of a file whose batch is another one and fixed.
    """
    interpreter = Interpreter(model_path=path, num_threads=threads)
    for details in interpreter.get_input_details():
        shape = [batch, *details["shape"][1:]] if len(details["shape"]) else []
        if shape != list(details["shape"]):
            interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    return interpreter
