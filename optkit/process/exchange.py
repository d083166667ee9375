"""How a worker process is asked, and answers: one JSON request in, JSON out."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO


def received() -> tuple[dict[str, Any], TextIO]:
    """Return the request on standard input, and where the answer goes.

    What native libraries print to standard output goes to standard error from then on: the answer has a copy of it.
    """
    request: dict[str, Any] = json.load(sys.stdin)
    return request, answering()


def answering() -> TextIO:
    """Return where answers go: a copy of standard output, which goes to standard error from then on."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return answers
