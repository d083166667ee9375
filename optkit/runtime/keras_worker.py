"""The other end of `runtime.keras`: one JSON request a line on standard input, one JSON answer a line on output."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optkit.errors import OptkitError
from optkit.keras.files import load_model
from optkit.keras.tensorflow import set_threads
from optkit.process.exchange import answering
from optkit.runtime.keras import read_arrays, write_arrays


def main() -> None:
    """Serve requests until standard input ends."""
    answers = answering()
    nowhere = os.open(os.devnull, os.O_WRONLY)  # for what TensorFlow prints from C++
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    set_threads(int(sys.argv[1]))
    for answer in _serve(json.loads(line) for line in sys.stdin):
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _serve(requests: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    jobs: dict[int, dict[str, Any]] = {}
    for number, request in enumerate(requests):
        try:
            if request["op"] == "load":
                arrays = read_arrays(Path(request["x"]))
                x = arrays[""] if "" in arrays else arrays
                jobs[number] = {"model": load_model(Path(request["path"])), "x": x, "batch": request["batch"]}
                yield {"job": number}
                continue
            job = jobs[request["job"]]
            if request["op"] == "run":
                job["scores"] = job["model"].predict(job["x"], batch_size=job["batch"], verbose=0)
            elif request["op"] == "scores":
                write_arrays(Path(request["to"]), _by_name(job["model"], job["scores"]))
            elif request["op"] == "drop":
                del jobs[request["job"]]
            yield {}
        except OptkitError as error:
            yield {"error": str(error)}
        except Exception as error:
            yield {"error": f"{request['op']} failed in TensorFlow: {type(error).__name__}: {error}"}


def _by_name(model: Any, found: Any) -> dict[str, Any]:
    """Return what `predict()` gave, by the names of the outputs."""
    if isinstance(found, dict):
        return found
    several = found if isinstance(found, (list, tuple)) else [found]
    return dict(zip(model.output_names, several, strict=True))
