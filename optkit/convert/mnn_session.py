"""MNN's engine: load a .mnn file, and run it. Only the compiled modules `_mnncengine` and `_tools` are imported.

Law: nothing of the package's Python files is imported, least of all `MNN.tools`: its commands install a package and
send what they did over the network. `refuse_the_rest` makes that impossible in a process that converts.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import ArtifactError
from optkit.keras.tensorflow import silenced
from optkit.tflite.interface import Array

MODULES = ("_mnncengine", "_tools")
"""What the package `mnn` brings, and all of it that is imported."""
REFERENCE = "LiteRT ran the file"
"""What the process that converts does first: whatever goes wrong there is no fault of MNN's."""
_REFUSED = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty")
_REFUSED_IMPORTS = ("MNN", "aliyun", "pip")


def mnn_version() -> str:
    """Return the version of MNN."""
    return importlib.metadata.version("mnn")


def refuse_the_rest() -> None:
    """Refuse this process, from now on and for good: starting another one, the network, MNN's own Python files."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _REFUSED or event.startswith("socket."):
            raise PermissionError(f"MNN asked for {event}, which optkit does not let it do")
        if event == "import" and str(arguments[0]).split(".")[0] in _REFUSED_IMPORTS:
            raise PermissionError(f"MNN asked for the module {arguments[0]}, which optkit does not let it import")

    sys.addaudithook(hook)


@contextmanager
def quiet() -> Iterator[None]:
    """Send what MNN prints from C++ nowhere: standard output is for results."""
    _flush()
    with silenced():
        try:
            yield
        finally:
            _flush()


@contextmanager
def _as_package(engine: Any) -> Iterator[None]:
    """Let the engine find its own classes: its C++ code looks for them in a module called `MNN`."""
    there = "MNN" in sys.modules
    sys.modules.setdefault("MNN", engine)
    try:
        yield
    finally:
        if not there:
            del sys.modules["MNN"]


def _flush() -> None:
    """Write what C's own buffers hold."""
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)


class Session:
    """A .mnn file loaded on the CPU for `batch` samples a call.

    `shapes` are the inputs' whole shapes, by MNN's name of each; an input without one keeps the file's, with `batch`
    first. Raises ArtifactError, with `path` in it, when MNN cannot load the file or run it so.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 1,
        batch: int = 1,
        precision: str = "normal",
        shapes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        self._path = path
        with quiet():
            import _mnncengine as engine

            self._engine = engine
            self._types = {
                id(engine.Halide_Type_Float): np.float32,
                id(engine.Halide_Type_Int): np.int32,
                id(engine.Halide_Type_Uint8): np.uint8,
                id(engine.Halide_Type_Int64): np.int64,
            }
            try:
                with _as_package(engine):
                    self._load(threads, batch, precision, shapes or {})
            except Exception as error:  # MNN raises bare Exceptions
                raise ArtifactError(f"{path}: MNN cannot load it ({_reason(error)})") from error
        if not self._inputs or not self._outputs:
            raise ArtifactError(f"{path} has {len(self._inputs)} inputs and {len(self._outputs)} outputs for MNN")
        self._into = {name: self._host(tensor) for name, tensor in self._outputs.items()}

    def _load(self, threads: int, batch: int, precision: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._net = self._engine.Interpreter(str(self._path))
        self._session = self._net.createSession({"backend": "CPU", "numThread": threads, "precision": precision})
        for name, tensor in self._net.getSessionInputAll(self._session).items():
            shape = shapes.get(name, (batch, *tensor.getShape()[1:]))
            self._net.resizeTensor(tensor, tuple(int(size) for size in shape))
        self._net.resizeSession(self._session)
        self._inputs = dict(self._net.getSessionInputAll(self._session))
        self._outputs = dict(self._net.getSessionOutputAll(self._session))

    @property
    def inputs(self) -> dict[str, tuple[tuple[int, ...], Any]]:
        """Shape, with the batch, and NumPy type of each input, by MNN's name."""
        return {name: (tuple(t.getShape()), self._type(name, t)) for name, t in self._inputs.items()}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """The shape of each output, with the batch, by MNN's name."""
        return {name: tuple(tensor.getShape()) for name, tensor in self._outputs.items()}

    @property
    def bytes(self) -> int:
        """What the session holds for weights and tensors, by MNN's own sum (`getSessionInfo`)."""
        return round(float(self._net.getSessionInfo(self._session, 0)) * 2**20)

    def run(self, arrays: Mapping[str, Array]) -> dict[str, Array]:
        """Return all outputs, copies, for the inputs `arrays`, by name. Raises ArtifactError when MNN fails."""
        engine = self._engine
        for name, tensor in self._inputs.items():
            given = engine.Tensor(tensor.getShape(), tensor.getDataType(), arrays[name], tensor.getDimensionType())
            if not tensor.copyFrom(given):
                raise ArtifactError(f"{self._path}: MNN did not take the input {name!r}")
        if self._net.runSession(self._session) != 0:
            raise ArtifactError(f"{self._path}: MNN failed to run it")
        found = {}
        for name, tensor in self._outputs.items():
            tensor.copyToHostTensor(self._into[name])
            found[name] = np.array(self._into[name].getNumpyData())
        return found

    def _host(self, tensor: Any) -> Any:
        """Return a tensor in NumPy's order of elements, for the values of an output to go to."""
        shape = tuple(tensor.getShape())
        empty = np.zeros(shape, self._type("an output", tensor))
        return self._engine.Tensor(shape, tensor.getDataType(), empty, tensor.getDimensionType())

    def _type(self, name: str, tensor: Any) -> Any:
        found = self._types.get(id(tensor.getDataType()))
        if found is None:
            raise ArtifactError(f"{self._path}: MNN keeps {name} in a type that optkit does not know")
        return found


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).removesuffix("Check console log messages!").strip(" ,.") or type(error).__name__
