"""TensorFlow Lite Micro: arena and outputs against the library itself, refusals, and files that crash it."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit.errors import ArtifactError
from optkit.runtime import RUNTIMES, find_runtime
from optkit.runtime.micro_says import Arena, Refused, read_allocations
from optkit.runtime.samples import run_samples
from optkit.runtime.tflite_micro import LEAST, MicroRunner, MicroSettings, refusal
from tests.tflite import models

pytestmark = pytest.mark.skipif(importlib.util.find_spec("tflite_micro") is None, reason="pip install 'optkit[micro]'")


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a ModelT as a file, and return its path."""

    def write(model: Any, name: str = "model.tflite") -> Path:
        path = tmp_path / name
        path.write_bytes(models.pack(model))
        return path

    return write


def one_operator(kind: int, custom: bytes | None = None) -> Any:
    """Return a model of one operator from (1, 4) to (1, 4)."""
    tensors = [models.tensor([1, 4], 0, "x"), models.tensor([1, 4], 0, "y")]
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[1], operators=[models.operator([0], [1])])
    code = models.opcode(kind)
    code.customCode = custom
    return schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=[models.buffer()])


ALONE = """
import sys
from tflite_micro import runtime
found = runtime.Interpreter.from_file(sys.argv[1], arena_size=1 << 16)
found.print_allocations()
"""


def test_the_arena_is_what_the_library_prints_by_itself(write: Any) -> None:
    """A figure of our own making, or of an arena that was too large or misaligned, would be another one."""
    path = write(models.dense_model())
    alone = subprocess.run([sys.executable, "-c", ALONE, str(path)], capture_output=True, text=True, check=True)
    printed = {what: int(size) for what, size in re.findall(r"allocation (\w+) (\d+) bytes", alone.stderr)}
    runner = MicroRunner(path)
    memory = runner.memory()
    runner.close()
    assert memory.arena_bytes == printed["total"] > 0
    assert (memory.parts["head"], memory.parts["tail"]) == (printed["head"], printed["tail"])
    assert memory.parts["NodeAndRegistration struct"] > 0


def test_outputs_are_those_of_litert(write: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Samples in the wrong order, or a batch that is cut wrongly, would differ. The interpreter prints nothing here."""
    path = write(models.dense_model())
    x = np.random.default_rng(0).random((7, 4), np.float32)
    capfd.readouterr()
    runner = MicroRunner(path, batch=7)
    found = runner.scores(runner.invoke(runner.prepare(x)))
    runner.close()
    assert capfd.readouterr() == ("", "")
    np.testing.assert_allclose(found, run_samples(path, x)["y"], rtol=1e-6)


def test_the_smallest_arena_that_works_does_and_a_smaller_one_does_not(write: Any) -> None:
    """The allocator's total lacks what is needed for a moment while operators are prepared: firmware with it fails."""
    path = write(models.dense_model())
    runner = MicroRunner(path)
    memory = runner.memory()
    runner.close()
    size, least = memory.arena_bytes or 0, memory.parts[LEAST]
    assert least > size
    MicroRunner(path, MicroSettings(arena_bytes=least)).close()
    with pytest.raises(Refused):
        MicroRunner(path, MicroSettings(arena_bytes=least - 16))
    with pytest.raises(Refused, match=r"needs a larger arena.*give more arena_bytes"):
        MicroRunner(path, MicroSettings(arena_bytes=size // 2))


@pytest.mark.parametrize(
    ("model", "operator", "said"),
    [
        (models.int8_model(), "FULLY_CONNECTED", r'FULLY_CONNECTED \(operator 0\): .*; convert with mode = "int8"'),
        (one_operator(schema.BuiltinOperator.RFFT2D), "RFFT2D", "has no operator RFFT2D; build the model without it"),
        (one_operator(32, b"My\x1b[31mOp"), "", r"has no operator My\\x1b\[31mOp"),
        (models.sparse_model(), "", "reads sparse weights as if they were dense"),
        (models.crashing_model(), "SPLIT", r"SPLIT \(operator 0\): Non-constant >axis< tensor is not supported"),
    ],
)
def test_what_is_refused_says_operator_reason_and_remedy(write: Any, model: Any, operator: str, said: str) -> None:
    """Sparse weights are read as dense ones without a word: that file would run, and be wrong."""
    path = write(model)
    with pytest.raises(Refused, match=said) as error:
        MicroRunner(path)
    assert operator in error.value.operator
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)
    assert refusal(path) == str(error.value)


def test_a_file_that_crashes_it_or_never_ends_is_one_line(write: Any) -> None:
    with pytest.raises(ArtifactError, match=r"crashed on .*signal SIG|over 4 GiB of memory"):
        MicroRunner(write(models.huge_model()))
    with pytest.raises(ArtifactError, match=r"took over 0\.5 s"):
        MicroRunner(write(models.loop_model()), seconds=0.5)
    garbage = write(models.dense_model())
    garbage.write_bytes(b"garbage" * 10)
    with pytest.raises(ArtifactError, match=r"not a \.tflite file"):
        MicroRunner(garbage)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ArtifactError, match=r"not installed; pip install 'optkit\[micro\]'"):
        find_runtime("tflite_micro")
    with pytest.raises(ArtifactError, match=r"optkit\[micro\]"):
        MicroRunner(write(models.dense_model()))


def test_it_is_never_timed_and_says_so() -> None:
    assert RUNTIMES["tflite_micro"].times is False
    assert "never its time" in RUNTIMES["tflite_micro"].about


def test_allocations_in_another_form_are_refused() -> None:
    """A new version that prints something else must not become an arena of 0 bytes."""
    with pytest.raises(ArtifactError, match="unknown form"):
        read_allocations("[RecordingMicroAllocator] Arena allocation total 5 bytes")
    total = "\n".join(
        f"[RecordingMicroAllocator] Arena allocation {what} {size} bytes"
        for what, size in (("total", 12), ("head", 8), ("tail", 4))
    )
    assert read_allocations(total) == Arena(total=12, head=8, tail=4, kinds={})
