"""Run a .tflite file under LiteRT: allocate once for (threads, batch), invoke many times."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.runtime.litert_settings import TUNABLE, LiteRTSettings
from optkit.runtime.protocol import Memory, Runtime, Shapes, Tensors
from optkit.tflite.interface import Array, Inputs, Interface, read_interface
from optkit.tflite.verify import verify_file

DEFAULTS = LiteRTSettings()
_RESOLVERS = {"xnnpack": "AUTO", "builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES", "reference": "BUILTIN_REF"}


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
    a whole .tflite file with inputs and outputs of numbers, that can take `batch` samples. A file from elsewhere may
    still crash LiteRT, and this process: try it first with `tflite.trial.check_runs`. `sample_shapes`, by the names of
    inputs, sets sizes that the file leaves free, such as the length of a sequence.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        batch: int = 1,
        verified: bool = False,
        sample_shapes: Shapes | None = None,
        settings: LiteRTSettings = DEFAULTS,
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        if threads < 1 or batch < 1:
            raise ArtifactError(f"threads is {threads} and batch is {batch}; expected 1 or more of each")
        if not verified:
            verify_file(path)
        self._path = path
        self.threads, self.batch = threads, batch
        given = sample_shapes or {}  # what is missing there, `prepare` says
        shapes = {s.index: given[s.name] for s in self.interface.inputs if s.name in given} if given else {}
        try:
            self._interpreter = Interpreter(
                model_path=str(path),
                num_threads=threads,
                experimental_op_resolver_type=OpResolverType[_RESOLVERS[settings.kernels]],
                experimental_default_delegate_latest_features="latest_operators" in settings.xnnpack,
            )
            inputs = self._interpreter.get_input_details()
            outputs = self._interpreter.get_output_details()
            if not inputs or not outputs:
                raise ArtifactError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; expected some")
            for details in inputs:
                shape = [batch, *shapes.get(details["index"], details["shape"][1:])]
                if shape != list(details["shape"]):
                    self._interpreter.resize_tensor_input(details["index"], shape)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, OSError) as error:
            raise ArtifactError(f"{path} {_failure(batch, error)}") from error
        self._inputs, self._outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        for end, several in (("takes", self._inputs), ("gives", self._outputs)):
            for details in several:
                if np.dtype(details["dtype"]).kind not in "biuf":
                    raise ArtifactError(f"{path} {end} {np.dtype(details['dtype']).name}; expected numbers")
        self._input_index, self._output_index = self._inputs[0]["index"], self._outputs[0]["index"]
        self._one = len(self._inputs) == len(self._outputs) == 1

    @cached_property
    def interface(self) -> Interface:
        """The names, shapes and types of the file's inputs and outputs, in the order of `Tensors`."""
        return read_interface(self._path)

    @staticmethod
    def fixed_batch(path: Path) -> int | None:
        """Return how many samples each call of the file at `path` must have; None when any number will do."""
        return read_interface(path).batch

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch. Raises ArtifactError when the model has several inputs."""
        if len(self._inputs) > 1:
            names = ", ".join(repr(spec.name) for spec in self.interface.inputs)
            raise ArtifactError(f"{self._path} has the inputs {names}; expected one")
        return tuple(int(size) for size in self._inputs[0]["shape"][1:])

    @property
    def sample_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of one sample of each input by name, without the batch; a single input has the empty name."""
        shapes = [tuple(int(size) for size in details["shape"][1:]) for details in self._inputs]
        names = [spec.name for spec in self.interface.inputs] if len(shapes) > 1 else [""]
        return dict(zip(names, shapes, strict=True))

    @property
    def bytes_per_sample(self) -> int:
        """Bytes of all tensors together, per sample of the batch: an upper bound on what one more sample costs."""
        sizes = (np.prod(t["shape"]) * np.dtype(t["dtype"]).itemsize for t in self._interpreter.get_tensor_details())
        return int(sum(sizes)) // self.batch

    def prepare(self, x: Inputs) -> Tensors:
        """Return `x`, real values (batch, *sample shape), as the inputs take it: their shapes, types, quantized.

        An array for one input; for several, arrays by name.
        """
        if not isinstance(x, Mapping):
            if len(self._inputs) > 1:
                x = {self.interface.inputs[0].name: x}  # and the others are missing
            else:
                return self._prepared(x, self._inputs[0])
        names = [spec.name for spec in self.interface.inputs]
        if set(x) != set(names):
            got, wanted = (", ".join(map(repr, some)) or "none" for some in (x, names))
            raise ArtifactError(
                f"samples are for the inputs {got}; {self._path} takes {wanted}: give an array for each"
            )
        prepared = [self._prepared(x[name], details) for name, details in zip(names, self._inputs, strict=True)]
        return prepared[0] if len(prepared) == 1 else tuple(prepared)

    def _prepared(self, x: Array, details: dict[str, Any]) -> Array:
        expected = tuple(int(size) for size in details["shape"])
        if x.shape != expected:
            raise ArtifactError(f"samples have shape {x.shape}; the model takes {expected}")
        return np.ascontiguousarray(_encode(x, details))

    def invoke(self, prepared: Tensors) -> Tensors:
        """Run one batch from `prepare` and return the raw outputs, copies. This is the call that is timed.

        Raises ArtifactError when LiteRT cannot run it.
        """
        try:
            if self._one:
                self._interpreter.set_tensor(self._input_index, prepared)
                self._interpreter.invoke()
                return self._interpreter.get_tensor(self._output_index)  # type: ignore[no-any-return]
            given = prepared if isinstance(prepared, tuple) else (prepared,)
            for details, values in zip(self._inputs, given, strict=True):
                self._interpreter.set_tensor(details["index"], values)
            self._interpreter.invoke()
            found = tuple(self._interpreter.get_tensor(details["index"]) for details in self._outputs)
            return found[0] if len(found) == 1 else found
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(f"{self._path} {_failure(self.batch, error)}") from error

    def scores(self, raw: Tensors, output: str | None = None) -> npt.NDArray[np.float32]:
        """Return a raw output as real values, float32, shape (batch, outputs): of several, the one called `output`.

        Raises ArtifactError when the model has several outputs and no such one.
        """
        if not isinstance(raw, tuple):
            return _decode(raw, self._outputs[0])
        found = self.outputs(raw)
        if output not in found:
            names = ", ".join(map(repr, found))
            raise ArtifactError(f"{self._path} has the outputs {names}, and {output!r} was asked for; name one of them")
        return found[output]

    def memory(self) -> Memory:
        """Return the bytes of all tensors; LiteRT tells Python nothing of how it laid them out."""
        tensors = self.bytes_per_sample * self.batch
        return Memory(
            arena_bytes=None, how="the sum of all tensors: more than is held at once", parts={"tensors": tensors}
        )

    def close(self) -> None:
        """Let go of the interpreter, and with it of its memory."""
        del self._interpreter

    def outputs(self, raw: Tensors) -> dict[str, npt.NDArray[np.float32]]:
        """Return the raw outputs as real values, float32, by name."""
        several = raw if isinstance(raw, tuple) else (raw,)
        specs = self.interface.outputs
        return {s.name: _decode(r, d) for s, r, d in zip(specs, several, self._outputs, strict=True)}


def _failure(batch: int, error: Exception) -> str:
    reason = str(error).strip().split("\n")[0]
    return f"cannot be run with batch {batch}: {reason}; give a whole .tflite file, or build it again"


def _encode(x: Array, details: dict[str, Any]) -> Array:
    dtype, (scale, zero_point) = details["dtype"], details["quantization"]
    if np.issubdtype(dtype, np.integer) and scale:
        return quantize(x, dtype, scale, zero_point)
    return x.astype(dtype)


def _decode(raw: Array, details: dict[str, Any]) -> npt.NDArray[np.float32]:
    scale, zero_point = details["quantization"]
    if np.issubdtype(details["dtype"], np.integer) and scale:
        return dequantize(raw, scale, zero_point)
    return raw.astype(np.float32)


def load_litert(
    path: Path,
    settings: LiteRTSettings = DEFAULTS,
    *,
    threads: int = 1,
    batch: int = 1,
    sample_shapes: Shapes | None = None,
    verified: bool = False,
) -> TFLiteRunner:
    """Load a .tflite file into the class of LiteRT that `settings` name. Raises ArtifactError as `TFLiteRunner`."""
    kind: type[TFLiteRunner] = TFLiteRunner
    if settings.api == "compiled_model":
        from optkit.runtime.compiled_model import CompiledModelRunner

        kind = CompiledModelRunner
    return kind(path, threads=threads, batch=batch, sample_shapes=sample_shapes, settings=settings, verified=verified)


def _refusal(path: Path, settings: LiteRTSettings) -> str | None:
    from optkit.runtime.attempt import refusal_of

    return refusal_of(path, "litert", settings)


RUNTIME = Runtime(
    name="litert",
    about="LiteRT on this machine's CPU",
    settings=LiteRTSettings,
    version=runtime_version,
    suffixes=(".tflite",),
    cpu_time=True,
    tunable=TUNABLE,
    refusal=_refusal,
    runner=load_litert,
)
