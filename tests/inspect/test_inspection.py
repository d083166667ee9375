"""What is in a file: of any origin, with several subgraphs, with operators that nobody knows."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from optkit import ArtifactError, inspect_model
from optkit.cli import main
from optkit.inspect.memory import activations
from optkit.inspect.reading import layer_name, read_graphs
from optkit.report.inspect import inspection_text
from optkit.tflite.verify import verify
from tests.tflite.models import crashing_model, dense_model, int8_model, loop_model, pack
from tests.tflite.networks import KIND, TYPE, Graph, classifier, two_ends, written


def test_operators_are_listed_with_shapes_types_and_what_they_cost(tmp_path: Path) -> None:
    found = inspect_model(written(tmp_path / "model.tflite", classifier()))
    assert [one.kind for one in found.main.operators] == ["FULLY_CONNECTED", "FULLY_CONNECTED", "SOFTMAX"]
    assert [one.macs for one in found.main.operators] == [16 * 80, 80 * 5, 0]
    assert found.macs == 16 * 80 + 80 * 5
    assert found.parameters == 16 * 80 + 80 + 80 * 5 + 5
    assert found.main.tensors[found.main.inputs[0]].shape == (-1, 16)
    assert found.signatures[0].inputs == ("image",)
    assert found.running.error == ""
    assert found.running.parts is not None
    assert found.running.parts[0].operators == (0, 1, 2)


def test_the_text_names_all_of_it(tmp_path: Path) -> None:
    text = inspection_text(inspect_model(written(tmp_path / "model.tflite", two_ends())))
    for part in ("8 operators", "GATHER", "takes", "signature serving_default", "weights", "activations:", "XNNPACK"):
        assert part in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_line_is_wider_than_the_terminal(tmp_path: Path, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "model.tflite", two_ends())
    text = inspection_text(inspect_model(Path("model.tflite")))
    assert max(map(len, text.splitlines())) <= width


def test_an_operator_that_nobody_knows_is_shown_and_the_file_is_said_not_to_run(tmp_path: Path) -> None:
    """Catches a custom operator that ends the command, or one that is taken for a known one."""
    model = classifier()
    model.operatorCodes.append(
        schema.OperatorCodeT(deprecatedBuiltinCode=32, builtinCode=32, customCode="Odd\x1bThing", version=1)
    )
    last = model.subgraphs[0].operators[-1]
    last.builtinOptionsType, last.builtinOptions = 0, None
    last.customOptions = np.array([1, 2, 3], np.uint8)
    last.opcodeIndex = len(model.operatorCodes) - 1
    found = inspect_model(written(tmp_path / "model.tflite", model))
    odd = found.main.operators[-1]
    assert odd.custom
    assert odd.kind == "Odd\\x1bThing"
    assert odd.macs is None
    assert odd.options["custom"].startswith("3 bytes, sha256 ")
    assert found.uncounted == (2,)
    assert found.running.error
    assert "does not run here" in inspection_text(found)


def test_a_number_that_the_schema_does_not_know_is_shown(tmp_path: Path) -> None:
    model = classifier()
    model.operatorCodes[1].builtinCode, model.operatorCodes[1].deprecatedBuiltinCode = 999, 127
    found = inspect_model(written(tmp_path / "model.tflite", model))
    assert found.main.operators[-1].kind == "UNKNOWN_999"
    assert not found.main.operators[-1].known


def test_a_file_that_crashes_litert_is_shown_all_the_same(tmp_path: Path) -> None:
    found = inspect_model(written(tmp_path / "model.tflite", crashing_model()))
    assert "crashed" in found.running.error
    assert found.main.operators[0].kind == "SPLIT"


def test_subgraphs_and_their_operators_are_shown(tmp_path: Path) -> None:
    found = inspect_model(written(tmp_path / "model.tflite", loop_model()), seconds=2)
    assert [len(graph.operators) for graph in found.graphs] == [1, 1, 0]
    assert "took over 2 s" in found.running.error
    assert "subgraph 1" in inspection_text(found)


@pytest.mark.parametrize("cut", [0, 3, 100, -40])
def test_a_damaged_file_is_one_line_and_exit_code_2(tmp_path: Path, cut: int, capsys: pytest.CaptureFixture) -> None:
    path = tmp_path / "model.tflite"
    data = pack(dense_model())
    path.write_bytes(data[:cut] if cut else b"")
    assert main(["inspect", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    with pytest.raises(ArtifactError):
        inspect_model(path)


def test_json_has_a_schema_and_nothing_else_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = written(tmp_path / "model.tflite", int8_model())
    assert main(["inspect", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1
    weights = found["model"]["constants"][0]
    assert weights["dtype"] == "int8"
    assert weights["scales"] == 3
    assert found["model"]["running"]["threads"] == 1


def test_the_layer_is_the_scope_around_the_operation() -> None:
    assert layer_name("model/conv/Relu;model/conv/BiasAdd") == "conv"
    assert layer_name("hidden/kernel") == "hidden"
    assert layer_name("") == ""


def test_activations_live_from_their_maker_to_their_last_reader() -> None:
    """Catches a tensor that lives too long or too short: counted by hand for 16, 80, 5 and 5 floats."""
    graph = read_graphs(verify(pack(classifier()), Path("model")))[0]
    found = activations(graph)
    # the input (16) lives for the whole run; while operator 1 runs, so do hidden (80) and logits (5)
    assert found.live_bytes == 4 * (16 + 80 + 5)
    assert found.at == 1
    assert found.arena_bytes is not None
    assert found.live_bytes <= found.arena_bytes <= found.live_bytes + 4 * 64


def test_a_free_shape_and_a_scalar_are_shown(tmp_path: Path) -> None:
    graph = Graph()
    x = graph.add([1, 4], "x")
    y = graph.add([], "y", free=False)
    axes = graph.add([2], "axes", TYPE.INT32, np.array([0, 1], np.int32))
    graph.apply(KIND.SUM, [x, axes], [y], schema.ReducerOptionsT(keepDims=False))
    text = inspection_text(inspect_model(written(tmp_path / "model.tflite", graph.model([x], [y]))))
    assert "[?, 4]" in text


def test_a_large_file_is_mapped_and_not_read(tmp_path: Path) -> None:
    """Catches a copy of the whole file: 200 MB in under 1 GB of memory, with the constants looked at in pieces."""
    graph = Graph()
    x = graph.add([1, 4096], "x")
    w = graph.add([12800, 4096], "w", values=np.zeros(1, np.float32))
    y = graph.add([1, 12800], "y")
    graph.apply(KIND.FULLY_CONNECTED, [x, w, -1], [y], schema.FullyConnectedOptionsT())
    graph.buffers[1].data = np.zeros(12800 * 4096 * 4, np.uint8)
    path = written(tmp_path / "large.tflite", graph.model([x], [y]))
    code = (
        "import re, sys; from pathlib import Path; from optkit import inspect_model; "
        "found = inspect_model(sys.argv[1]); assert found.constants[0].zeros == 1.0; "
        # not ru_maxrss: a process inherits that of the one that started it
        "peak = re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text()); print(int(peak[1]) // 1024)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 1000
    assert time.perf_counter() - began < 60
