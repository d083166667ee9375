"""Quantize a public float MobileNet v1 .tflite in many ways, and measure each on a sample of ImageNet.

    OPTKIT_DATA=DIR python -m benchmarks.studies.quantize_mobilenet [ROW ...]

DIR has `models/mobilenet_v1_0.25_224.tflite` (1,001 outputs, 0 is background) and `imagenet/<WordNet id>/`, with images
of each of the 1,000 classes. 100 images, drawn by a seed, calibrate. Accuracy is over all images, and over those that
did not calibrate. The whole takes some ten minutes: int16x8 and int4 have no fast kernels here. What is found is kept
in docs/results/mobilenet_025.json, a row at a time, and docs/reproduction.md is made of it.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

from optkit import Conversion
from optkit.convert.from_tflite import convert_tflite
from optkit.data.image_folder import image_files, read_pixels
from optkit.data.preprocessing import Preprocessing
from optkit.data.sources import data_folder
from optkit.errors import BuildError, nearest
from optkit.runtime.samples import run_samples

FOUND = Path("docs/results/mobilenet_025.json")
SCHEMA = 1
CALIBRATION = 100
DEPTHWISE = {"*_depthwise": "float32"}
ROWS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float16": {"mode": "float16"},
    "dynamic_range": {"mode": "dynamic_range"},
    "dynamic_range, all weights": {"mode": "dynamic_range", "layers": {"*": "int8"}},
    "dynamic_range, octav": {"mode": "dynamic_range", "algorithm": "octav"},
    "dynamic_range, mse": {"mode": "dynamic_range", "algorithm": "mse"},
    "dynamic_range, bias_correction": {"mode": "dynamic_range", "bias_correction": True},
    "dynamic_range, all weights, bias_correction": {
        "mode": "dynamic_range",
        "layers": {"*": "int8"},
        "bias_correction": True,
    },
    "dynamic_range, depthwise and first layer float32": {
        "mode": "dynamic_range",
        "layers": {**DEPTHWISE, "Conv2d_0": "float32"},
    },
    "int8": {"mode": "int8"},
    "int8, moving_average": {"mode": "int8", "calibration": "moving_average"},
    "int8, percentile": {"mode": "int8", "calibration": "percentile"},
    "int8, kl": {"mode": "int8", "calibration": "kl"},
    "int8, l2": {"mode": "int8", "calibration": "l2"},
    "int8, octav": {"mode": "int8", "algorithm": "octav"},
    "int8, mse": {"mode": "int8", "algorithm": "mse"},
    "int8, l2, octav": {"mode": "int8", "calibration": "l2", "algorithm": "octav"},
    "int8, bias_correction": {"mode": "int8", "bias_correction": True},
    "int8, l2, bias_correction": {"mode": "int8", "calibration": "l2", "bias_correction": True},
    "int8, octav, bias_correction": {"mode": "int8", "algorithm": "octav", "bias_correction": True},
    "int8, gptq": {"mode": "int8", "algorithm": "gptq"},
    "int8, gptq, bias_correction": {"mode": "int8", "algorithm": "gptq", "bias_correction": True},
    "int8, per_tensor": {"mode": "int8", "granularity": "per_tensor"},
    "int8, depthwise float32": {"mode": "int8", "layers": DEPTHWISE},
    "int8, l2, depthwise float16": {"mode": "int8", "calibration": "l2", "layers": {"*_depthwise": "float16"}},
    "int16x8": {"mode": "int16x8"},
    "int16x8, bias_correction": {"mode": "int16x8", "bias_correction": True},
    "int16x8, depthwise float32": {"mode": "int16x8", "layers": DEPTHWISE},
    "int4_weights": {"mode": "int4_weights"},
    "int4_weights, octav": {"mode": "int4_weights", "algorithm": "octav"},
    "int4_weights, octav, bias_correction": {"mode": "int4_weights", "algorithm": "octav", "bias_correction": True},
    "int4_weights, gptq": {"mode": "int4_weights", "algorithm": "gptq"},
    "dynamic_range, gptq": {"mode": "dynamic_range", "algorithm": "gptq"},
    "dynamic_range, oscar": {"mode": "dynamic_range", "algorithm": "oscar"},
    "dynamic_range, hadamard": {"mode": "dynamic_range", "algorithm": "hadamard"},
    "int4_weights, blockwise": {"mode": "int4_weights", "granularity": "blockwise"},
}


def main(names: list[str]) -> None:
    """Measure the rows called `names`, or all, and keep each as it is found."""
    folder = data_folder()
    if folder is None:
        sys.exit("OPTKIT_DATA is not set; it names the folder with models/ and imagenet/")
    for name in names:
        if name not in ROWS:
            sys.exit(f"there is no row {name!r}; {nearest(name, ROWS)}")
    model = folder / "models" / "mobilenet_v1_0.25_224.tflite"
    _, files, y = image_files(folder / "imagenet")
    look = Preprocessing(shape=(224, 224, 3), mean=(0.5,), std=(0.5,))
    x = look.apply(read_pixels(files, look))
    order = np.random.default_rng(0).permutation(len(x))
    used, others = order[:CALIBRATION], order[CALIBRATION:]
    content = model.read_bytes()
    found = _kept(_facts(content, x, others))
    plain = correct(content, x, y)
    for name in names or ROWS:
        try:
            data = convert_tflite(content, Conversion(**ROWS[name]), x[used], name=model.name, tried=True)
        except BuildError as error:
            print(f"| {name} | refused: {error} | | | |", flush=True)
            continue
        right = correct(data, x, y)
        wrong, gained = int((plain & ~right).sum()), int((right & ~plain).sum())
        found["rows"][name] = {
            "conversion": ROWS[name],
            "accuracy": float(right.mean()),
            "accuracy_of_others": float(right[others].mean()),
            "file_bytes": len(data),
            "wrong": wrong,
            "right": gained,
            "p": binomtest(wrong, wrong + gained).pvalue if wrong + gained else 1.0,
        }
        found["rows"] = {row: found["rows"][row] for row in ROWS if row in found["rows"]}
        FOUND.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        print(name, found["rows"][name], flush=True)


def _facts(content: bytes, x: npt.NDArray[np.float32], others: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return what all rows have in common."""
    return {
        "schema": SCHEMA,
        "model": hashlib.sha256(content).hexdigest(),
        "data": hashlib.sha256(np.ascontiguousarray(x).data).hexdigest(),
        "images": len(x),
        "others": len(others),
        "versions": {name: importlib.metadata.version(name) for name in ("ai-edge-litert", "litert-quantizer")},
    }


def _kept(facts: dict[str, Any]) -> dict[str, Any]:
    """Return what was found before with the same model, images and versions, to go on from; else nothing but facts."""
    made = datetime.now(timezone.utc).date().isoformat()
    if FOUND.exists():
        before: dict[str, Any] = json.loads(FOUND.read_text(encoding="utf-8"))
        if all(before.get(key) == value for key, value in facts.items()):
            return {**before, "made": made}
    return {**facts, "made": made, "rows": {}}


def correct(data: bytes, x: npt.NDArray[np.float32], y: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return which images the .tflite `data` classifies right: bool (images,)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        path.write_bytes(data)
        [scores] = run_samples(path, x, threads=2).values()
    return np.asarray(scores.argmax(axis=1) - 1 == y)


if __name__ == "__main__":
    main(sys.argv[1:])
