"""Every runtime that is installed gives the same outputs for the same small files, or refuses one and says why."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies.conformance.cases import Case, cases
from benchmarks.studies.conformance.outcomes import RESULTS, outcomes, table, ways, word, write_cases
from optkit.runtime.registry import RUNTIMES
from optkit.spec.running import said
from optkit.tflite.flatbuffer import tensor_type
from optkit.tflite.verify import verify
from tests.isolation import ROOT

pytest.importorskip("litert_quantizer", reason="the files are quantized by litert-quantizer")

NAMES = [name for name in RUNTIMES if name != "keras"]
"""Keras runs .h5 files: tests/runtime/test_keras.py holds it to what LiteRT makes of the converted file."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Case], Path]:
    folder = tmp_path_factory.mktemp("cases")
    found = cases()
    write_cases(found, folder)
    return found, folder


@pytest.fixture(scope="module")
def saved() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / RESULTS).read_text())
    return found


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_numpy(name: str, made: tuple[list[Case], Path], saved: dict[str, Any]) -> None:
    """Catches wrong scales, orders of inputs and outputs, shapes and types, and a runtime that crashes."""
    runtime = RUNTIMES[name]
    if not runtime.installed:
        pytest.skip(f"runtime {name} is not installed: pip install 'optkit[{runtime.extra}]'")
    rows = {said(row["settings"]): row["cases"] for row in saved["runtimes"].get(name, {"rows": []})["rows"]}
    same_version = saved["runtimes"].get(name, {}).get("version") == runtime.version()
    for settings in (
        ways(runtime)[:1] if name != "litert" else [{}, {"api": "compiled_model"}, {"kernels": "reference"}]
    ):
        found = outcomes(name, settings, *made)
        broken = {case: one for case, one in found.items() if word(one) in ("wrong", "crashed")}
        assert not broken, settings
        if same_version:
            told = {case: word(one) for case, one in rows[said(settings)].items()}
            assert {case: word(one) for case, one in found.items()} == told, "python -m benchmarks.studies.conformance"
    assert sum(word(one) == "same" for one in found.values()) >= 3, "it runs something"


def test_what_is_wrong_or_refused_is_told(made: tuple[list[Case], Path]) -> None:
    """A conformance that cannot fail would hold nothing."""
    found, folder = made
    one = next(case for case in found if case.name == "two inputs")
    own = folder / one.name / "model.tflite"
    exact = dataclasses.replace(one, tolerance=0.0)
    assert word(outcomes("litert", {}, [exact], folder)[one.name]) == "wrong", "no tolerance at all"
    try:
        own.write_bytes((folder / "two outputs" / "model.tflite").read_bytes())
        refused = outcomes("litert", {}, [one], folder)[one.name]
        assert "it takes 'x': give an array for each" in refused["refused"]
    finally:
        own.write_bytes(one.content)


def test_the_files_are_what_they_are_called(made: tuple[list[Case], Path]) -> None:
    """Catches a case that says int8 and holds float: small weights are left as they are by the quantizer."""
    kinds = {"float32": "float32", "float16": "float16", "dynamic range": "int8", "int8": "int8", "int16x8": "int16"}
    kinds |= {name: "int4" for name in ("int4 weights", "int8, int4 weights", "int8, int4 convolution")}
    by_name = {case.name: case for case in made[0]}
    assert len(by_name) >= 12
    for name, kind in kinds.items():
        model = verify(by_name[name].content, Path(name))
        assert kind in {tensor_type(tensor) for tensor in model.subgraphs[0].tensors}, name
    ends = verify(by_name["int8, int8 at both ends"].content, Path("int8")).subgraphs[0]
    assert {tensor_type(ends.tensors[i]) for i in (*ends.inputs, *ends.outputs)} == {"int8"}


def test_the_table_in_the_guide_is_of_the_saved_outcomes(saved: dict[str, Any]) -> None:
    assert table(saved) in (ROOT / "docs" / "runtimes.md").read_text(encoding="utf-8")
