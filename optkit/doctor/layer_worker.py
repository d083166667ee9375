"""The process in which both files run with all their tensors kept: one JSON request in, arrays in a file out.

Law: it imports LiteRT, NumPy and the limits, so it starts fast; whatever happens to it, it ends in time. Values are
counted as they stream by; of each tensor only a sample of them is kept.
"""

from __future__ import annotations

import json
import os
from typing import Any

from optkit.process.exchange import received
from optkit.process.limits import limit_memory, limit_time

KEPT = 20_000
"""Values of a tensor that are kept, over all samples."""


def main() -> None:
    """Read the request, run both files, answer."""
    request, answers = received()
    answers.write(json.dumps(measure(**request)))
    answers.close()


def measure(
    paths: list[str],
    samples: str,
    found: str,
    inputs: list[list[Any]],
    pairs: list[list[Any]],
    batch: int,
    seconds: float,
) -> dict[str, str]:
    """Run the two files at `paths` on the arrays in `samples`, and write what was seen of each pair to `found` (.npz).

    `inputs`: for each, its array's name and, of both files, tensor, dtype, scale and zero point. `pairs`: tensor of the
    first file, of the second, and scale (0: real values), zero point, low and high of the second. Returns an empty
    dict, or why it could not be done as `error`.
    """
    import numpy as np

    limit_time(seconds)
    limit_memory(sum(os.stat(path).st_size for path in paths), 2 * batch)
    try:
        interpreters = [_interpreter(path) for path in paths]
        with np.load(samples, allow_pickle=False) as file:
            arrays = {name: file[name] for name, *_ in inputs}
        count = len(next(iter(arrays.values())))
        calls = -(-count // batch)
        tallies = [Tally(pair, max(1, KEPT // calls)) for pair in pairs]
        for start in range(0, count, batch):
            rows = np.resize(np.arange(start, min(start + batch, count)), batch)  # the last call is filled up
            for side, interpreter in enumerate(interpreters):
                _run(interpreter, [(arrays[name][rows], *both[side]) for name, *both in inputs])
            for tally in tallies:
                tally.add(*(one.get_tensor(index) for one, index in zip(interpreters, tally.tensors, strict=True)))
    except MemoryError:
        return {"error": "it asks for over 4 GiB of memory"}
    except Exception as error:  # whatever the runtime raises is about the files: there is nothing else here
        said = str(error).strip().splitlines()
        return {"error": said[0] if said else f"{type(error).__name__} without a message, as when memory runs out"}
    np.savez(found, allow_pickle=False, **{f"{n}_{k}": v for n, t in enumerate(tallies) for k, v in t.arrays().items()})
    return {}


def _interpreter(path: str) -> Any:
    import warnings

    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of the memory that keeping all tensors takes
        return Interpreter(
            model_path=path,
            num_threads=1,
            experimental_preserve_all_tensors=True,
            # a delegate fuses operators, and what lies between them is never written
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )


def _run(interpreter: Any, feeds: list[tuple[Any, int, str, float, int]]) -> None:
    """Feed arrays (batch, ...), each with its tensor, dtype, scale (0: as it is) and zero point, and run."""
    import numpy as np

    shapes = {details["index"]: tuple(map(int, details["shape"])) for details in interpreter.get_input_details()}
    if any(shapes[index] != x.shape for x, index, *_ in feeds) or not getattr(interpreter, "optkit_ready", False):
        for x, index, *_ in feeds:
            interpreter.resize_tensor_input(index, x.shape)
        interpreter.allocate_tensors()
        interpreter.optkit_ready = True
    for x, index, dtype, scale, zero_point in feeds:
        if scale:
            limits = np.iinfo(dtype)
            x = np.clip(np.round(x.astype(np.float64) / scale) + zero_point, limits.min, limits.max)
        interpreter.set_tensor(index, np.ascontiguousarray(x.astype(dtype)))
    interpreter.invoke()


class Tally:
    """What was seen of a tensor in both files: sums, extremes by call, magnitudes by channel, and some values."""

    def __init__(self, pair: list[Any], keep: int) -> None:
        import numpy as np

        first, second, self.scale, self.zero_point, self.low, self.high = pair
        self.tensors = (first, second)
        self.keep = keep
        self.rng = np.random.default_rng(0)
        self.sums = np.zeros(7)
        """Values, x x, y y, x y, (x - y)^2, clipped values, squared error of clipping."""
        self.seen = [np.inf, -np.inf]
        self.calls: list[tuple[float, float]] = []
        self.values: list[Any] = []
        self.squares: Any = 0.0
        self.largest: Any = 0.0
        self.gaps: list[Any] = []
        self.rows = 0
        self.different = False

    def add(self, x: Any, raw: Any) -> None:
        """Add what a call gave: real values, and the other file's as they are stored."""
        import numpy as np

        x = np.asarray(x, np.float64)
        y = (np.asarray(raw, np.float64) - self.zero_point) * self.scale if self.scale else np.asarray(raw, np.float64)
        if x.size != y.size or not x.size:
            self.different = True
            return
        y = y.reshape(x.shape)
        self.calls.append((float(x.min()), float(x.max())))
        self.seen = [min(self.seen[0], float(y.min())), max(self.seen[1], float(y.max()))]
        step = 0.5 * self.scale
        held = np.clip(x, self.low - step, self.high + step) if self.scale else x
        over = x - held
        clipped = [np.count_nonzero(over), (over * over).sum()]
        self.sums += [x.size, (x * x).sum(), (y * y).sum(), (x * y).sum(), ((x - y) ** 2).sum(), *clipped]
        flat = x.reshape(-1)
        self.values.append(flat[self.rng.integers(0, flat.size, min(self.keep, flat.size))].astype(np.float32))
        if x.ndim > 1:
            rows = x.reshape(-1, x.shape[-1])
            self.rows += len(rows)
            self.squares = self.squares + (rows * rows).sum(axis=0)
            self.largest = np.maximum(self.largest, np.abs(rows).max(axis=0))
            if x.shape[-1] > 1 and len(rows) == len(x):  # one row a sample: it may be what tells classes apart
                best = np.partition(rows, -2, axis=1)[:, -2:]
                self.gaps.append(best[:, 1] - best[:, 0])

    def arrays(self) -> dict[str, Any]:
        """Return what was seen, as arrays by name."""
        import numpy as np

        return {
            "sums": self.sums,
            "seen": np.asarray(self.seen),
            "calls": np.asarray(self.calls, np.float64).reshape(-1, 2),
            "values": np.concatenate(self.values) if self.values else np.zeros(0, np.float32),
            "rms": np.sqrt(np.atleast_1d(self.squares) / max(1, self.rows)),
            "largest": np.atleast_1d(self.largest),
            "gaps": np.concatenate(self.gaps) if self.gaps else np.zeros(0),
            "different": np.asarray(self.different),
        }
