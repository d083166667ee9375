"""The rows of a public MobileNet v1 that was quantized from its old .tflite file, for the page of reproduced figures.

They are measured by `benchmarks.studies.quantize_mobilenet`. Beside them stand the figures of a first try by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.studies.quantize_mobilenet import FOUND, SCHEMA
from optkit.errors import OptkitError

DOCUMENT = "3_tflite_guide"
"""The document whose tables these rows follow: it has figures of the same network at its full width."""

BY_HAND = {"float32": 0.547, "dynamic_range": 0.539, "int8": 0.493, "int16x8": 0.502}

_TITLE = "MobileNet v1 0.25 from an old .tflite"
_ABOUT = """\
This network is of the guide's kind, a quarter as wide. It comes with trained weights, so its accuracy can be measured.
The file is a public MobileNet v1 (0.25, 224), trained on ImageNet. An old converter made it: it has no signature, old
operator codes and a batch of 1. The data are {images:,} images, one for each class. {calibration} of them, drawn by a
seed, calibrate. All are scaled to 224 x 224 and to [-1, 1].

"By hand" is a first try with min-max. It prepared the images in another way: its float file has {float_by_hand}. The
last column compares with our float file: how many images became wrong, how many right, and p of the exact McNemar test.
`python -m benchmarks.studies.quantize_mobilenet` measures ({versions}, {made})."""


def section(path: Path = FOUND) -> str:
    """Return the part of the page. Raises OptkitError when the results cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        again = "run python -m benchmarks.studies.quantize_mobilenet"
        raise OptkitError(f"{path} cannot be read ({error}); {again}") from error
    if found.get("schema") != SCHEMA:
        raise OptkitError(f"{path} is of schema {found.get('schema')!r}; expected {SCHEMA}")
    about = _ABOUT.format(
        images=found["images"],
        calibration=found["images"] - found["others"],
        float_by_hand=f"{BY_HAND['float32']:.3f}",
        versions=", ".join(f"{name} {version}" for name, version in found["versions"].items()),
        made=found["made"],
    )
    head = ["variant", "by hand", f"top-1 of all {found['images']:,}", f"of the {found['others']:,} others", "bytes"]
    rows = [[*head, "wrong, right; p"], *(_row(name, row) for name, row in found["rows"].items())]
    lines = [f"| {' | '.join(row)} |" for row in rows]
    table = "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
    return f"### {_TITLE}\n\n{about}\n\n{table}"


def _row(name: str, row: dict[str, Any]) -> list[str]:
    by_hand = f"{BY_HAND[name]:.3f}" if name in BY_HAND else ""
    shares = (f"{row['accuracy']:.3f}", f"{row['accuracy_of_others']:.3f}")
    return [name, by_hand, *shares, f"{row['file_bytes']:,}", f"{row['wrong']}, {row['right']}; {row['p']:.2g}"]
