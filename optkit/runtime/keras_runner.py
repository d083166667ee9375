"""Run a Keras file with `predict()` in this process.

TensorFlow sizes its thread pools once per process, so this is for processes that optkit starts for one job.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.keras.files import load_model
from optkit.keras.tensorflow import set_threads


class KerasRunner:
    """A Keras file that predicts `batch` samples a call. Raises ArtifactError when it is damaged or carries code."""

    def __init__(self, path: Path, *, threads: int = 1, batch: int = 1) -> None:
        set_threads(threads)
        self._model = load_model(path)
        self.threads, self.batch = threads, batch

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch."""
        return tuple(self._model.input_shape[1:])

    def prepare(self, x: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return `x`, float32 (batch, *sample shape), as `invoke` takes it."""
        return x

    def invoke(self, prepared: npt.NDArray[np.float32]) -> Any:
        """Return `predict()` of all samples in one batch. This is the call that is timed."""
        return self._model.predict(prepared, batch_size=self.batch, verbose=0)
