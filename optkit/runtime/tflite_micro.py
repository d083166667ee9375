"""Run a .tflite file under TensorFlow Lite Micro's reference interpreter, and read how large its arena is.

The interpreter is the one of PyPI's `tflite-micro`: the library that microcontrollers run, with its reference kernels,
built for this processor. What it computes and the memory it plans are those of a microcontroller, but for pointers of
8 bytes in place of 4. Its time says nothing of a microcontroller and is never taken. It meets files in a process of its
own: it may crash on one, and prints to standard error from C++.
"""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import ArtifactError
from optkit.names import shown
from optkit.process.children import own_code, start, stop
from optkit.process.temporary import temporary_folder
from optkit.runtime.litert import dequantize, quantize
from optkit.runtime.micro_says import Refused, check_encoding, read_allocations, refused
from optkit.runtime.protocol import Memory, Runtime, Tensors
from optkit.tflite.interface import Array, Inputs, Interface, interface_of, read_interface
from optkit.tflite.tensors import listed, numbers
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, too_slow
from optkit.tflite.verify import verify_file

NAME = "tflite_micro"
_WORKER = "optkit.runtime.micro_worker"
_HOW = "the recording allocator of TensorFlow Lite Micro, with pointers of this processor"
_END_SECONDS = 5.0
_LEAST_SECONDS = 10.0
LEAST = "smallest arena that works"
"""A part of `memory`: with what the library needs for a moment while it prepares operators."""


@dataclass(frozen=True, kw_only=True)
class MicroSettings:
    """Settings of the interpreter. `arena_bytes` is the size of the arena; 0 gives it as much as it needs."""

    arena_bytes: int = 0

    def __post_init__(self) -> None:
        if self.arena_bytes < 0:
            raise ArtifactError(f"arena_bytes is {self.arena_bytes}; expected 0 (as much as it needs) or more")


def version() -> str:
    """Return the version of tflite-micro."""
    return importlib.metadata.version("tflite_micro")


class MicroRunner:
    """One interpreter, in a process of its own, that runs `batch` samples a call: one after the other.

    Raises Refused, with the operator and the reason, when the interpreter does not take the file, and ArtifactError
    when it is damaged, crashes the interpreter or is not done in `seconds` (default: as `tflite.trial`). An output that
    is one for a whole call, and not for each sample, is refused for a larger batch, unless its calls may be `stacked`.
    """

    def __init__(
        self,
        path: Path,
        settings: MicroSettings | None = None,
        *,
        threads: int = 1,
        batch: int = 1,
        sample_shapes: Mapping[str, tuple[int, ...]] | None = None,
        seconds: float | None = None,
        stacked: bool = False,
    ) -> None:
        need()
        if threads != 1:
            raise ArtifactError(f"threads is {threads}; TensorFlow Lite Micro runs on one")
        model = verify_file(path)
        check_encoding(model, path)
        self._codes = [shown((code.customCode or b"").decode(errors="replace")) for code in model.operatorCodes]
        self._path, self.threads, self.batch = path, threads, batch
        self.interface: Interface = interface_of(model, str(path))
        self._seconds = default_seconds(path) if seconds is None else seconds
        self._temporary = ExitStack()
        self._folder = self._temporary.enter_context(temporary_folder("micro"))
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = start(own_code(_WORKER), text=True, **pipes)
        wanted = (settings or MicroSettings()).arena_bytes
        try:
            loaded = self._ask("load", path=str(path), arena=wanted, first=_first_size(model), seconds=self._seconds)
            self._inputs, self._outputs = loaded["inputs"], loaded["outputs"]
            self.arena = read_allocations(loaded["allocations"])
            self._check_shapes(sample_shapes or {})
            if not stacked:
                self._check_outputs()
        except ArtifactError as error:
            self.close()
            if wanted and "crashed" in str(error):
                raise Refused(f"{path}: TensorFlow Lite Micro needs a larger arena than {wanted:,} bytes") from error
            raise
        except BaseException:
            self.close()
            raise

    def _check_shapes(self, wanted: Mapping[str, tuple[int, ...]]) -> None:
        sizes = {details["shape"][0] if details["shape"] else 1 for details in self._inputs}
        self._each = max(sizes)
        if self.batch % self._each:
            raise ArtifactError(f"{self._path} takes {self._each} samples a call; {self.batch} is no multiple of that")
        for spec, details in zip(self.interface.inputs, self._inputs, strict=True):
            own = tuple(details["shape"][1:])
            if tuple(wanted.get(spec.name, own)) != own:
                raise Refused(f"{self._path} takes samples of shape {own} for {spec.name!r}; got {wanted[spec.name]}")

    def _check_outputs(self) -> None:
        if self.batch == self._each:
            return
        for spec, details in zip(self.interface.outputs, self._outputs, strict=True):
            if details["shape"][:1] != [self._each]:
                raise Refused(
                    f"{self._path}: output {spec.name!r} is one for a whole call, and TensorFlow Lite Micro takes "
                    f"{self._each} sample a call; run it with batch {self._each}"
                )

    @property
    def sample_shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of one sample of each input, without the batch."""
        return tuple(tuple(details["shape"][1:]) for details in self._inputs)

    @staticmethod
    def samples_a_call(path: Path) -> int:
        """Return how many samples each call of the file at `path` has."""
        return read_interface(path).batch or 1

    def prepare(self, x: Inputs) -> Tensors:
        """Return samples (batch, *sample shape), real values, as the inputs take them: their types, quantized."""
        specs = self.interface.inputs
        arrays = x if isinstance(x, Mapping) else {specs[0].name: x}
        if set(arrays) != {spec.name for spec in specs}:
            wanted = ", ".join(repr(spec.name) for spec in specs)
            raise ArtifactError(f"samples are for {', '.join(map(repr, arrays))}; {self._path} takes {wanted}")
        found = []
        for spec, details in zip(specs, self._inputs, strict=True):
            array, shape = np.asarray(arrays[spec.name]), (self.batch, *details["shape"][1:])
            if array.shape != shape:
                raise ArtifactError(f"samples have shape {array.shape}; the model takes {shape}")
            found.append(_encode(array, details))
        return found[0] if len(found) == 1 else tuple(found)

    def invoke(self, prepared: Any) -> Tensors:
        """Run one batch from `prepare` and return the raw outputs. Its time says nothing of a microcontroller."""
        given = prepared if isinstance(prepared, tuple) else (prepared,)
        places = [self._folder / f"x{index}.npy" for index in range(len(given))]
        results = [self._folder / f"y{index}.npy" for index in range(len(self._outputs))]
        for place, array in zip(places, given, strict=True):
            np.save(place, array, allow_pickle=False)
        calls = self.batch // self._each
        self._ask("run", arrays=list(map(str, places)), to=list(map(str, results)), calls=calls)
        found = [np.load(place, allow_pickle=False) for place in results]
        several = tuple(self._batched(values) for values in found)
        return several[0] if len(several) == 1 else several

    def _batched(self, values: Array) -> Array:
        """Return outputs (calls, *shape of a call) with their samples first, where each call has a row a sample."""
        if values.ndim > 1 and values.shape[1] == self._each:
            return values.reshape(self.batch, *values.shape[2:])
        return values

    def scores(self, raw: Any, output: str | None = None) -> npt.NDArray[np.float32]:
        """Return a raw output as real values, float32: of several, the one called `output`."""
        found = self.outputs(raw)
        if output is None and len(found) == 1:
            return next(iter(found.values()))
        if output not in found:
            raise ArtifactError(f"{self._path} has the outputs {', '.join(map(repr, found))}; got {output!r}: name one")
        return found[output]

    def outputs(self, raw: Any) -> dict[str, npt.NDArray[np.float32]]:
        """Return all raw outputs as real values, float32, by name."""
        several = raw if isinstance(raw, tuple) else (raw,)
        ends = zip(self.interface.outputs, several, self._outputs, strict=True)
        return {spec.name: _decode(values, details) for spec, values, details in ends}

    def memory(self) -> Memory:
        """Return the arena: its bytes; as parts head, tail, what the allocator names, and the smallest that works."""
        least = self._ask("least", total=self.arena.total, seconds=_LEAST_SECONDS + 20 * self._seconds)["bytes"]
        parts = {"head": self.arena.head, "tail": self.arena.tail, **self.arena.kinds, LEAST: int(least)}
        return Memory(arena_bytes=self.arena.total, how=_HOW, parts=parts)

    def close(self) -> None:
        """End the process: it ends by itself when its input does, or is stopped."""
        try:
            for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
                if stream:
                    with suppress(BrokenPipeError):
                        stream.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
        finally:
            stop(self._process)
            self._temporary.close()

    def _ask(self, op: str, **request: Any) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.write(json.dumps({"op": op, **request}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = self._process.wait(_END_SECONDS)
            if killed_by_alarm(code):
                raise ArtifactError(too_slow(self._path, self._seconds))
            raise ArtifactError(crashed(self._path, code, self._process.stderr.read() if self._process.stderr else ""))
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise refused(self._path, answer["error"], [code for code in self._codes if code])
        return answer


def need() -> None:
    """Raise ArtifactError, which names the extra, when tflite-micro is not installed."""
    RUNTIME.need()


@contextmanager
def opened(path: Path, *, batch: int = 1) -> Iterator[MicroRunner]:
    """Give a runner of the file at `path`, and close it. A file with a fixed batch gets the next multiple of it."""
    each = MicroRunner.samples_a_call(path)
    runner = MicroRunner(path, batch=-(-batch // each) * each, stacked=True)
    try:
        yield runner
    finally:
        runner.close()


def refusal(path: Path, settings: MicroSettings | None = None) -> str | None:
    """Return why the interpreter would not run the file at `path`; None when it ran once, on zeros.

    Raises ArtifactError when the file is damaged, or tflite-micro is not installed.
    """
    verify_file(path)
    need()
    try:
        MicroRunner(path, settings).close()
    except ArtifactError as error:
        return str(error)
    return None


def _first_size(model: Any) -> int:
    """Return an arena to begin with: ample, since in one that is too small the library may crash."""
    graph = model.subgraphs[0]
    elements = (int(np.prod(np.abs(numbers(tensor.shape)).clip(1))) for tensor in listed(graph.tensors))
    size = 4 * sum(elements) + 1024 * (len(listed(graph.operators)) + 8)
    return min(1 << max(20, (4 * size - 1).bit_length()), 1 << 28)


def _encode(x: Array, details: Mapping[str, Any]) -> Array:
    dtype = np.dtype(details["dtype"])
    if dtype.kind in "iu" and details["scale"]:
        return np.ascontiguousarray(quantize(x, dtype, details["scale"], details["zero_point"]))
    return np.ascontiguousarray(x.astype(dtype))


def _decode(raw: Array, details: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    if np.dtype(details["dtype"]).kind in "iu" and details["scale"]:
        return dequantize(raw, details["scale"], details["zero_point"])
    return raw.astype(np.float32)


RUNTIME = Runtime(
    name=NAME,
    settings=MicroSettings,
    version=version,
    suffixes=(".tflite",),
    refusal=refusal,
    runner=MicroRunner,
    about="the reference interpreter of TensorFlow Lite Micro: outputs and arena of a microcontroller, never its time",
    extra="micro",
    modules=("tflite_micro",),
    times=False,
)
