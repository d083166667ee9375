"""One session of one model alone, as pytest-benchmark would time it: the rival of paired timing.

Started as a file in a fresh process: `python plain.py MODEL SECONDS`. A round is enough calls for a millisecond, as
`--benchmark-min-time=0.001` sets it; the answer has the mean seconds of a call over all rounds, and at most a hundred
rounds, evenly taken, for a test on pooled rounds.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUND_SECONDS, FEWEST_ROUNDS, KEPT_ROUNDS = 0.001, 5, 100


def run_session(model: Path, seconds: float = 0.5) -> dict[str, Any]:
    """Time `model` in a fresh process: {"mean": seconds, "rounds": nanoseconds of a call by round}."""
    command = [sys.executable, __file__, str(model), str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def time_alone(
    call: Callable[[], object], seconds: float, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Any]:
    """Time rounds of `call` for about `seconds`."""

    def block(count: int) -> float:
        began = clock()
        for _ in range(count):
            call()
        return clock() - began

    call()
    count = 1
    while (longest := block(count)) < ROUND_SECONDS:
        count = max(count + 1, min(10 * count, round(1.05 * count * ROUND_SECONDS / max(longest, 1e-9))))
    rounds: list[float] = []
    collected = gc.isenabled()
    gc.disable()
    try:
        began = clock()
        while len(rounds) < FEWEST_ROUNDS or clock() - began < seconds:
            rounds.append(block(count) / count)
    finally:
        if collected:
            gc.enable()
    step = max(1.0, len(rounds) / KEPT_ROUNDS)
    kept = [rounds[int(i * step)] for i in range(min(len(rounds), KEPT_ROUNDS))]
    return {"mean": sum(rounds) / len(rounds), "rounds": [float(f"{1e9 * one:.4g}") for one in kept]}


def main() -> None:
    """Load the model of the command line, time it, answer in JSON."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    x = np.random.default_rng(0).random(tuple(taken["shape"]), np.float32).astype(taken["dtype"])

    def call() -> object:
        interpreter.set_tensor(taken["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(given["index"])

    answers.write(json.dumps(time_alone(call, float(sys.argv[2]))))
    answers.close()


if __name__ == "__main__":
    main()
