"""Each tensor keeps its own statistics: an algorithm that looks at a layer's inputs sees those of that layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.convert import quantizer
from optkit.convert.from_tflite import convert_tflite
from optkit.convert.statistics import Statistics
from optkit.errors import BuildError
from optkit.runtime.samples import run_samples
from optkit.spec import Conversion
from optkit.tflite.verify import verify
from tests.tflite.models import pack
from tests.tflite.networks import KIND, Graph


def pooled() -> bytes:
    """A 1x1 convolution on 4 x 4 maps of 16 channels, their mean, and a dense layer of 24 on it: two outputs.

    The convolution and the pooling read the same tensor, so the pooling's input has statistics of its own.
    """
    graph = Graph(2)
    x, y, mean = graph.add([1, 4, 4, 16], "x"), graph.add([1, 4, 4, 24], "conv/out"), graph.add([1, 1, 1, 16], "mean")
    w, b = graph.weights([24, 1, 1, 16], "conv/kernel"), graph.weights([24], "conv/bias")
    options = schema.Conv2DOptionsT(strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1)
    graph.apply(KIND.CONV_2D, [x, w, b], [y], options)
    pool = schema.Pool2DOptionsT(padding=1, strideH=1, strideW=1, filterHeight=4, filterWidth=4)
    graph.apply(KIND.AVERAGE_POOL_2D, [x], [mean], pool)
    return pack(graph.model([x], [y, graph.dense(mean, 16, 24, "dense")], ("x", "map", "scores")))


def together() -> Any:
    """Means of maps that depend on each other, in noise that does not and that the mean takes away."""
    rng = np.random.default_rng(3)
    common = (rng.normal(size=(300, 1, 1, 2)) @ rng.normal(size=(2, 16))).astype(np.float32)
    noise = rng.normal(0, 3, (300, 4, 4, 16)).astype(np.float32)
    return common + noise - noise.mean(axis=(1, 2), keepdims=True)


def error(folder: Path, mode: str, algorithm: Any, x: Any) -> float:
    path = folder / "model.tflite"
    path.write_bytes(pooled())
    expected = run_samples(path, x)["scores"]
    path.write_bytes(convert_tflite(pooled(), Conversion(mode=mode, algorithm=algorithm), x, tried=True))  # type: ignore[arg-type]
    return float(np.mean((run_samples(path, x)["scores"] - expected) ** 2))


@pytest.mark.parametrize("mode", ["int8", "int4_weights"])
def test_a_layer_after_a_pooling_is_quantized_by_its_own_inputs(mode: str, tmp_path: Path) -> None:
    """The pooling's input went in their place: GPTQ wrote float weights as int8, or rounded for other inputs."""
    x = together()
    assert error(tmp_path, mode, "gptq", x) < (1 if mode == "int8" else 0.5) * error(tmp_path, mode, "min_max", x)


def test_of_an_entry_only_the_range_goes_on_to_another_tensor() -> None:
    hessian = np.eye(2)
    given: dict[str, Any] = {"x": {"min": np.zeros(1), "hessian": hessian}, "y": {"min": np.ones(1), "mu2": np.ones(3)}}
    found = Statistics(given)
    found["y"] = found["x"]
    found["z"] = found["x"]
    assert {name: sorted(entry) for name, entry in found.items()} == {
        "x": ["hessian", "min"],
        "y": ["min", "mu2"],
        "z": ["min"],
    }
    assert found["y"]["min"] == 0
    assert found["x"]["hessian"] is not hessian


def test_a_damaged_file_of_the_quantizer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its statistics GPTQ leaves a layer's values as they were: said here, and nothing is written."""
    x = together()
    verify(convert_tflite(pooled(), Conversion(mode="int8", algorithm="gptq"), x, tried=True), Path("whole"))
    monkeypatch.setattr(quantizer, "Statistics", dict)
    monkeypatch.setattr("optkit.convert.statistics.hessians", lambda model, samples: {})
    with pytest.raises(BuildError, match=r"wrote a file that cannot be used: .*; take another algorithm than 'gptq'"):
        convert_tflite(pooled(), Conversion(mode="int8", algorithm="gptq"), x, tried=True)
