"""Published lists of operators: what would not run is named with its reason, and nothing is ever called fit."""

from pathlib import Path

import pytest

from optkit.errors import OptkitError
from optkit.inspect.hardware import HARDWARE, find_hardware, objections
from optkit.inspect.operators import GraphInfo
from optkit.inspect.reading import read_graphs
from optkit.report.hardware import hardware_text
from optkit.tflite.flatbuffer import read_flatbuffer
from tests.runtime.test_micro_tables import dense
from tests.tflite import models


def graph_of(path: Path, model: object) -> GraphInfo:
    path.write_bytes(models.pack(model))
    return read_graphs(read_flatbuffer(path))[0]


def test_a_float_file_would_not_run_on_integers(tmp_path: Path) -> None:
    graph = graph_of(tmp_path / "m.tflite", models.dense_model())
    for name in ("edge_tpu", "integer_only"):
        [found] = objections(graph, HARDWARE[name])
        assert (found.kind, found.why) == ("FULLY_CONNECTED", "it computes in float32")
    assert objections(graph, HARDWARE["gpu"]) == ()


def test_an_integer_file_has_no_objection_and_is_still_not_called_fit(tmp_path: Path) -> None:
    graph = graph_of(tmp_path / "m.tflite", dense(16))
    for name in ("edge_tpu", "integer_only"):
        assert objections(graph, HARDWARE[name]) == ()
        shown = hardware_text(HARDWARE[name], (), 1, width=300)
        assert "That does not say that it runs" in shown


def test_an_operator_that_is_not_in_the_list_is_named(tmp_path: Path) -> None:
    graph = graph_of(tmp_path / "m.tflite", models.loop_model())
    found = objections(graph, HARDWARE["gpu"])
    assert [(one.kind, one.why) for one in found] == [("WHILE", "the operator is not in the list")]
    shown = hardware_text(HARDWARE["gpu"], found, 1, width=300)
    assert "would not run: 1 of 1 operators" in shown
    assert "WHILE (operator 0): the operator is not in the list" in shown


def test_lists_say_where_they_are_from_and_names_are_checked() -> None:
    assert all(one.source and one.read for one in HARDWARE.values())
    with pytest.raises(OptkitError, match="there is no hardware 'edgetpu'; did you mean 'edge_tpu'"):
        find_hardware("edgetpu")


COMPILER_16 = """
Add AveragePool2d Concatenation Conv2d DepthwiseConv2d ExpandDims FullyConnected L2Normalization Logistic LSTM Maximum
MaxPool2d Mean Minimum Mul Pack Pad PReLU Quantize ReduceMax ReduceMin ReLU ReLU6 ReLUN1To1 Reshape ResizeBilinear
ResizeNearestNeighbor Rsqrt Slice Softmax SpaceToDepth Split Squeeze StridedSlice Sub Sum SquaredDifference Tanh
Transpose TransposeConv
"""
"""The operators of the Edge TPU's table, in its own spelling."""


def test_the_list_of_the_edge_tpu_is_its_table_and_nothing_from_memory() -> None:
    def plain(name: str) -> str:
        return name.replace("_", "").lower()

    ours = {plain(name) for name in HARDWARE["edge_tpu"].operators or ()} - {"unidirectionalsequencelstm"}
    assert ours == {plain(name) for name in COMPILER_16.split()}


def test_weights_of_four_bits_are_no_eight_bits() -> None:
    """The Edge TPU takes models of 8 bits throughout; hardware without floating point may take any integers."""
    for name, refused in (("edge_tpu", True), ("gpu", True), ("integer_only", False)):
        assert ("int4" not in HARDWARE[name].types) == refused
