"""The process that writes weights as lookup tables: one JSON request on standard input, one JSON answer on output.

The request has the file's `path`, where to write (`to`), and for each of `tensors` its number, bits and axis.
"""

from __future__ import annotations

import json
import os

from optkit.process.exchange import received
from optkit.process.limits import limit_memory, limit_time


def main() -> None:
    """Read the request, compress, write, answer."""
    from tflite_micro import compression
    from tflite_micro.tensorflow.lite.micro.compression.spec import PerChannel

    request, answers = received()
    limit_time(request["seconds"])
    limit_memory(os.stat(request["path"]).st_size)
    builder = compression.SpecBuilder()
    for tensor, bits, axis in request["tensors"]:
        builder = builder.add_tensor(0, tensor).with_lut(bits, PerChannel(axis=axis))
    try:
        with open(request["path"], "rb") as file:
            made = compression.compress(file.read(), builder.build())
        with open(request["to"], "wb") as file:
            file.write(made)
        answer = {}
    except Exception as error:  # whatever is raised is about the file: there is nothing else here
        answer = {"error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(answer))
    answers.close()
