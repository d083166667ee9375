"""Run a .tflite file on many samples, in batches of what the file takes, and return each output by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError
from optkit.runtime.chosen import Load
from optkit.runtime.litert import TFLiteRunner
from optkit.tflite.interface import Inputs, fit, read_interface


def run_samples(
    path: Path, x: Inputs, *, threads: int = 1, batch: int = 32, load: Load = TFLiteRunner
) -> dict[str, npt.NDArray[np.float32]]:
    """Return each output of the .tflite file at `path` by name: float32, shape (samples, *its shape for one).

    `x` are the samples: an array (samples, *sample shape), or one for each input by its name. A file whose batch is
    fixed is run with that one, whatever `batch` is. An output that has not one row a sample is given once per call, and
    its calls are stacked. `load` loads the file into another runtime. A file from elsewhere: try it first with
    `tflite.trial.check_runs`. Raises ArtifactError, and DataError when the samples do not fit.
    """
    interface = read_interface(path)
    arrays = fit(x, interface, "the data")
    count = len(next(iter(arrays.values())))
    if not count:
        raise DataError("the data has no samples; give one or more")
    size = interface.batch or min(batch, count)
    shapes = {name: array.shape[1:] for name, array in arrays.items()}
    more = {"verified": True} if load is TFLiteRunner else {}
    runner = load(path, threads=threads, batch=size, sample_shapes=shapes, **more)
    found: dict[str, list[npt.NDArray[np.float32]]] = {}
    for start in range(0, count, size):
        rows = np.resize(np.arange(start, min(start + size, count)), size)  # the last call is filled up
        raw = runner.invoke(runner.prepare({name: array[rows] for name, array in arrays.items()}))
        for name, values in runner.outputs(raw).items():
            each = values.ndim > 0 and len(values) == size
            found.setdefault(name, []).append(values[: count - start] if each else values[None])
    return {name: np.concatenate(parts) for name, parts in found.items()}
