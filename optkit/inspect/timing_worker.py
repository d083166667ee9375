"""The process that times several files, or one in several ways, in turns: one JSON request in, one JSON answer out."""

from __future__ import annotations

import gc
import json
import os
import time
from typing import Any

_BLOCK_SECONDS = 0.002
_LEAST_ROUNDS = 4


def main() -> None:
    """Read the request, time, answer."""
    from optkit.process.exchange import received
    from optkit.process.limits import limit_memory, limit_time

    request, answers = received()
    limit_time(request.pop("limit"))
    jobs = request["jobs"]
    limit_memory(2 * sum(os.stat(job["path"]).st_size for job in jobs), max(job["batch"] for job in jobs))
    gc.disable()
    answers.write(json.dumps(take_turns(**request)))
    answers.close()


def take_turns(jobs: list[dict[str, Any]], seconds: float) -> dict[str, Any]:
    """Time each of `jobs` (path, threads, batch, kernels) in turns for some `seconds` in all.

    Returns `rounds`: for each job the seconds of a call, by round, or None with the reason in `errors` when it cannot
    be run.
    """
    loaded: list[Any] = []
    errors: list[str] = []
    for job in jobs:
        interpreter, error = _loaded(job)
        loaded.append(interpreter)
        errors.append(error)
    calls = [_calls(interpreter) if interpreter else 0 for interpreter in loaded]
    rounds: list[list[float]] = [[] for _ in jobs]
    ends = time.perf_counter() + seconds
    number = 0
    while number < _LEAST_ROUNDS or time.perf_counter() < ends:
        for interpreter, count, its in zip(loaded, calls, rounds, strict=True):
            if interpreter:
                interpreter.invoke()
                its.append(_block(interpreter, count))
        number += 1
    return {"rounds": [its or None for its in rounds], "errors": errors}


def _loaded(job: dict[str, Any]) -> tuple[Any, str]:
    from optkit.inspect.loading import load, told

    try:
        interpreter = load(job["path"], job["threads"], job["batch"], job["kernels"])
        interpreter.invoke()
    except Exception as error:  # whatever the runtime raises is about this job
        return None, told(error)
    return interpreter, ""


def _calls(interpreter: Any) -> int:
    return max(1, min(200, int(_BLOCK_SECONDS / max(1e-7, _block(interpreter, 2)))))


def _block(interpreter: Any, calls: int) -> float:
    invoke = interpreter.invoke
    began = time.perf_counter()
    for _ in range(calls):
        invoke()
    return (time.perf_counter() - began) / calls
