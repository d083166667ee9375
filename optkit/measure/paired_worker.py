"""The process that times a pair: one JSON request on standard input, one JSON answer on standard output.

Before the answer comes a line for each file that it is about to load or to call for the first time, so that a crash
can be laid to a file; each has its own limit of time, after which SIGALRM ends the process.

Law: it imports what it times with and no more: to import all of optkit would take as long as half of the timing.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def main() -> None:
    """Read the request, time, answer."""
    import msgspec

    from optkit.errors import OptkitError
    from optkit.measure.paired import LOADS
    from optkit.measure.paired_models import time_pair
    from optkit.process.exchange import received
    from optkit.process.limits import limit_memory, limit_time

    request, answers = received()
    limits: dict[str, float] = request.pop("limits", {})
    if running := request.pop("running", {}):
        from optkit.spec.running import Running

        request["running"] = {role: Running(**one) for role, one in running.items()}

    def write(line: dict[str, Any]) -> None:
        answers.write(f"{json.dumps(line)}\n")
        answers.flush()

    def entering(role: str | None) -> None:
        write({"entering": role})
        limit_time(limits.get(role or "", 0))

    base, head = Path(request.pop("base")), Path(request.pop("head"))
    if base.is_file() and head.is_file() and ".h5" not in (base.suffix, head.suffix):  # TensorFlow asks for more
        limit_memory(LOADS * (2 * base.stat().st_size + head.stat().st_size), request["batch"])
    try:
        timing = time_pair(base, head, **request, entering=entering)
        answer = msgspec.to_builtins(timing)
    except OptkitError as error:
        answer = {"error": str(error)}
    write(answer)
    answers.close()
