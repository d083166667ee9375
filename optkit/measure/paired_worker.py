"""The process that times a pair: one JSON request on standard input, one JSON answer on standard output."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from optkit.errors import OptkitError
from optkit.measure.paired import time_pair


def main() -> None:
    """Read the request, time, answer."""
    request: dict[str, Any] = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "w")  # the runtime may print from C++; the answer goes by a copy
    os.dup2(2, 1)
    try:
        timing = time_pair(Path(request.pop("base")), Path(request.pop("head")), **request)
        answer = msgspec.to_builtins(timing)
    except OptkitError as error:
        answer = {"error": str(error)}
    answers.write(json.dumps(answer))
    answers.close()


if __name__ == "__main__":
    main()
