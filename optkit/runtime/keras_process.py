"""Keras files behind the protocol of runtimes: `predict()` in a worker process, which has TensorFlow to itself."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.runtime.keras import KerasJob, KerasWorker
from optkit.runtime.protocol import Memory, Runner, Runtime, Shapes
from optkit.tflite.interface import Inputs


@dataclass(frozen=True, kw_only=True)
class KerasSettings:
    """Keras has none: TensorFlow decides."""


class KerasProcess:
    """A Keras .h5 file with one input and one output, loaded in a process of its own.

    Raises ArtifactError when the file is damaged or carries code, or when the process ends.
    """

    def __init__(self, path: Path, *, threads: int = 1, batch: int = 1) -> None:
        if threads < 1 or batch < 1:
            raise ArtifactError(f"threads is {threads} and batch is {batch}; expected 1 or more of each")
        self.threads, self.batch = threads, batch
        self._path = path
        self._worker = KerasWorker(threads)
        self._job: KerasJob | None = None
        self._prepared: npt.NDArray[np.float32] | None = None

    def prepare(self, x: Inputs) -> npt.NDArray[np.float32]:
        """Return `x`, (batch, *sample shape), as float32, and give it to the process."""
        if isinstance(x, Mapping):
            if len(x) != 1:
                raise ArtifactError(f"samples are for {len(x)} inputs; a Keras file is run with one: convert it first")
            x = next(iter(x.values()))
        self._load(np.asarray(x, np.float32))
        assert self._prepared is not None
        return self._prepared

    def invoke(self, prepared: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what `predict()` gives for one batch, through a pipe. This is the call that is timed."""
        if prepared is not self._prepared:
            self._load(prepared)
        assert self._job
        self._job.run()
        return self._job.scores()

    def _load(self, x: npt.NDArray[np.float32]) -> None:
        if self._job:
            self._job.close()
        self._job, self._prepared = KerasJob(self._worker, self._path, x, self.batch), x

    def scores(self, raw: npt.NDArray[np.float32], output: str | None = None) -> npt.NDArray[np.float32]:
        """Return the outputs as they are, float32, shape (batch, outputs)."""
        return raw

    def outputs(self, raw: npt.NDArray[np.float32]) -> dict[str, npt.NDArray[np.float32]]:
        """Return the one output under the name `output`."""
        return {"output": raw}

    def memory(self) -> Memory:
        """Return nothing: TensorFlow plans no arena."""
        return Memory(arena_bytes=None, how="TensorFlow takes memory as it goes")

    def close(self) -> None:
        """End the process."""
        self._worker.close()


def _refusal(path: Path, settings: KerasSettings) -> str | None:
    runner = None
    try:
        runner = KerasProcess(path)
        runner.prepare(np.zeros((1, 1), np.float32))  # loads the file
    except ArtifactError as error:
        return str(error)
    finally:
        if runner:
            runner.close()
    return None


def _runner(
    path: Path, settings: KerasSettings, *, threads: int = 1, batch: int = 1, sample_shapes: Shapes | None = None
) -> Runner:
    return KerasProcess(path, threads=threads, batch=batch)


def _version() -> str:
    return importlib.metadata.version("tf-keras")


RUNTIME = Runtime(
    name="keras",
    about="tf-keras' predict() on this machine's CPU",
    settings=KerasSettings,
    version=_version,
    suffixes=(".h5",),
    refusal=_refusal,
    runner=_runner,
    extra="train",
    modules=("tensorflow", "tf_keras"),
)
