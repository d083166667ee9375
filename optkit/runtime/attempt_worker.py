"""The process of `attempt`: one JSON request on standard input, one JSON answer on standard output."""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any


def main() -> None:
    """Read the request, run the file, answer."""
    from optkit.process.exchange import received

    request, answers = received()
    try:
        answer = _attempted(**request)
    except MemoryError:
        answer = {"error": "it asks for over 4 GiB of memory"}
    except Exception as error:  # whatever the runtime raises is about the file: there is nothing else here
        from optkit.errors import first_line

        answer = {"error": first_line(error)}
    answers.write(json.dumps(answer))
    answers.close()


def _attempted(
    path: str, threads: int, batch: int, seconds: float, runtime: str, settings: dict[str, Any], to: str
) -> dict[str, Any]:
    from pathlib import Path

    import numpy as np

    from optkit.process.limits import limit_memory, limit_time
    from optkit.runtime.chosen import loader
    from optkit.runtime.inputs import random_inputs
    from optkit.spec.running import Running
    from optkit.tflite.interface import read_interface

    load = loader(Running(runtime=runtime, settings=settings))
    place = Path(path)
    interface = read_interface(place)
    size = interface.batch or batch
    limit_time(seconds)
    limit_memory(os.stat(path).st_size, size)
    runner = load(place, threads=threads, batch=size)
    for zeros in (True, False):
        found = runner.outputs(runner.invoke(runner.prepare(random_inputs(interface, size, zeros=zeros))))
    np.savez(to, *found.values())
    limit_time(0)
    return {"outputs": list(found), "memory": dataclasses.asdict(runner.memory())}
