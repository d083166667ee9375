"""LiteRT's settings: what they refuse, what they change, and CompiledModel beside Interpreter."""

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.studies.conformance.cases import Case, cases
from optkit.commands.running import settings as parsed
from optkit.errors import ArtifactError, SuiteError
from optkit.runtime import TFLiteRunner, find_runtime, make_settings
from optkit.runtime.attempt import attempt
from optkit.runtime.chosen import check_running, check_variants, facts_of, loader
from optkit.runtime.litert import load_litert
from optkit.runtime.litert_settings import TUNABLE, XNNPACK_FLAGS, LiteRTSettings
from optkit.runtime.registry import settings_values
from optkit.spec import Network, Running, Training, Variant
from optkit.spec.running import PLAIN, said
from tests.tflite.models import crashing_model
from tests.tflite.networks import classifier, written

LITERT = find_runtime("litert")
COMPILED = LiteRTSettings(api="compiled_model")


@pytest.fixture(scope="module")
def by_name() -> dict[str, Case]:
    pytest.importorskip("litert_quantizer", reason="the files are quantized by litert-quantizer")
    return {case.name: case for case in cases()}


def a_file(folder: Path, case: Case) -> Path:
    path = folder / "model.tflite"
    path.write_bytes(case.content)
    return path


@pytest.mark.parametrize(
    ("values", "said_so"),
    [
        ({"kernels": "xnpack"}, "kernels is 'xnpack'; did you mean 'xnnpack'"),
        ({"kernel": "builtin"}, "has no setting 'kernel'; did you mean 'kernels'"),
        ({"xnnpack": ["fp16"]}, "there is no flag 'fp16'"),
        ({"xnnpack": "latest_operators"}, "Expected `array`, got `str` - at `xnnpack`"),
        ({"weight_cache": "yes"}, "Expected `bool`"),
        ({"weight_cache": True}, "Interpreter cannot be given a weight cache"),
        ({"xnnpack": ["force_fp16"]}, "Interpreter cannot be given the flag 'force_fp16'"),
        ({"kernels": "builtin", "xnnpack": ["latest_operators"]}, "XNNPACK does not run then"),
        (
            {"kernels": "reference", "api": "compiled_model"},
            "runs the built-in kernels when it is asked for the reference",
        ),
    ],
)
def test_what_is_wrong_is_refused_with_the_reason(values: dict[str, Any], said_so: str) -> None:
    with pytest.raises(SuiteError) as error:
        make_settings(LITERT, values)
    assert said_so in str(error.value)


def test_settings_are_saved_as_what_differs_from_the_defaults() -> None:
    assert settings_values(LiteRTSettings()) == {}
    for values in TUNABLE:
        made = make_settings(LITERT, values)
        assert make_settings(LITERT, settings_values(made)) == made != LiteRTSettings()
    assert facts_of(PLAIN) == {"name": "litert", "version": LITERT.version()}, "as it was before there were settings"
    assert facts_of(Running(settings={"kernels": "builtin"}))["settings"] == {"kernels": "builtin"}
    assert said({"xnnpack": ("a", "b"), "weight_cache": True}) == 'weight_cache = true, xnnpack = ["a", "b"]'


def test_unknown_runtimes_name_the_nearest_and_missing_ones_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SuiteError, match="no runtime 'litrt'; did you mean 'litert'"):
        check_running(Running(runtime="litrt"))
    missing = dataclasses.replace(LITERT, extra="micro", modules=("no_such_module",))
    assert not missing.installed
    with pytest.raises(ArtifactError, match=r"pip install 'optkit\[micro\]'"):
        missing.need()
    variant = Variant(
        name="v", network=Network(name="a.tflite"), training=Training(epochs=0), running=Running(settings={"x": 1})
    )
    with pytest.raises(SuiteError, match="variant 'v': runtime 'litert' has no setting 'x'"):
        check_variants([variant])


def test_the_defaults_are_the_runner_that_timings_use() -> None:
    """Catches a detour in the timed call of everything that names no runtime."""
    assert loader() is TFLiteRunner
    assert loader(Running(settings="tune")) is TFLiteRunner
    assert loader(Running(settings={"kernels": "builtin"})) is not TFLiteRunner


@pytest.mark.parametrize("flag", XNNPACK_FLAGS)
def test_every_flag_is_taken_by_the_library(flag: str, by_name: dict[str, Case], tmp_path: Path) -> None:
    case = by_name["float32"]
    runner = load_litert(a_file(tmp_path, case), LiteRTSettings(api="compiled_model", xnnpack=(flag,)), batch=4)
    found = runner.scores(runner.invoke(runner.prepare(case.inputs["x"])))
    runner.close()
    loose = 0.1 if flag == "force_fp16" else 1e-4
    np.testing.assert_allclose(found, case.outputs["y"], atol=loose)


def test_a_weight_cache_is_written_and_goes_with_the_runner(by_name: dict[str, Case], tmp_path: Path) -> None:
    case = by_name["float32"]
    runner: Any = load_litert(
        a_file(tmp_path, case), LiteRTSettings(api="compiled_model", weight_cache=True), threads=2, batch=4
    )
    for _ in range(2):  # buffers are used again
        found = runner.scores(runner.invoke(runner.prepare(case.inputs["x"])))
        np.testing.assert_allclose(found, case.outputs["y"], atol=1e-4)
    cache = Path(runner._options_used.cpu_options.xnnpack_weight_cache_path)
    assert cache.stat().st_size > 1000
    runner.close()
    assert not cache.exists()


def test_compiled_model_refuses_what_would_write_beyond_its_buffer(by_name: dict[str, Case], tmp_path: Path) -> None:
    """Catches the crash of a file whose RESHAPE computes its shape: outputs keep their batch."""
    path = a_file(tmp_path, by_name["computed shape"])
    one = load_litert(path, COMPILED, batch=1)
    assert one.scores(one.invoke(one.prepare(by_name["computed shape"].inputs["x"][:1]))).shape == (1, 3)
    with pytest.raises(ArtifactError, match=r"with batch 4 its output 'y' keeps the shape \[1, 3\]"):
        load_litert(path, COMPILED, batch=4)


def test_a_file_that_crashes_the_library_is_a_refusal(tmp_path: Path) -> None:
    """Catches a crash in the caller's process, which a setting must not bring back."""
    crashing = written(tmp_path / "crashing.tflite", crashing_model())
    for settings in ({}, {"api": "compiled_model"}):
        refusal = attempt(crashing, Running(settings=settings)).refusal
        assert refusal, settings
        assert "\n" not in refusal
    whole = attempt(written(tmp_path / "whole.tflite", classifier()), Running(settings={"kernels": "builtin"}), batch=3)
    assert (whole.refusal, whole.outputs["scores"].shape) == ("", (3, 5))
    assert whole.memory
    assert whole.memory.parts["tensors"] > 0
    (tmp_path / "cut.tflite").write_bytes((tmp_path / "whole.tflite").read_bytes()[:50])
    assert "cut.tflite" in attempt(tmp_path / "cut.tflite").refusal


def test_settings_on_the_command_line() -> None:
    assert parsed("kernels=builtin") == {"kernels": "builtin"}
    assert parsed("api=compiled_model, weight_cache=true,xnnpack=force_fp16") == {
        "api": "compiled_model",
        "weight_cache": True,
        "xnnpack": ["force_fp16"],
    }
    with pytest.raises(argparse.ArgumentTypeError, match="such as kernels=builtin"):
        parsed("builtin")
