"""The process in which a .tflite file is tried: one JSON request on standard input, one JSON answer on output.

Law: it imports LiteRT, NumPy and the limits, so it starts fast; whatever happens to it, it ends in time.
"""

from __future__ import annotations

import json
import os
from typing import Any

from optkit.process.exchange import received
from optkit.process.limits import limit_memory, limit_time


def main() -> None:
    """Read the request, run the file, answer."""
    request, answers = received()
    answers.write(json.dumps(attempt(**request)))
    answers.close()


def attempt(path: str, threads: int, batch: int, seconds: float) -> dict[str, str]:
    """Load `path` and run it twice in this process, which ends with SIGALRM after `seconds`.

    Returns an empty dict when it ran, and LiteRT's own message as `error` when LiteRT refused it.
    """
    from optkit.tflite.loading import allocated

    limit_time(seconds)
    limit_memory(os.stat(path).st_size, batch)
    try:
        interpreter = allocated(path, threads, batch)
        for fill in (_zeros, _random):
            for details in interpreter.get_input_details():
                interpreter.set_tensor(details["index"], fill(details))
            interpreter.invoke()
            for details in interpreter.get_output_details():
                interpreter.get_tensor(details["index"])
    except MemoryError:
        return {"error": "it asks for over 4 GiB of memory"}
    except Exception as error:  # whatever the runtime raises is about the file: there is nothing else here
        said = str(error).strip().splitlines()
        return {"error": said[0] if said else f"{type(error).__name__} without a message, as when memory runs out"}
    return {}


def _zeros(details: dict[str, Any]) -> Any:
    import numpy as np

    return np.zeros(details["shape"], details["dtype"])


def _random(details: dict[str, Any]) -> Any:
    """Return values from 0 to 1, or of a small integer's whole range; wider integers are places: those stay 0."""
    import numpy as np

    rng, dtype = np.random.default_rng(0), np.dtype(details["dtype"])
    if dtype.kind == "f":
        return rng.random(details["shape"]).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, details["shape"], dtype, endpoint=True)
    return np.zeros(details["shape"], dtype)
