"""Run a .tflite file by LiteRT's `CompiledModel`, the newer of its two Python classes.

Found out of ai-edge-litert 2.3. Its options for the CPU work, one by one and together. What fails, with a RuntimeError
that names a line of C++ and no reason, is `enable_ynnpack` (the package has no YNNPACK), and GPU or NPU without their
drivers: none of these is a setting here. The kernel mode for reference kernels runs the built-in ones. After
`resize_input_tensor`, an output that lies behind a RESHAPE to a computed shape (SHAPE, STRIDED_SLICE, PACK: what
TensorFlow writes for a free batch) keeps its old shape: a run then writes beyond the end of its buffer, and the process
crashes. So shapes are compared with the interpreter's before that.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import ArtifactError, first_line
from optkit.process.temporary import temporary_folder
from optkit.runtime.litert import TFLiteRunner
from optkit.runtime.litert_settings import DEFAULT_FLAGS, XNNPACK_FLAGS, LiteRTSettings
from optkit.runtime.protocol import Memory, Shapes, Tensors


class CompiledModelRunner(TFLiteRunner):
    """A file compiled for `batch` samples a call, with shapes and types as LiteRT's interpreter says them.

    Raises ArtifactError as `TFLiteRunner` does, and when `CompiledModel` cannot run the file with this batch. A file
    from elsewhere may still crash it: see `TFLiteRunner`.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        batch: int = 1,
        verified: bool = False,
        sample_shapes: Shapes | None = None,
        settings: LiteRTSettings,
    ) -> None:
        super().__init__(path, threads=threads, batch=batch, verified=verified, sample_shapes=sample_shapes)
        self._tensor_bytes = super().bytes_per_sample * batch
        self._shapes = self._output_shapes()
        del self._interpreter
        self._kept = ExitStack()
        said: list[str] = []
        try:
            with _quiet(said):
                self._compile(settings)
        except (ValueError, RuntimeError, OSError) as error:
            self._kept.close()
            raise ArtifactError(f"{path} cannot be run by CompiledModel: {_reason(error, said)}") from error

    def _compile(self, settings: LiteRTSettings) -> None:
        from ai_edge_litert.compiled_model import CompiledModel

        self._options_used = self._options(settings)
        self._model = CompiledModel.from_file(str(self._path), options=self._options_used)
        self._number, key = self._signature()
        inputs = list(self._model.get_input_tensor_details(key).values())
        places = {int(details["index"]): place for place, details in enumerate(self._inputs)}
        for number, details in enumerate(inputs):
            shape = _shape(self._inputs[places[details["index"]]])
            if shape != _shape(details):
                self._model.resize_input_tensor(number, shape, self._number, strict=False)
        outputs = list(self._model.get_output_tensor_details(key).values())
        self._check_shapes(outputs)
        self._given: list[Any] = self._model.create_input_buffers(self._number)
        self._found: list[Any] = self._model.create_output_buffers(self._number)
        self._writes = [(buffer, places[d["index"]]) for buffer, d in zip(self._given, inputs, strict=True)]
        buffers = {int(d["index"]): buffer for buffer, d in zip(self._found, outputs, strict=True)}
        self._reads = [
            (buffers[d["index"]], int(np.prod(shape)), d["dtype"], shape)
            for d, shape in zip(self._outputs, self._shapes, strict=True)
        ]
        for buffer, place in self._writes:  # the first write has its say, too
            buffer.write(np.zeros(self._inputs[place]["shape"], self._inputs[place]["dtype"]))

    def _output_shapes(self) -> list[list[int]]:
        """Return the outputs' shapes with this batch. They may be known after a run only: so run on zeros."""
        zeros = [np.zeros(details["shape"], details["dtype"]) for details in self._inputs]
        found = super().invoke(tuple(zeros) if len(zeros) > 1 else zeros[0])
        return [list(array.shape) for array in (found if isinstance(found, tuple) else (found,))]

    def _options(self, settings: LiteRTSettings) -> Any:
        from ai_edge_litert.cpu_kernel_mode import CpuKernelMode
        from ai_edge_litert.cpu_options import CpuOptions
        from ai_edge_litert.options import Options

        cpu = CpuOptions(num_threads=self.threads, kernel_mode=CpuKernelMode[settings.kernels.upper()])
        if settings.xnnpack:
            cpu.xnnpack_flags = DEFAULT_FLAGS | sum(XNNPACK_FLAGS[flag] for flag in set(settings.xnnpack))
        if settings.weight_cache:
            cpu.xnnpack_weight_cache_path = str(self._kept.enter_context(temporary_folder("weights")) / "cache")
        return Options(cpu_options=cpu)

    def _signature(self) -> tuple[int, str]:
        """Return the number and name of the signature that has the inputs of the file's main graph."""
        wanted = {int(details["index"]) for details in self._inputs}
        for number, key in enumerate(self._model.get_signature_list()):
            found = self._model.get_input_tensor_details(key)
            if {int(details["index"]) for details in found.values()} == wanted:
                return number, key
        raise ValueError('no signature has the inputs of its main graph; use api = "interpreter"')

    def _check_shapes(self, outputs: list[dict[str, Any]]) -> None:
        """Raise ValueError when an output keeps a shape that is not the one of this batch."""
        own = {int(d["index"]): shape for d, shape in zip(self._outputs, self._shapes, strict=True)}
        for details in outputs:
            if _shape(details) != own.get(int(details["index"])):
                raise ValueError(
                    f"with batch {self.batch} its output {details['name']!r} keeps the shape {_shape(details)}, and a "
                    'run would write beyond its end; use the batch of the file, or api = "interpreter"'
                )

    @property
    def bytes_per_sample(self) -> int:
        """As of the interpreter: bytes of all tensors together, per sample of the batch."""
        return self._tensor_bytes // self.batch

    def invoke(self, prepared: Any) -> Tensors:
        """Run one batch from `prepare` and return the raw outputs, copies. This is the call that is timed.

        Raises ArtifactError when LiteRT cannot run it.
        """
        given = prepared if isinstance(prepared, tuple) else (prepared,)
        try:
            for buffer, place in self._writes:
                buffer.write(given[place])
            self._model.run_by_index(self._number, self._given, self._found)
            found = tuple(buffer.read(size, dtype).reshape(shape) for buffer, size, dtype, shape in self._reads)
        except (ValueError, RuntimeError) as error:
            raise ArtifactError(f"{self._path} cannot be run by CompiledModel: {first_line(error)}") from error
        return found[0] if len(found) == 1 else found

    def memory(self) -> Memory:
        """Return the bytes of all tensors, as of the interpreter."""
        how = "the sum of all tensors: more than is held at once"
        return Memory(arena_bytes=None, how=how, parts={"tensors": self._tensor_bytes})

    def close(self) -> None:
        """Let go of the model and of its weight cache."""
        with _quiet([]):
            self._given.clear()
            self._found.clear()
            self._writes.clear()
            self._reads.clear()
            self._model.close()
        self._kept.close()


def _shape(details: dict[str, Any]) -> list[int]:
    return [int(size) for size in details["shape"]]


@contextmanager
def _quiet(said: list[str]) -> Iterator[None]:
    """Take what native code writes to the standard error, a dozen lines a model, into `said`."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said += file.read().decode("utf-8", "replace").splitlines()


def _reason(error: Exception, said: list[str]) -> str:
    """Return what is wrong: our own words, or the last error that native code wrote."""
    if isinstance(error, ValueError) and not str(error).startswith("ERROR"):
        return first_line(error)
    errors = [line for line in said if line.startswith("ERROR")]
    return f'{errors[-1] if errors else first_line(error)}; use api = "interpreter"'
