"""Run a .tflite file under LiteRT: allocate once for (threads, batch), invoke many times."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.tflite.verify import verify_file

Array = npt.NDArray[Any]


def runtime_version() -> str:
    """Return the version of LiteRT."""
    return importlib.metadata.version("ai-edge-litert")


def quantize(x: npt.NDArray[np.float32], dtype: Any, scale: float, zero_point: int) -> Array:
    """Return real values as integers of `dtype`: round(x / scale) + zero_point, held within the type's range.

    Jacob et al. 2018 (arXiv:1712.05877), equation 1.
    """
    limits = np.iinfo(dtype)
    integers = np.round(np.asarray(x, np.float64) / scale) + zero_point
    return np.clip(integers, limits.min, limits.max).astype(dtype)


def dequantize(q: Array, scale: float, zero_point: int) -> npt.NDArray[np.float32]:
    """Return the real values that the integers `q` stand for: (q - zero_point) * scale, as float32."""
    return ((q.astype(np.float64) - zero_point) * scale).astype(np.float32)


class TFLiteRunner:
    """One interpreter with tensors allocated for `batch` samples a call on `threads` threads.

    The file is verified before LiteRT sees it, unless it is `verified` already. Raises ArtifactError when `path` is not
    a whole .tflite file with one input and one output, of numbers, that can take `batch` samples. A file from elsewhere
    may still crash LiteRT, and this process: try it first with `runtime.trial.check_runs`.
    """

    def __init__(self, path: Path, *, threads: int = 1, batch: int = 1, verified: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if threads < 1 or batch < 1:
            raise ArtifactError(f"threads is {threads} and batch is {batch}; expected 1 or more of each")
        if not verified:
            verify_file(path)
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            inputs = self._interpreter.get_input_details()
            outputs = self._interpreter.get_output_details()
            if len(inputs) != 1 or len(outputs) != 1:
                raise ArtifactError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected one each")
            self._input_index = inputs[0]["index"]
            shape = [batch, *inputs[0]["shape"][1:]]
            if shape != list(inputs[0]["shape"]):
                self._interpreter.resize_tensor_input(self._input_index, shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise ArtifactError(f"{path} {_failure(batch, error)}") from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        for end, details in (("takes", self._input), ("gives", self._output)):
            if np.dtype(details["dtype"]).kind not in "biuf":
                raise ArtifactError(f"{path} {end} {np.dtype(details['dtype']).name}; expected numbers")
        self._path = path
        self.threads, self.batch = threads, batch

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch."""
        return tuple(int(size) for size in self._input["shape"][1:])

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of all tensors together, per sample of the batch: an upper bound on what one more sample costs."""
        sizes = (np.prod(t["shape"]) * np.dtype(t["dtype"]).itemsize for t in self._interpreter.get_tensor_details())
        return int(sum(sizes)) // self.batch

    def prepare(self, x: npt.NDArray[np.float32]) -> Array:
        """Return `x`, float32 (batch, *sample shape), as the input tensor takes it: its shape, its dtype, quantized."""
        expected = tuple(int(size) for size in self._input["shape"])
        if x.shape != expected:
            raise ArtifactError(f"samples have shape {x.shape}; the model takes {expected}")
        return np.ascontiguousarray(_encode(x, self._input))

    def invoke(self, prepared: Array) -> Array:
        """Run one batch from `prepare` and return the raw output tensor, a copy. This is the call that is timed.

        Raises ArtifactError when LiteRT cannot run it.
        """
        try:
            self._interpreter.set_tensor(self._input_index, prepared)
            self._interpreter.invoke()
            return self._interpreter.get_tensor(self._output["index"])  # type: ignore[no-any-return]
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(f"{self._path} {_failure(self.batch, error)}") from error

    def scores(self, raw: Array) -> npt.NDArray[np.float32]:
        """Return a raw output as real values, float32, shape (batch, outputs)."""
        return _decode(raw, self._output)


def _failure(batch: int, error: Exception) -> str:
    reason = str(error).strip().split("\n")[0]
    return f"cannot be run with batch {batch}: {reason}; give a whole .tflite file, or build it again"


def _encode(x: npt.NDArray[np.float32], details: dict[str, Any]) -> Array:
    dtype = details["dtype"]
    if np.issubdtype(dtype, np.integer):
        return quantize(x, dtype, *details["quantization"])
    return x.astype(dtype)


def _decode(raw: Array, details: dict[str, Any]) -> npt.NDArray[np.float32]:
    if np.issubdtype(details["dtype"], np.integer):
        return dequantize(raw, *details["quantization"])
    return raw.astype(np.float32)
