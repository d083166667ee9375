"""What the processes of this folder share: an interpreter of a file, and values to run it on.

Law: only processes of their own call this; a file from elsewhere may crash LiteRT.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

Kernels = Literal["default", "built-in", "reference"]
"""What runs operators: XNNPACK where it can, LiteRT's own kernels alone, or its reference kernels."""


def load(path: Path | str, threads: int, batch: int, kernels: Kernels = "default") -> Any:
    """Return LiteRT's interpreter for `path`, allocated for `batch` samples a call, its inputs filled.

    A file whose batch is fixed keeps it. LiteRT's own errors come through.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kinds = {
        "default": OpResolverType.AUTO,
        "built-in": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        "reference": OpResolverType.BUILTIN_REF,
    }
    interpreter = Interpreter(model_path=str(path), num_threads=threads, experimental_op_resolver_type=kinds[kernels])
    for details in interpreter.get_input_details():
        shape = [int(size) for size in details["shape"]]
        free = [int(size) for size in details.get("shape_signature", shape)]
        if len(free) == len(shape) and free and free[0] < 0:
            shape[0] = batch
        shape = [max(1, size) for size in shape]
        if shape != [int(size) for size in details["shape"]]:
            interpreter.resize_tensor_input(details["index"], shape)
    interpreter.allocate_tensors()
    for details in interpreter.get_input_details():
        interpreter.set_tensor(details["index"], values(details["shape"], details["dtype"]))
    return interpreter


def values(shape: Any, dtype: Any) -> Any:
    """Return values from 0 to 1, or of a small integer's whole range; wider integers are places: those stay 0."""
    import numpy as np

    rng, kind = np.random.default_rng(0), np.dtype(dtype)
    if kind.kind == "f":
        return rng.random(tuple(shape)).astype(kind)
    if kind.kind in "iu" and kind.itemsize <= 2:
        limits = np.iinfo(kind)
        return rng.integers(limits.min, limits.max, tuple(shape), kind, endpoint=True)
    return np.zeros(tuple(shape), kind)


def told(error: BaseException) -> str:
    """Return the first line of what LiteRT says; what is likely when it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else f"{type(error).__name__} without a message, as when memory runs out"
