"""A float .tflite file for MNN: converted, and quantized there. All of it happens in a process of its own.

Law: what MNN makes is run beside LiteRT before anything is returned. MNN reads quantized .tflite files without an
error and then computes something else, so those are refused before it sees them.
"""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from optkit.convert.from_tflite import quantized_part
from optkit.convert.mnn_graph import for_mnn
from optkit.convert.mnn_session import REFERENCE, mnn_version
from optkit.errors import ArtifactError, BuildError, DataError, SuiteError, nearest
from optkit.names import shown
from optkit.process.temporary import temporary_folder
from optkit.spec.keys import digest
from optkit.tflite.interface import Array, Inputs, Interface, fit, interface_of
from optkit.tflite.trial import crashed, default_seconds, killed_by_alarm, launch
from optkit.tflite.verify import verify

Quantization = Literal["none", "kl", "admm", "ema", "weight_8", "weight_4"]
CALIBRATED = ("kl", "admm", "ema")
VERSION = 1
"""Raise it by hand when the same file and settings give other bytes."""
ADMM_SAMPLES = 32
"""MNN's ADMM takes one batch. It runs 300 rounds over every value of every tensor of it."""
EMA_BATCH = 32
_EMA_RANK = 3
"""The most dimensions of an input, with the batch, for which MNN 3.6's EMA gives the same file twice."""
_WORKER = "optkit.convert.mnn_worker"
_PLAIN = re.compile(r"[a-z_][A-Za-z0-9_.]{0,63}")
_WEIGHTS = {"weight_8": ("--weightQuantBits", "8"), "weight_4": ("--weightQuantBits", "4", "--hqq")}
_START_SECONDS = 60.0
_SLOWER = 20.0
"""A quantizer may take so many times what a file may take to run once, and a second for each sample."""


@dataclass(frozen=True, kw_only=True)
class MNNConversion:
    """How MNN stores a float model.

        `quantization`: `none`; `kl`, `admm` and `ema` make weights and activations int8, and choose the ranges of
    activations on calibration samples; `weight_8` and `weight_4` make weights alone smaller, and MNN computes in float.
    `calibration_samples` of the samples are drawn with `calibration_seed`. MNN's ADMM looks at one batch: it gets the
    first 32 of them. Its EMA is a moving average over batches of 32. It is refused for images with channels: MNN 3.6
    then computes with memory that nobody set, and its files differ from run to run.
    """

    quantization: Quantization = "none"
    calibration_samples: int = 256
    calibration_seed: int = 1

    def __post_init__(self) -> None:
        known = get_args(Quantization)
        if self.quantization not in known:
            raise SuiteError(f"quantization is {self.quantization!r}; {nearest(str(self.quantization), known)}")
        if isinstance(self.calibration_samples, bool) or self.calibration_samples < 1:
            raise SuiteError(f"calibration_samples is {self.calibration_samples}; expected 1 or more")


def convert_mnn(
    content: bytes,
    conversion: MNNConversion,
    calibration: Inputs | None = None,
    *,
    name: str = "the model",
    seconds: float | None = None,
) -> bytes:
    """Return the float .tflite file `content` (float32 or float16) as a .mnn file, as `conversion` says.

    `calibration` are training samples, for kl, admm and ema: an array (samples, *sample shape), or one for each input
    by its name. Inputs and outputs of the .mnn file are called as `mnn_names` says. The file is tried in LiteRT and in
    MNN in a process of its own, which may take `seconds` to run it (default: `tflite.trial.default_seconds`).

    Raises ArtifactError when the file is damaged, crashes LiteRT, or is quantized already; DataError when the samples
    do not fit; BuildError when MNN cannot convert it, crashes on it, or computes something else than LiteRT does.
    """
    model = verify(content, Path(name))
    if reason := refusal(model, name):
        raise ArtifactError(reason)
    interface = interface_of(model, name)
    calls = _calls(calibration, interface, conversion) if conversion.quantization in CALIBRATED else []
    with temporary_folder("mnn") as folder:
        (folder / "model.tflite").write_bytes(_prepared(content, interface))
        _write_calls(folder, calls)
        limit = seconds if seconds is not None else default_seconds(folder / "model.tflite")
        _work(folder, _request(folder, interface, conversion, limit), name)
        return (folder / "result.mnn").read_bytes()


def refusal(model: Any, name: str) -> str | None:
    """Return why a verified ModelT is not given to MNN; None when it may be."""
    if part := quantized_part(model, floats=("float32", "float16")):
        return (
            f"{name} is quantized already: {part}; MNN reads such a file without an error and computes something "
            "else (8 to 14 % accuracy on MNIST); give the float file, and let MNN quantize it"
        )
    if len(model.subgraphs) > 1:
        return (
            f"{name} has {len(model.subgraphs)} subgraphs, for loops or branches; MNN's converter reads one: "
            "unroll the recurrent layers before you export the model"
        )
    return None


def conversion_key(sha256: str, conversion: MNNConversion, calibration_sha256: str | None) -> str:
    """Return the key under which the .mnn file of a .tflite file with this sha256 is stored.

    It covers MNN's version, and the samples where they are used.
    """
    used = conversion.quantization in CALIBRATED
    values = dataclasses.asdict(conversion) if used else {"quantization": conversion.quantization}
    about = {"kind": "mnn", "version": VERSION, "mnn": mnn_version(), "tflite": sha256, "conversion": values}
    return digest({**about, "calibration": calibration_sha256 if used else None})


def mnn_names(interface: Interface) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the inputs and outputs are called in the .mnn file, in order: a plain name stays as it is.

    MNN's quantizer takes an input's name for a file's, and a name from outside may say anything.
    """
    names: dict[int, str] = {}
    for kind, specs in (("input", interface.inputs), ("output", interface.outputs)):
        for position, spec in enumerate(specs):
            plain = _PLAIN.fullmatch(spec.name) and spec.name not in names.values()
            names.setdefault(spec.index, spec.name if plain else f"{kind}_{position}")
    return tuple(names[s.index] for s in interface.inputs), tuple(names[s.index] for s in interface.outputs)


def _prepared(content: bytes, interface: Interface) -> bytes:
    names = mnn_names(interface)
    ends = zip((*interface.inputs, *interface.outputs), (*names[0], *names[1]), strict=True)
    return for_mnn(content, {spec.index: name for spec, name in ends})


def _calls(calibration: Inputs | None, interface: Interface, conversion: MNNConversion) -> list[dict[str, Array]]:
    """Return the arrays of each call of the calibration, by MNN's names of the inputs."""
    method = conversion.quantization
    if calibration is None:
        raise DataError(f"quantization {method!r} needs samples to calibrate on; give training samples")
    whole = [spec.name for spec in interface.inputs if spec.dtype != "float32"]
    if whole:
        raise DataError(
            f"quantization {method!r}: MNN calibrates on inputs of float32 only, and {whole[0]!r} is another type; "
            "take quantization 'weight_8', which needs no samples"
        )
    if method == "ema" and (large := [spec for spec in interface.inputs if len(spec.shape) > _EMA_RANK]):
        raise BuildError(
            f"quantization 'ema': input {large[0].name!r} has {len(large[0].shape)} dimensions, and of more than "
            f"{_EMA_RANK} MNN's EMA makes a file of memory that nobody set; take 'kl' or 'admm'"
        )
    arrays = fit(calibration, interface, "the calibration data")
    count = len(next(iter(arrays.values())))
    if not count:
        raise DataError("the calibration data has no samples; give one or more")
    chosen = np.random.default_rng(conversion.calibration_seed).permutation(count)[: conversion.calibration_samples]
    most = {"kl": 1, "admm": ADMM_SAMPLES, "ema": EMA_BATCH}[method]
    size = interface.batch or min(most, len(chosen))
    # where a call takes several samples, the last one is filled up with those it has
    rows = [np.resize(chosen[start : start + size], size) for start in range(0, len(chosen), size)]
    rows = rows[:1] if method == "admm" else rows
    names = mnn_names(interface)[0]
    pairs = list(zip(names, interface.inputs, strict=True))
    return [{name: arrays[spec.name][row] for name, spec in pairs} for row in rows]


def _write_calls(folder: Path, calls: Sequence[Mapping[str, Array]]) -> None:
    """Write what MNN's quantizer reads: a folder a call, with the shapes as JSON and each array as a line of text."""
    for number, call in enumerate(calls):
        place = folder / "calibration" / f"{number:06d}"
        place.mkdir(parents=True)
        about = [{"name": name, "shape": array.shape} for name, array in call.items()]
        (place / "input.json").write_text(json.dumps({"inputs": about}))
        for name, array in call.items():
            np.savetxt(place / f"{name}.txt", array.reshape(1, -1), fmt="%.9g")
    if calls:
        (folder / "shapes.json").write_text(json.dumps([{"name": n, "shape": a.shape} for n, a in calls[0].items()]))


def _request(folder: Path, interface: Interface, conversion: MNNConversion, limit: float) -> dict[str, Any]:
    method = conversion.quantization
    names = mnn_names(interface)
    slower = _SLOWER * limit + conversion.calibration_samples if method in CALIBRATED else 0.0
    return {
        "folder": str(folder),
        "inputs": dict(zip(names[0], (spec.index for spec in interface.inputs), strict=True)),
        "outputs": dict(zip(names[1], (spec.index for spec in interface.outputs), strict=True)),
        "options": list(_WEIGHTS.get(method, ())),
        "method": method.upper() if method in CALIBRATED else None,
        "batch": interface.batch or 2,
        "seconds": 2 * limit + slower,
    }


def _work(folder: Path, request: Mapping[str, Any], name: str) -> None:
    """Let the process do it, and say in one line how it failed."""
    seconds = float(request["seconds"])
    try:
        done = launch(_WORKER, request, seconds + _START_SECONDS)
        late = killed_by_alarm(done.returncode)
    except subprocess.TimeoutExpired:
        late = True
    if late:
        raise BuildError(f"{name}: MNN took over {seconds:g} s; give fewer calibration samples, or a longer time limit")
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        raise _crashed(folder, name, done.returncode) from None
    if "refused" in answer:
        raise ArtifactError(f"{name} cannot be run: {answer['refused']}; give a whole .tflite file")
    if "error" in answer:
        raise BuildError(f"{name}: {_unsupported(folder) or answer['error'] + _said(folder)}")


def _crashed(folder: Path, name: str, code: int) -> ArtifactError | BuildError:
    """Return what to raise when the process ended with `code` and no answer."""
    stage = _text(folder / "stage")
    if stage == REFERENCE:
        return ArtifactError(crashed(name, code, _text(folder / "log")))
    how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with code {code}"
    hint = "MNN cannot take this model so: try another quantization, or run the file in LiteRT"
    return BuildError(f"{name}: MNN {how} while {stage or 'it started'}{_said(folder)}; {hint}")


def _unsupported(folder: Path) -> str:
    """Return what MNN's converter said of operators that it does not know; an empty text when it said nothing."""
    found = [shown(kind) for kind in re.findall(r"NOT_SUPPORTED_OP: \[ (.+?) \]", _text(folder / "log"))]
    if not found:
        return ""
    names = ", ".join(dict.fromkeys(found))
    return f"MNN's converter does not know the operator {names}; replace the layer that makes it, or stay with LiteRT"


def _said(folder: Path) -> str:
    """Return the lines of MNN's log that speak of an error, to be added to a message."""
    lines = [shown(line.strip()) for line in _text(folder / "log").splitlines()]
    found = [line for line in lines if re.search(r"not support|error|fail|can't|don't|invalid", line, re.IGNORECASE)]
    return f"; it said: {'; '.join(dict.fromkeys(found))[:300]}" if found else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace").replace("\r", "\n")
    except OSError:
        return ""
