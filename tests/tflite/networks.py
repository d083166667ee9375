"""Small float .tflite networks with random weights, made without TensorFlow."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tests.tflite.models import buffer, opcode, operator, pack, tensor

KIND = schema.BuiltinOperator
TYPE = schema.TensorType


class Graph:
    """Tensors and operators of one subgraph, added one by one."""

    def __init__(self, seed=0):
        self.rng = np.random.default_rng(seed)
        self.buffers, self.tensors, self.operators, self.codes = [buffer()], [], [], []

    def add(self, shape, name, kind=TYPE.FLOAT32, values=None, free=True):
        """Add a tensor; its first size is free unless it is a constant or `free` is not set."""
        number = 0
        if values is not None:
            number = len(self.buffers)
            self.buffers.append(buffer(values))
        made = tensor(shape, number, name, kind)
        if free and values is None:
            made.shapeSignature = [-1, *shape[1:]]
        self.tensors.append(made)
        return len(self.tensors) - 1

    def weights(self, shape, name, scale=0.3):
        return self.add(shape, name, values=self.rng.normal(0, scale, shape).astype(np.float32))

    def apply(self, kind, inputs, outputs, options=None):
        if kind not in self.codes:
            self.codes.append(kind)
        self.operators.append(operator(inputs, outputs, self.codes.index(kind), options))
        return outputs[0]

    def dense(self, x, size, outputs, name, activation=0, free=True):
        w = self.weights([outputs, size], f"{name}/kernel")
        b = self.weights([outputs], f"{name}/bias")
        y = self.add([1, outputs], f"{name}/out", free=free)
        options = schema.FullyConnectedOptionsT(fusedActivationFunction=activation)
        return self.apply(KIND.FULLY_CONNECTED, [x, w, b], [y], options)

    def softmax(self, x, size, name, free=True):
        return self.apply(KIND.SOFTMAX, [x], [self.add([1, size], name, free=free)], schema.SoftmaxOptionsT(beta=1.0))

    def model(self, inputs, outputs, names=None):
        """Return the ModelT. `names`: of inputs and outputs in a signature; without, there is none."""
        graph = schema.SubGraphT(tensors=self.tensors, inputs=inputs, outputs=outputs, operators=self.operators)
        signature = schema.SignatureDefT(signatureKey="serving_default", subgraphIndex=0)
        if names:
            maps = [schema.TensorMapT(name=n, tensorIndex=i) for n, i in zip(names, [*inputs, *outputs], strict=True)]
            signature.inputs, signature.outputs = maps[: len(inputs)], maps[len(inputs) :]
        return schema.ModelT(
            version=3,
            operatorCodes=[opcode(kind) for kind in self.codes],
            subgraphs=[graph],
            buffers=self.buffers,
            signatureDefs=[signature] if names else None,
        )


def classifier(free=True, names=("image", "scores"), seed=0):
    """16 numbers, a hidden layer of 80, a softmax of 5. With `free` unset the batch is 1 for ever."""
    graph = Graph(seed)
    x = graph.add([1, 16], "net/x", free=free)
    hidden = graph.dense(x, 16, 80, "net/hidden", activation=1, free=free)
    logits = graph.dense(hidden, 80, 5, "net/logits", free=free)
    y = graph.softmax(logits, 5, "net/softmax", free=free)
    return graph.model([x], [y], names)


def two_ends(names=("ids", "numbers", "class", "flag")):
    """6 ids of 10 words and 16 numbers in; a softmax of 5 and a sigmoid out, of different shapes."""
    graph = Graph(1)
    ids = graph.add([1, 6], "net/ids", TYPE.INT32)
    x = graph.add([1, 16], "net/numbers")
    table = graph.weights([10, 8], "net/table", 1.0)
    words = graph.add([1, 6, 8], "net/words")
    graph.apply(KIND.GATHER, [table, ids], [words], schema.GatherOptionsT(axis=0))
    shape = graph.add([2], "net/shape", TYPE.INT32, np.array([-1, 48], np.int32))
    flat = graph.add([1, 48], "net/flat")
    graph.apply(KIND.RESHAPE, [words, shape], [flat], schema.ReshapeOptionsT(newShape=[-1, 48]))
    both = graph.add([1, 64], "net/both")
    graph.apply(KIND.CONCATENATION, [flat, x], [both], schema.ConcatenationOptionsT(axis=1))
    hidden = graph.dense(both, 64, 32, "net/hidden", activation=1)
    first = graph.softmax(graph.dense(hidden, 32, 5, "net/logits"), 5, "net/class")
    flag = graph.add([1, 1], "net/flag")
    graph.apply(KIND.LOGISTIC, [graph.dense(hidden, 32, 1, "net/one")], [flag])
    return graph.model([ids, x], [first, flag], names)


def samples(n=64, seed=3):
    return np.random.default_rng(seed).normal(size=(n, 16)).astype(np.float32)


def two_samples(n=64, seed=4):
    rng = np.random.default_rng(seed)
    return {"ids": rng.integers(0, 10, (n, 6)), "numbers": rng.normal(size=(n, 16)).astype(np.float32)}


def old_codes(model):
    """Return the model as a converter of 2019 wrote it: operator codes in the deprecated field alone."""
    for code in model.operatorCodes:
        code.builtinCode = 0
    return model


def written(path, model):
    path.write_bytes(pack(model))
    return path
