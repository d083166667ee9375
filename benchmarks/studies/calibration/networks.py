"""The artifacts of the calibration: files to be compared with their own copy, and ladders of ever wider models.

Law: extra work is real work in the model (a layer with more filters or units), never a sleep. Weights that do not
come from a built-in suite are random: they serve for time, never for accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from optkit import Conversion, Store, build_variants, open_suite
from optkit.convert import convert
from optkit.keras.tensorflow import load_keras, make_deterministic, silenced
from optkit.models import NETWORKS
from optkit.spec.keys import file_sha256

SUITE_FILES = {
    "mnist": ("float_tflite", "dynamic_range", "int8", "pruned_dynamic_range"),
    "quickdraw": ("float_tflite", "pruned_dynamic_range"),
}
"""Variants of built-in suites, trained as their suites say: each is compared with its own copy."""


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """A network, how it is converted, and the widths that a layer of it may have beyond its own, by layer.

    How much slower a width is depends on the processor, whose kernels work in tiles: one more filter may cost nothing
    or 10 %. So there are more rungs than a campaign needs.
    """

    network: str
    params: Mapping[str, Any] = field(default_factory=dict)
    mode: Literal["float32", "int8"] = "float32"
    widths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def rungs(self, base: str) -> dict[str, dict[str, int]]:
        """Return, by the name of its file, the changed width of each wider model of the base of this name."""
        return {f"{base}-{layer}-{width}": {layer: width} for layer, some in self.widths.items() for width in some}


LADDERS: dict[str, Ladder] = {
    "teacher": Ladder(network="mnist_teacher", params={"filters": 64}),
    "student": Ladder(network="keras_distillation", params={"filters": (16, 1536)}, widths={"conv2": (1568, 1600)}),
    "vgg_quarter": Ladder(
        network="vgg16_bn",
        params={"width": 0.25},
        widths={"block5_conv2": (152, 162), "block4_conv2": (144,)},
    ),
    "vgg_quarter_int8": Ladder(network="vgg16_bn", params={"width": 0.25}, mode="int8"),
    "resnet": Ladder(
        network="resnet_preact",
        params={"depth": 20},
        widths={"stage3_block2_conv1": (72, 80, 84), "stage2_block2_conv1": (36, 40), "stage3_block1_conv1": (80, 88)},
    ),
    "mobilenet": Ladder(network="mobilenet_v1", params={"size": 96, "classes": 100}),
    "mobilenet_int8": Ladder(network="mobilenet_v1", params={"size": 96, "classes": 100}, mode="int8"),
    "autoencoder": Ladder(network="autoencoder"),
}
"""The base of each is also compared with its own copy."""


def _autoencoder() -> Any:
    """Return an autoencoder of dense layers: 1 MB of weights, each read once a call, so memory decides its time.

    The widths are those of the anomaly detection of MLPerf Tiny (Banbury et al. 2021, arXiv:2106.07597).
    """
    keras = load_keras()
    hidden = [keras.layers.Dense(units, activation="relu") for units in (128,) * 4 + (8,) + (128,) * 4]
    return keras.Sequential([keras.layers.Input((640,)), *hidden, keras.layers.Dense(640)])


def build(folder: Path, data: str, store: Path | None, only: str = "") -> None:
    """Write every file that `folder` lacks, and `artifacts.json`: what each is, with its sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    catalogue = folder / "artifacts.json"
    known: dict[str, Any] = json.loads(catalogue.read_text()) if catalogue.exists() else {}

    def keep(name: str, content: bytes, **facts: Any) -> None:
        path = folder / f"{name}.tflite"
        path.write_bytes(content)
        known[name] = {**facts, "sha256": file_sha256(path)}
        catalogue.write_text(json.dumps(known, indent=1))
        print(path, flush=True)

    def lacks(name: str) -> bool:
        return name not in known or not (folder / f"{name}.tflite").exists()

    for key, ladder in LADDERS.items():
        if only and only != key:
            continue
        known_widths: dict[str, dict[str, int]] = {key: {}}
        for name, changed in (known_widths | ladder.rungs(key)).items():
            if lacks(name):
                facts = {"network": ladder.network, "params": dict(ladder.params), "mode": ladder.mode}
                keep(name, _convert(ladder, changed), **facts, widths=changed, weights="random, seed 1")
    for suite_name, names in SUITE_FILES.items():
        wanted = [name for name in names if lacks(f"{suite_name}-{name}")]
        if not wanted or only not in ("", suite_name):
            continue
        suite, dataset = open_suite(suite_name, data)
        built = build_variants(suite, suite.select((suite.baseline, *wanted)), dataset, Store(store))
        for name in wanted:
            facts = {"suite": suite_name, "variant": name, "data": f"{dataset.name}@{dataset.digest[:8]}"}
            keep(f"{suite_name}-{name}", built[name].path.read_bytes(), **facts, weights="trained")


def _convert(ladder: Ladder, widths: Mapping[str, int]) -> bytes:
    """Return the ladder's network as .tflite bytes, with `widths` by layer in place of its own."""
    make_deterministic(1)
    keras = load_keras()
    own = ladder.network == "autoencoder"
    model = _autoencoder() if own else NETWORKS[ladder.network].build(**ladder.params)

    def widened(layer: Any) -> Any:
        config = layer.get_config()
        if layer.name in widths:
            config["filters" if "filters" in config else "units"] = widths[layer.name]
        return type(layer).from_config(config)

    if widths:
        model = keras.models.clone_model(model, clone_function=widened)
    integer = Conversion(mode="int8", calibration_samples=8)
    conversion = integer if ladder.mode == "int8" else Conversion(mode=ladder.mode)
    samples = np.random.default_rng(0).random((8, *model.input_shape[1:]), np.float32)
    with silenced():
        return convert(model, conversion, samples)
