"""Run a Keras file with `predict()` in this process.

TensorFlow sizes its thread pools once per process, so this is for processes that optkit starts for one job.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from optkit.keras.files import load_model
from optkit.keras.tensorflow import set_threads


class KerasRunner:
    """A Keras file that predicts `batch` samples a call. Raises ArtifactError when it is damaged or carries code."""

    def __init__(self, path: Path, *, threads: int = 1, batch: int = 1) -> None:
        set_threads(threads)
        self._model = load_model(path)
        self.threads, self.batch = threads, batch

    @property
    def sample_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one sample of each input by name, without the batch; a single input has the empty name."""
        shapes = [tuple(size or 1 for size in tensor.shape[1:]) for tensor in self._model.inputs]
        return dict(zip(self._model.input_names if len(shapes) > 1 else [""], shapes, strict=True))

    def prepare(self, x: Any) -> Any:
        """Return `x`, as `invoke` takes it: float32 (batch, *sample shape), or a dict of such arrays by input name."""
        if not isinstance(x, dict):
            return x
        pairs = zip(self._model.input_names, self._model.inputs, strict=True)
        types = {name: tensor.dtype.as_numpy_dtype for name, tensor in pairs}
        return {name: array.astype(types[name], copy=False) for name, array in x.items()}

    def invoke(self, prepared: Any) -> Any:
        """Return `predict()` of all samples in one batch. This is the call that is timed."""
        return self._model.predict(prepared, batch_size=self.batch, verbose=0)
