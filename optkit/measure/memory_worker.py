"""The process whose growth is measured while LiteRT, or MNN, loads a file and runs it.

One JSON request in, one JSON answer out. It imports the runtime, NumPy and the limits before anything is measured.
"""

from __future__ import annotations

import json
import os
from typing import Any

from optkit.process.exchange import received
from optkit.process.limits import limit_memory, limit_time
from optkit.process.resident import resident_bytes

_RUNS = 3


def main() -> None:
    """Read the request, run the file, answer."""
    request, answers = received()
    limit_time(request.pop("seconds"))
    limit_memory(os.stat(request["path"]).st_size, request["batch"])
    answers.write(json.dumps(attempt(**request)))
    answers.close()


def attempt(path: str, threads: int, batch: int, mnn: dict[str, Any] | None = None) -> dict[str, Any]:
    """Load and run `path`; return the bytes that this grew the process by at most, or the runtime's own message.

    `mnn`, precision and shapes of inputs, is given when MNN runs it.
    """
    try:
        before, peak = _in_mnn(path, threads, batch, **mnn) if mnn else _in_litert(path, threads, batch)
    except MemoryError:
        return {"error": "it asks for over 4 GiB of memory"}
    except Exception as error:  # whatever the runtime raises is about the file: there is nothing else here
        said = str(error).strip().splitlines()
        return {"error": said[0] if said else type(error).__name__}
    return {"bytes": max(0, peak - before) if before and peak else None}


def _in_litert(path: str, threads: int, batch: int) -> tuple[int, int]:
    """Return the resident memory before, and the most until the end."""
    from optkit.tflite.loading import allocated  # with LiteRT and NumPy, before memory is looked at

    _forget_peak()
    before = resident_bytes("VmRSS")
    interpreter = allocated(path, threads, batch)
    for _ in range(_RUNS):
        interpreter.invoke()
    for details in interpreter.get_output_details():
        interpreter.get_tensor(details["index"])
    return before, resident_bytes("VmHWM")


def _in_mnn(path: str, threads: int, batch: int, precision: str, shapes: dict[str, list[int]]) -> tuple[int, int]:
    """As `_in_litert`, in MNN."""
    from pathlib import Path

    import _mnncengine  # noqa: F401 (loaded before memory is looked at)
    import numpy as np

    from optkit.convert.mnn_session import Session, refuse_the_rest

    refuse_the_rest()
    _forget_peak()
    before = resident_bytes("VmRSS")
    whole = {name: tuple(shape) for name, shape in shapes.items()}
    session = Session(Path(path), threads=threads, batch=batch, precision=precision, shapes=whole)
    samples = {name: np.zeros(shape, dtype) for name, (shape, dtype) in session.inputs.items()}
    for _ in range(_RUNS):
        session.run(samples)
    return before, resident_bytes("VmHWM")


def _forget_peak() -> None:
    """Let the peak begin from here: 5 in /proc/self/clear_refs, proc(5). Where it cannot, importing took less."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        return
