"""The process in which MNN converts and quantizes a file: one JSON request on standard input, one JSON answer out.

Law: from before MNN is imported to its end, this process starts no other one and opens no connection.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from optkit.convert.mnn_session import REFERENCE, Session, refuse_the_rest
from optkit.errors import ArtifactError
from optkit.process.exchange import received
from optkit.process.limits import limit_memory, limit_time

TOLERANCE = 1e-3
"""How far MNN's float outputs may be from LiteRT's, as a part of LiteRT's largest one (or of 1, if that is less)."""


def main() -> None:
    """Read the request, convert, answer."""
    request, answers = received()
    answers.write(json.dumps(work(**request)))
    answers.close()


def work(
    folder: str,
    inputs: dict[str, int],
    outputs: dict[str, int],
    options: list[str],
    method: str | None,
    batch: int,
    seconds: float,
) -> dict[str, str]:
    """Make `result.mnn` of `model.tflite` in `folder`. Return an empty dict, or why there is none."""
    place = Path(folder)
    limit_time(seconds)
    refuse_the_rest()
    _log_to(place / "log")
    limit_memory((place / "model.tflite").stat().st_size, batch)
    _begin(place, REFERENCE)
    try:
        given, wanted = _litert(place / "model.tflite", inputs, outputs, batch)
    except Exception as error:  # whatever LiteRT raises is about the file
        return {"refused": (str(error).strip().splitlines() or [type(error).__name__])[0]}
    float_file, result = place / "float.mnn", place / "result.mnn"
    _begin(place, "it converted the file")
    if not _convert(place / "model.tflite", float_file, []):
        return {"error": "MNN's converter does not take this model"}
    try:
        _begin(place, "it ran the converted file")
        if difference := _difference(_mnn(float_file, given), wanted):
            return {"error": difference}
        _begin(place, f"it quantized the model ({method or ' '.join(options)})")
        if method:
            _quantize(place, float_file, result, method)
        elif options:
            _convert(place / "model.tflite", result, options)
        else:
            float_file.rename(result)
        if not result.is_file():
            return {"error": f"MNN's quantizer ({method or ' '.join(options)}) made no file"}
        _begin(place, "it ran the quantized file")
        if not all(np.isfinite(values).all() for values in _mnn(result, given).values()):
            return {"error": "what MNN's quantizer made gives values that are no numbers"}
    except ArtifactError as error:
        return {"error": str(error).replace(folder + os.sep, "")}
    return {}


def _log_to(path: Path) -> None:
    """Let what MNN prints go to a file: it is the only place where it says what it does not support."""
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)


def _begin(place: Path, stage: str) -> None:
    (place / "stage").write_text(stage)


def _litert(path: Path, inputs: dict[str, int], outputs: dict[str, int], batch: int) -> tuple[Any, Any]:
    """Return arrays for the inputs, by name, and LiteRT's outputs for them: the reference."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    details = {d["index"]: d for d in interpreter.get_input_details()}
    for index in inputs.values():
        shape = [batch, *details[index]["shape"][1:]]
        if shape != list(details[index]["shape"]):
            interpreter.resize_tensor_input(index, shape)
    interpreter.allocate_tensors()
    details = {d["index"]: d for d in interpreter.get_input_details()}
    rng = np.random.default_rng(0)
    given = {name: _values(rng, details[index]) for name, index in inputs.items()}
    for name, index in inputs.items():
        interpreter.set_tensor(index, given[name])
    interpreter.invoke()
    return given, {name: interpreter.get_tensor(index) for name, index in outputs.items()}


def _values(rng: np.random.Generator, details: dict[str, Any]) -> Any:
    """Return values from 0 to 1; for integers, which are places in a table more often than not, 0 and 1."""
    dtype = np.dtype(details["dtype"])
    if dtype.kind == "f":
        return rng.random(details["shape"]).astype(dtype)
    return rng.integers(0, 2, details["shape"]).astype(dtype)


def _mnn(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    session = Session(path, shapes={name: array.shape for name, array in given.items()})
    if set(session.inputs) != set(given):
        raise ArtifactError(f"MNN's inputs are {', '.join(session.inputs)}; the file's are {', '.join(given)}")
    kinds = {name: dtype for name, (_, dtype) in session.inputs.items()}
    return session.run({name: np.ascontiguousarray(array, kinds[name]) for name, array in given.items()})


def _difference(found: dict[str, Any], wanted: dict[str, Any]) -> str | None:
    """Say which output of MNN's is not LiteRT's; None when all are, within `TOLERANCE`."""
    for name, reference in wanted.items():
        if name not in found:
            return f"MNN's converter lost the output {name!r}: it has {', '.join(found)}"
        if found[name].size != reference.size:
            return f"MNN gives {name!r} the shape {found[name].shape}, LiteRT {reference.shape}"
        if not reference.size:
            continue
        off = float(np.max(np.abs(found[name].reshape(reference.shape).astype(np.float64) - reference)))
        if not off <= TOLERANCE * max(1.0, float(np.max(np.abs(reference)))):
            return (
                f"MNN computes something else than LiteRT: output {name!r} is off by {off:.3g} on random samples, "
                f"where LiteRT's largest is {float(np.max(np.abs(reference))):.3g}"
            )
    return None


def _convert(source: Path, target: Path, options: list[str]) -> bool:
    """Let MNN's converter make `target`; tell whether it did. It prints what it does not support, and makes none."""
    import _tools

    command = ["mnnconvert", "-f", "TFLITE", "--modelFile", str(source), "--MNNModel", str(target)]
    _tools.mnnconvert([*command, "--bizCode", "optkit", *options])
    return target.is_file()


def _quantize(place: Path, source: Path, target: Path, method: str) -> None:
    import _tools

    configuration = {
        "input_type": "sequence",
        "path": str(place / "calibration"),
        "inputs": json.loads((place / "shapes.json").read_text()),
        "feature_quantize_method": method,
        "weight_quantize_method": "MAX_ABS",
        "batch_size": 1,  # each folder of samples is one batch; MNN keeps only the last folder of a larger one
    }
    (place / "quantize.json").write_text(json.dumps(configuration))
    _tools.mnnquant(["mnnquant", str(source), str(target), str(place / "quantize.json")])
