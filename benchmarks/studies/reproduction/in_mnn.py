"""The deployment of the tutorial on CIFAR-10, measured in MNN itself, for the page of reproduced figures.

`benchmarks.studies.mnn_deployment` measures. The tutorial has one int8 file; MNN has two ways to make it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.studies.mnn_deployment import RESULTS, SCHEMA
from benchmarks.studies.pages import markdown
from optkit.errors import OptkitError

DOCUMENT = "5_cifar10_compression"
MODEL = "cifar10_resnet:quick:slimmed_50_distilled"
PUBLISHED = {"float_kilobytes": 926.0, "int8_kilobytes": 315.0, "points": 1.85, "float_ms": 2.04, "int8_ms": 4.9}
"""The tutorial's own: a file of 926 KB that takes 2.04 ms, and of int8 315 KB, 4.9 ms and 1.85 points fewer."""

_ABOUT = """\
The tutorial deploys its pruned and distilled network with MNN, and quantizes it there. This is the same in MNN {mnn}:
optkit's float `.tflite` file, converted and quantized by MNN ([guide](mnn.md)). The network is that of profile quick ‡:
smaller, and trained on {train:,} images for a few epochs. So sizes and times stand as ratios, int8 over float, and
accuracy as points lost by quantization, on {test:,} test images. Times are CPU times of one thread, one image a call,
in turns. The tutorial calibrates by KL divergence or by the squared error; MNN's ways of that are `kl` and `admm`.
`python -m benchmarks.studies.mnn_deployment` measures."""


def section(path: Path = RESULTS) -> str:
    """Return the part of the page. Raises OptkitError when the results cannot be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OptkitError(
            f"{path} cannot be read ({error}); run python -m benchmarks.studies.mnn_deployment"
        ) from error
    if found.get("schema") != SCHEMA:
        raise OptkitError(f"{path} is of schema {found.get('schema')!r}; expected {SCHEMA}")
    model = found["models"][MODEL]
    about = _ABOUT.format(mnn=model["versions"]["mnn"], **model["data"])
    head = ["figure", "document", "ours, `kl`", "ours, `admm`"]
    return f"### The same in MNN\n\n{about}\n\n{markdown.table(head, *_rows(model['rows'], model['data']['test']))}"


def _rows(rows: Mapping[str, Any], test: int) -> list[list[str]]:
    base, ways = rows["none"], [rows["kl"], rows["admm"]]

    def row(label: str, published: str, ours: Any) -> list[str]:
        return [label, published, *("refused" if "refused" in way else ours(way) for way in ways)]

    theirs = PUBLISHED
    return [
        row("file KB, float ↓", f"{theirs['float_kilobytes']:g}", lambda way: f"{base['file_bytes'] / 1000:.1f}"),
        row("file KB, int8 ↓", f"{theirs['int8_kilobytes']:g}", lambda way: f"{way['file_bytes'] / 1000:.1f}"),
        row(
            "times smaller ↑",
            f"{theirs['float_kilobytes'] / theirs['int8_kilobytes']:.2f}",
            lambda way: f"{base['file_bytes'] / way['file_bytes']:.2f}",
        ),
        row(
            "points of accuracy lost ↓",
            f"{theirs['points']:.2f}",
            lambda way: f"{100 * (base['correct'] - way['correct']) / test:.2f}",
        ),
        row(
            "time, int8 / float ↓",
            f"{theirs['int8_ms'] / theirs['float_ms']:.2f}",
            lambda way: f"{way['cpu_ratio'][1]:.2f}",
        ),
    ]
