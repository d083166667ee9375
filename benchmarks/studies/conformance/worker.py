"""The process that runs the cases in one runtime: a line of JSON before each case, and one after it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optkit.errors import OptkitError
from optkit.process.exchange import received
from optkit.runtime.chosen import loader
from optkit.spec.running import Running


def main() -> None:
    """Run the cases that the request names, in its folder."""
    request, answers = received()
    load = loader(Running(runtime=request["runtime"], settings=request["settings"]))
    for name in request["cases"]:
        answers.write(json.dumps({"entering": name}) + "\n")
        answers.flush()
        folder = Path(request["folder"]) / name
        try:
            found = _run(load, folder, request["batch"])
        except OptkitError as error:
            found = {"refused": str(error).replace(str(folder / "model.tflite"), "it")}
        answers.write(json.dumps({"case": name, **found}) + "\n")
        answers.flush()


def _run(load: Any, folder: Path, batch: int) -> dict[str, Any]:
    inputs, expected = _arrays(folder / "inputs.npz"), _arrays(folder / "outputs.npz")
    shapes = {name: values.shape[1:] for name, values in inputs.items()}
    runner = load(folder / "model.tflite", threads=1, batch=batch, sample_shapes=shapes)
    raw = runner.invoke(runner.prepare(inputs if len(inputs) > 1 else next(iter(inputs.values()))))
    found = runner.outputs(raw)
    if set(found) != set(expected):
        return {"wrong": f"its outputs are {', '.join(found)}"}
    errors = []
    for name, values in expected.items():
        if found[name].shape != values.shape:
            return {"wrong": f"output {name} has the shape {found[name].shape}, not {values.shape}"}
        real = values.astype(np.float32)
        errors.append(float(np.max(np.abs(found[name] - real))) / (float(np.ptp(real)) or 1.0))
    runner.close()
    return {"error": max(errors)}


def _arrays(path: Path) -> Mapping[str, Any]:
    with np.load(path, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


if __name__ == "__main__":
    main()
