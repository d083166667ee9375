"""Run a model under MNN: a float .tflite file, converted and quantized there, or a .mnn file as it is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.convert.mnn import mnn_names, refusal
from optkit.convert.mnn_session import MODULES, Session, mnn_version
from optkit.errors import ArtifactError, OptkitError
from optkit.process.temporary import temporary_folder
from optkit.runtime.mnn_files import make_mnn, read_calibration, store_of
from optkit.runtime.mnn_settings import MNNSettings
from optkit.runtime.mnn_trial import check_mnn
from optkit.runtime.protocol import Memory, Runner, Runtime, Shapes, Tensors
from optkit.tflite.interface import Array, Inputs, Interface, read_interface
from optkit.tflite.verify import verify_file

DEFAULTS = MNNSettings()


class MNNRunner:
    """A model in MNN with tensors allocated for `batch` samples a call on `threads` threads.

    A .tflite file is converted first, in a process of its own (`convert.mnn.convert_mnn`), and keeps the names of its
    inputs and outputs. A .mnn file is tried in a process of its own, and has MNN's names. `sample_shapes`, by the names
    of inputs, sets sizes that the file leaves free. The trial may take `seconds` to run the file once. Raises
    ArtifactError when the file is damaged, quantized already, crashes MNN or takes another batch; BuildError when MNN
    cannot convert it; DataError for its calibration samples.
    """

    def __init__(
        self,
        path: Path,
        settings: MNNSettings = DEFAULTS,
        *,
        threads: int = 1,
        batch: int = 1,
        sample_shapes: Shapes | None = None,
        seconds: float | None = None,
    ) -> None:
        if threads < 1 or batch < 1:
            raise ArtifactError(f"threads is {threads} and batch is {batch}; expected 1 or more of each")
        self.threads, self.batch, self._path = threads, batch, path
        interface = read_interface(path) if path.suffix != ".mnn" else None
        if interface and interface.batch not in (None, batch):
            raise ArtifactError(f"{path} takes {interface.batch} samples a call, and {batch} were asked for")
        with ExitStack() as files:
            place = path
            if interface:
                place = files.enter_context(temporary_folder("mnn")) / "model.mnn"
                place.write_bytes(_converted(path, settings, seconds))
            else:
                _check_plain(path, settings)
                check_mnn(path, batch=batch, seconds=seconds)
            shapes = input_shapes(interface, batch, sample_shapes or {})
            self._session = Session(place, threads=threads, batch=batch, precision=settings.precision, shapes=shapes)
            self._file_bytes = place.stat().st_size
        self._names = _names(interface, self._session)
        self._check_batch()

    def _check_batch(self) -> None:
        for name, shape in self._session.outputs.items():
            if shape and self.batch > 1 and shape[0] != self.batch:
                raise ArtifactError(
                    f"{self._path}: MNN gives {name!r} the shape {shape} for {self.batch} samples a call; the batch is "
                    "part of the model: run it with one sample a call"
                )

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of one sample, without the batch. Raises ArtifactError when the model has several inputs."""
        shapes = [shape for shape, _ in self._session.inputs.values()]
        if len(shapes) > 1:
            raise ArtifactError(f"{self._path} has the inputs {_listed(self._names[0])}; expected one")
        return shapes[0][1:]

    def prepare(self, x: Inputs) -> Tensors:
        """Return `x`, real values (batch, *sample shape), in the inputs' types: an array, or for several, by name."""
        inputs = self._names[0]
        if not isinstance(x, Mapping):
            x = {next(iter(inputs)): np.asarray(x)}
        if set(x) != set(inputs):
            raise ArtifactError(
                f"samples are for the inputs {_listed(x)}; {self._path} takes {_listed(inputs)}: give an array for each"
            )
        return tuple(self._prepared(x[name], inner) for name, inner in inputs.items())

    def _prepared(self, x: Array, name: str) -> Array:
        shape, dtype = self._session.inputs[name]
        if x.shape != shape:
            raise ArtifactError(f"samples have shape {x.shape}; the model takes {shape}")
        return np.ascontiguousarray(x, dtype)

    def invoke(self, prepared: Tensors) -> Tensors:
        """Run one batch from `prepare` and return the raw outputs, copies. This is the call that is timed."""
        given = prepared if isinstance(prepared, tuple) else (prepared,)
        found = self._session.run(dict(zip(self._names[0].values(), given, strict=True)))
        return tuple(found[inner] for inner in self._names[1].values())

    def scores(self, raw: Tensors, output: str | None = None) -> npt.NDArray[np.float32]:
        """Return a raw output, float32, its batch first: of several, the one called `output`. Raises ArtifactError."""
        found = self.outputs(raw)
        if len(found) == 1:
            return next(iter(found.values()))
        if output not in found:
            raise ArtifactError(
                f"{self._path} has the outputs {_listed(found)}, and {output!r} was asked for; name one of them"
            )
        return found[output]

    def outputs(self, raw: Tensors) -> dict[str, npt.NDArray[np.float32]]:
        """Return the raw outputs, float32, by name."""
        several = raw if isinstance(raw, tuple) else (raw,)
        return {name: np.asarray(r, np.float32) for name, r in zip(self._names[1], several, strict=True)}

    def memory(self) -> Memory:
        """Return what MNN says that the session holds: weights, as it keeps them, and tensors."""
        about = "MNN's own sum of what the session holds (weights and tensors)"
        return Memory(arena_bytes=self._session.bytes, how=about, parts={"file": self._file_bytes})

    def close(self) -> None:
        """Let go of the session, and with it of its memory."""
        del self._session


def _converted(path: Path, settings: MNNSettings, seconds: float | None) -> bytes:
    samples = read_calibration(Path(settings.calibration), path) if settings.calibration else None
    return make_mnn(path, settings.conversion, samples, store=store_of(path), seconds=seconds)


def _ships(path: Path, settings: MNNSettings) -> bytes:
    """Return the .mnn file. Raises as `MNNRunner`."""
    return path.read_bytes() if path.suffix == ".mnn" else _converted(path, settings, None)


def _check_plain(path: Path, settings: MNNSettings) -> None:
    if settings.quantization != "none":
        raise ArtifactError(
            f"{path} is a .mnn file, and quantization is {settings.quantization!r}; MNN quantizes a float .tflite file"
        )


def input_shapes(interface: Interface | None, batch: int, sample_shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Return the inputs' whole shapes by MNN's names; those that a file leaves free and nobody says are left out."""
    if interface is None:
        return {name: (batch, *shape) for name, shape in sample_shapes.items()}
    found = {}
    for inner, spec in zip(mnn_names(interface)[0], interface.inputs, strict=True):
        rest = sample_shapes.get(spec.name, spec.shape[1:])
        sizes = [size for size in rest if size is not None]
        if len(sizes) == len(rest):
            found[inner] = (batch, *sizes)
    return found


def _names(interface: Interface | None, session: Session) -> tuple[dict[str, str], dict[str, str]]:
    """Return MNN's names of inputs and outputs by their own."""
    if interface is None:
        return {name: name for name in session.inputs}, {name: name for name in session.outputs}
    inner = mnn_names(interface)
    inputs = dict(zip((spec.name for spec in interface.inputs), inner[0], strict=True))
    return inputs, dict(zip((spec.name for spec in interface.outputs), inner[1], strict=True))


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names)) or "none"


def _refusal(path: Path, settings: MNNSettings) -> str | None:
    """Return why MNN would not run the file. A .tflite file is converted, and calibrated, to tell."""
    try:
        if path.suffix != ".mnn" and (reason := refusal(verify_file(path), str(path))):
            return reason
        batch = read_interface(path).batch or 1 if path.suffix != ".mnn" else 1
        MNNRunner(path, settings, batch=batch).close()
    except OptkitError as error:
        return str(error)
    return None


def load_mnn(
    path: Path,
    settings: MNNSettings = DEFAULTS,
    *,
    threads: int = 1,
    batch: int = 1,
    sample_shapes: Shapes | None = None,
    verified: bool = False,
    seconds: float | None = None,
) -> Runner:
    """Load a .tflite or .mnn file into MNN. Raises as `MNNRunner` does; `verified` changes nothing."""
    return MNNRunner(path, settings, threads=threads, batch=batch, sample_shapes=sample_shapes, seconds=seconds)


RUNTIME = Runtime(
    name="mnn",
    about="MNN on this machine's CPU",
    settings=MNNSettings,
    version=mnn_version,
    suffixes=(".tflite", ".mnn"),
    refusal=_refusal,
    runner=load_mnn,
    extra="mnn",
    modules=MODULES,
    tries_itself=True,
    ships=_ships,
)
