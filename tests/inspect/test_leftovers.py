"""What converters leave behind is found by the graph, and only that."""

from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from optkit.inspect.leftovers import find_leftovers
from optkit.inspect.reading import read_graphs
from optkit.tflite.simplify import simplify
from optkit.tflite.verify import verify
from tests.tflite.models import pack
from tests.tflite.networks import KIND, TYPE, Graph, classifier


def found(model):
    data = pack(model)
    verified = verify(data, Path("model"))
    return data, find_leftovers(verified, read_graphs(verified)[0])


def with_shapes() -> object:
    """A reshape whose shape is computed, as the converter writes it for a Keras Reshape with a free batch."""
    graph = Graph()
    x = graph.add([1, 4], "x")
    shape = graph.add([2], "shape", TYPE.INT32, free=False)
    graph.apply(KIND.SHAPE, [x], [shape], schema.ShapeOptionsT(outType=TYPE.INT32))
    ends = [graph.add([1], f"end{n}", TYPE.INT32, np.array([n], np.int32)) for n in (0, 1, 1)]
    size = graph.add([], "size", TYPE.INT32, free=False)
    graph.apply(KIND.STRIDED_SLICE, [shape, *ends], [size], schema.StridedSliceOptionsT(shrinkAxisMask=1))
    two = [graph.add([], f"two{n}", TYPE.INT32, np.int32(2)) for n in range(2)]
    packed = graph.add([3], "packed", TYPE.INT32, free=False)
    graph.apply(KIND.PACK, [size, *two], [packed], schema.PackOptionsT(valuesCount=3))
    y = graph.add([1, 2, 2], "y")
    graph.apply(KIND.RESHAPE, [x, packed], [y], schema.ReshapeOptionsT())
    return graph.model([x], [y])


def test_arithmetic_on_shapes_is_named_and_gone_when_it_is_simplified() -> None:
    data, left = found(with_shapes())
    assert [(one.kind, one.operators, one.convert) for one in left] == [("shape arithmetic", (0, 1, 2, 3), True)]
    after = verify(simplify(data), Path("model"))
    assert find_leftovers(after, read_graphs(after)[0]) == ()


def test_a_plain_network_has_none() -> None:
    assert found(classifier())[1] == ()


def pair(first: int, second: int, constants: list[list[int]]) -> tuple:
    graph = Graph()
    x = graph.add([2, 3, 4], "x", free=False)
    middle, y = graph.add([3, 4, 2], "middle", free=False), graph.add([2, 3, 4], "y", free=False)
    orders = [graph.add([3], f"order{n}", TYPE.INT32, np.array(one, np.int32)) for n, one in enumerate(constants)]
    graph.apply(first, [x, orders[0]], [middle])
    graph.apply(second, [middle, orders[1]], [y])
    return found(graph.model([x], [y]))[1]


def test_a_transpose_that_turns_another_back_is_named() -> None:
    left = pair(KIND.TRANSPOSE, KIND.TRANSPOSE, [[1, 2, 0], [2, 0, 1]])
    assert [(one.kind, one.operators, one.convert) for one in left] == [("transpose pair", (0, 1), False)], (
        "it is all of the network: an input cannot be an output"
    )
    assert pair(KIND.TRANSPOSE, KIND.TRANSPOSE, [[1, 2, 0], [1, 2, 0]]) == ()


def test_a_pair_that_a_conversion_takes_out_is_said_to_be_one() -> None:
    """Catches a page that promises what `simplify` does not do, and a pair that is gone and still told of."""
    graph = Graph()
    x = graph.add([2, 3, 4], "x", free=False)
    middle, back, y = (
        graph.add(shape, str(n), free=False) for n, shape in enumerate(([3, 4, 2], [2, 3, 4], [2, 3, 4]))
    )
    for given, order, made in ((x, [1, 2, 0], middle), (middle, [2, 0, 1], back)):
        axes = graph.add([3], f"order{made}", TYPE.INT32, np.array(order, np.int32))
        graph.apply(KIND.TRANSPOSE, [given, axes], [made], schema.TransposeOptionsT())
    graph.apply(KIND.RELU, [back], [y])
    data, left = found(graph.model([x], [y]))
    assert [(one.kind, one.operators, one.convert) for one in left] == [("transpose pair", (0, 1), True)]
    after = verify(simplify(data), Path("model"))
    assert find_leftovers(after, read_graphs(after)[0]) == ()


def test_a_type_pair_is_named_only_when_the_scale_is_the_same() -> None:
    def model(scale: float) -> object:
        graph = Graph()
        x, y = (graph.add([1, 4], name, TYPE.INT8) for name in ("x", "y"))
        middle = graph.add([1, 4], "middle")
        for index, value in ((x, 0.5), (y, scale)):
            graph.tensors[index].quantization = schema.QuantizationParametersT(scale=[value], zeroPoint=[0])
        graph.apply(KIND.DEQUANTIZE, [x], [middle], schema.DequantizeOptionsT())
        graph.apply(KIND.QUANTIZE, [middle], [y], schema.QuantizeOptionsT())
        return graph.model([x], [y])

    assert [one.kind for one in found(model(0.5))[1]] == ["type pair"]
    assert found(model(0.25))[1] == ()


def test_an_operator_on_constants_is_named_but_not_the_unpacking_of_weights() -> None:
    graph = Graph()
    x = graph.add([1, 4], "x")
    half = graph.add([4], "half", TYPE.FLOAT16, np.array([1, 2, 3, 4], np.float16))
    whole, twice, y = (graph.add([4], name, free=False) for name in ("whole", "twice", "y"))
    graph.apply(KIND.DEQUANTIZE, [half], [whole], schema.DequantizeOptionsT())
    other = graph.weights([4], "other")
    graph.apply(KIND.ABS, [other], [twice])
    graph.apply(KIND.ADD, [x, twice], [y], schema.AddOptionsT())
    left = found(graph.model([x], [y]))[1]
    assert [(one.kind, one.operators) for one in left] == [("constant", (1,))]
