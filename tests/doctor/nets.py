"""A small convolutional .tflite network with random weights, made without TensorFlow, and data that it labels."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from optkit.convert.from_tflite import convert_tflite
from optkit.data import Dataset
from optkit.doctor.quality import run_bytes
from optkit.spec import Conversion
from tests.tflite.models import pack
from tests.tflite.networks import KIND, TYPE, Graph

SIDE, CLASSES = 8, 5
SOFTMAX = 1


def conv(graph, x, size, inputs, outputs, name, activation=1):
    w = graph.weights([outputs, 3, 3, inputs], f"net/{name}/kernel", 0.25)
    b = graph.weights([outputs], f"net/{name}/bias", 0.3)
    y = graph.add([1, size, size, outputs], f"net/{name}/out")
    options = schema.Conv2DOptionsT(strideW=1, strideH=1, fusedActivationFunction=activation)
    options.dilationWFactor = options.dilationHFactor = 1
    return graph.apply(KIND.CONV_2D, [x, w, b], [y], options)


def network(seed=0, softmax=True, hidden=8, separate_relu=False):
    """Images (8, 8, 3), two convolutions, a dense layer of 5, and a softmax; .tflite bytes."""
    graph = Graph(seed)
    x = graph.add([1, SIDE, SIDE, 3], "net/image")
    first = conv(graph, x, SIDE, 3, hidden, "first", activation=0 if separate_relu else 1)
    if separate_relu:
        first = graph.apply(KIND.RELU, [first], [graph.add([1, SIDE, SIDE, hidden], "net/relu/out")])
    second = conv(graph, first, SIDE, hidden, hidden, "second")
    flat = graph.add([1, SIDE * SIDE * hidden], "net/flat/out")
    shape = graph.add([2], "net/flat/shape", TYPE.INT32, np.asarray([-1, SIDE * SIDE * hidden], np.int32))
    size = [-1, SIDE * SIDE * hidden]
    graph.apply(KIND.RESHAPE, [second, shape], [flat], schema.ReshapeOptionsT(newShape=size))
    y = graph.dense(flat, SIDE * SIDE * hidden, CLASSES, "net/logits")
    if softmax:
        y = graph.softmax(y, CLASSES, "net/softmax/out")
    return pack(graph.model([x], [y], ("image", "scores")))


def images(n, seed):
    return np.random.default_rng(seed).normal(0, 1, (n, SIDE, SIDE, 3)).astype(np.float32)


def labelled(content, train=200, test=300):
    """Return data whose labels are what the float network says: it is never wrong."""
    x_train, x_test = images(train, 1), images(test, 2)
    labels = [run_bytes(content, {"image": x}, ("image",))[0].argmax(axis=1) for x in (x_train, x_test)]
    return Dataset(
        name="noise",
        origin="noise",
        digest="d" * 64,
        classes=CLASSES,
        x_train=x_train,
        y_train=labels[0].astype(np.int64),
        x_test=x_test,
        y_test=labels[1].astype(np.int64),
        task="multiclass",
    )


def int8(content, x, **fields):
    return convert_tflite(content, Conversion(**{"mode": "int8", **fields}), x, tried=True)


def arrays(dataset):
    return {
        "x_train": dataset.x_train,
        "y_train": dataset.y_train,
        "x_test": dataset.x_test,
        "y_test": dataset.y_test,
    }
