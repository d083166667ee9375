"""The process that loads a file and runs it twice: which nodes a delegate took, and how much memory that needed.

One JSON request on standard input, one JSON answer on standard output. It imports LiteRT, NumPy and the limits.
"""

from __future__ import annotations

import json
import os
from typing import Any


def main() -> None:
    """Read the request, run the file, answer."""
    from optkit.process.exchange import received
    from optkit.process.limits import limit_memory, limit_time

    request, answers = received()
    limit_time(request.pop("seconds"))
    limit_memory(os.stat(request["path"]).st_size, request["batch"])
    answers.write(json.dumps(attempt(**request)))
    answers.close()


def attempt(path: str, threads: int, batch: int) -> dict[str, Any]:
    """Load and run `path`; return the delegates' nodes and the memory, or LiteRT's own message as `error`."""
    import numpy  # noqa: F401 (loaded before memory is looked at)
    from ai_edge_litert import interpreter as _  # noqa: F401

    from optkit.inspect.loading import load, told
    from optkit.process.resident import resident_bytes

    before = resident_bytes("VmRSS")
    try:
        interpreter = load(path, threads, batch)
        loaded = resident_bytes("VmRSS")
        for _run in range(2):
            interpreter.invoke()
        for details in interpreter.get_output_details():
            interpreter.get_tensor(details["index"])
        peak = resident_bytes("VmHWM")
    except Exception as error:  # whatever the runtime raises is about the file: there is nothing else here
        return {"error": "it asks for over 4 GiB of memory" if isinstance(error, MemoryError) else told(error)}
    return {
        "delegates": _delegates(interpreter),
        "loaded_bytes": max(0, loaded - before) if before and loaded else None,
        "peak_bytes": max(0, peak - before) if before and peak else None,
    }


def _delegates(interpreter: Any) -> list[dict[str, Any]] | None:
    """Return the nodes that stand for parts of the graph; None where this LiteRT does not tell.

    What tells them is not a public part of LiteRT's interpreter.
    """
    try:
        inner = interpreter._interpreter
        nodes = [(index, inner.NodeName(index)) for index in range(inner.NumNodes())]
        return [
            {
                "name": name,
                "inputs": [int(i) for i in inner.NodeInputs(index)],
                "outputs": [int(i) for i in inner.NodeOutputs(index)],
                "index": index,
            }
            for index, name in nodes
        ]
    except (AttributeError, TypeError, ValueError, RuntimeError):
        return None
