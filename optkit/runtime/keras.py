"""Run a Keras file with `predict()` in a worker process with a fixed number of threads.

TensorFlow sets the size of its thread pools once per process, so each thread count has a process of its own; it
also keeps TensorFlow, its memory and its threads out of the process that times TFLite. A timed call crosses one
pipe in each direction, some 0.07 ms on top of a `predict()` of 20 ms and more.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.process.children import ended, own_code, start, stop
from optkit.process.temporary import temporary_folder

_END_SECONDS = 30


def write_arrays(path: Path, x: Any) -> None:
    """Write an array, or arrays by name, to `path` as NumPy's .npz. A single array has the empty name."""
    named = dict(x) if isinstance(x, Mapping) else {"": x}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **{f"array_{name}": array for name, array in named.items()})


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return what `write_arrays` wrote, by name."""
    with np.load(path, allow_pickle=False) as file:
        return {name.removeprefix("array_"): file[name] for name in file.files}


class KerasJob:
    """A model and its samples, loaded in a worker: `run` is the call that is timed.

    `x`: (samples, *sample shape), or of several inputs a dict of such arrays by input name.
    """

    def __init__(self, worker: KerasWorker, path: Path, x: Any, batch: int) -> None:
        self._worker = worker
        samples = worker.folder / "x"
        write_arrays(samples, x)
        self._path = path
        self._request = {"job": worker.ask(op="load", path=str(path), x=str(samples), batch=batch)["job"]}

    def run(self) -> None:
        """Run `predict()` on all the samples; the worker keeps the scores."""
        self._worker.ask(op="run", **self._request)

    def outputs(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the outputs of the last `run` by name: float32, shape (samples, ...)."""
        target = self._worker.folder / "scores"
        self._worker.ask(op="scores", to=str(target), **self._request)
        return {name: np.asarray(values, np.float32) for name, values in read_arrays(target).items()}

    def scores(self) -> npt.NDArray[np.float32]:
        """Return the scores of the last `run`, float32, shape (samples, outputs).

        Raises ArtifactError when the model has several outputs.
        """
        found = self.outputs()
        if len(found) != 1:
            raise ArtifactError(f"{self._path} has the outputs {', '.join(found)}; expected one")
        return next(iter(found.values()))

    def close(self) -> None:
        """Let the worker forget the model."""
        self._worker.ask(op="drop", **self._request)


class KerasWorker:
    """A process that has imported TensorFlow with `threads` threads and runs jobs one at a time."""

    def __init__(self, threads: int) -> None:
        self._temporary = ExitStack()
        self.folder = self._temporary.enter_context(temporary_folder("keras"))
        self._process = start(
            own_code("optkit.runtime.keras_worker", str(threads)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send one request and wait for its answer. Raises ArtifactError when the worker reports or has failed."""
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            how = ended(self._code())
            raise ArtifactError(f"the process that runs Keras models {how} during {request['op']}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ArtifactError(answer["error"])
        return answer

    def close(self) -> None:
        """End the process: it ends by itself when its input does, or is stopped."""
        try:
            for stream in (self._process.stdin, self._process.stdout):
                if stream:
                    with suppress(BrokenPipeError):
                        stream.close()
            self._code()
        finally:
            stop(self._process)
            self._temporary.close()

    def _code(self) -> int | None:
        """Return the return code of the process, which may take a moment to end; None when it goes on."""
        try:
            return self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            return None


class KerasWorkers:
    """The workers of a session, one per thread count, started when first needed. Use as a context manager."""

    def __init__(self) -> None:
        self._workers: dict[int, KerasWorker] = {}

    def job(self, path: Path, x: Any, *, threads: int, batch: int) -> KerasJob:
        """Load the Keras file at `path` and samples `x`, to be predicted in batches of `batch`."""
        if threads not in self._workers:
            self._workers[threads] = KerasWorker(threads)
        return KerasJob(self._workers[threads], path, x, batch)

    def __enter__(self) -> KerasWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            worker.close()
        self._workers.clear()
