"""Small .tflite files made by hand from LiteRT's object tree: one dense layer, dense or sparse, and a loop."""

from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

FULLY_CONNECTED, WHILE = schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.WHILE
LESS = schema.BuiltinOperator.LESS
WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4)


def pack(model):
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def buffer(values=None):
    data = None if values is None else np.frombuffer(np.asarray(values).tobytes(), np.uint8)
    return schema.BufferT(data=data)


def tensor(shape, number, name, kind=schema.TensorType.FLOAT32):
    return schema.TensorT(shape=list(shape), buffer=number, name=name, type=kind)


def operator(inputs, outputs, opcode=0, options=None):
    kind = getattr(schema.BuiltinOptions, type(options).__name__[:-1]) if options else 0
    return schema.OperatorT(
        opcodeIndex=opcode, inputs=inputs, outputs=outputs, builtinOptionsType=kind, builtinOptions=options
    )


def opcode(number):
    return schema.OperatorCodeT(deprecatedBuiltinCode=min(number, 127), builtinCode=number, version=1)


def dense_model():
    """y = W x + b, with a signature and metadata."""
    tensors = [tensor([1, 4], 0, "x"), tensor([3, 4], 1, "w"), tensor([3], 2, "b"), tensor([1, 3], 0, "y")]
    graph = schema.SubGraphT(
        tensors=tensors,
        inputs=[0],
        outputs=[3],
        name="main",
        operators=[operator([0, 1, 2], [3], options=schema.FullyConnectedOptionsT())],
    )
    signature = schema.SignatureDefT(
        inputs=[schema.TensorMapT(name="x", tensorIndex=0)],
        outputs=[schema.TensorMapT(name="y", tensorIndex=3)],
        signatureKey="serving_default",
    )
    return schema.ModelT(
        version=3,
        operatorCodes=[opcode(FULLY_CONNECTED)],
        subgraphs=[graph],
        buffers=[buffer(), buffer(WEIGHTS), buffer(np.zeros(3, np.float32)), buffer(b"1.5.0".ljust(16, b"\0"))],
        metadata=[schema.MetadataT(name="min_runtime_version", buffer=3)],
        signatureDefs=[signature],
    )


def int8_model():
    """The dense layer with weights of int8, a scale for each of its three outputs."""
    model = dense_model()
    weights = model.subgraphs[0].tensors[1]
    weights.type = schema.TensorType.INT8
    weights.quantization = schema.QuantizationParametersT(
        scale=[0.5, 0.25, 0.125], zeroPoint=[0, 0, 0], quantizedDimension=0
    )
    model.buffers[1] = buffer(WEIGHTS.astype(np.int8))
    return model


def sparse_model():
    """The dense layer with three of its weights: rows are dense, columns compressed."""
    model = dense_model()
    rows = schema.DimensionMetadataT(format=0, denseSize=3)
    columns = schema.DimensionMetadataT(
        format=1,
        arraySegmentsType=schema.SparseIndexVector.Int32Vector,
        arraySegments=schema.Int32VectorT(values=[0, 1, 1, 3]),
        arrayIndicesType=schema.SparseIndexVector.Uint8Vector,
        arrayIndices=schema.Uint8VectorT(values=[2, 0, 3]),
    )
    model.subgraphs[0].tensors[1].sparsity = schema.SparsityParametersT(
        traversalOrder=[0, 1], blockMap=None, dimMetadata=[rows, columns]
    )
    model.buffers[1] = buffer(np.array([1, 2, 3], np.float32))
    return model


def split_model(sample, splits):
    """SPLIT without its second input.

    For samples of three dimensions and no splits, LiteRT 2.3's XNNPACK reads that input all the same, and crashes.
    """
    tensors = [tensor([1, *sample], 0, "x"), tensor([1, *sample], 0, "y")]
    split = operator([0], [1], 0, schema.SplitOptionsT(numSplits=splits))
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[1], operators=[split])
    code = opcode(schema.BuiltinOperator.SPLIT)
    return schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=[buffer()])


def crashing_model():
    return split_model([4, 4, 1], 0)


def huge_model():
    """An activation of 4 GiB, in a file of some hundred bytes."""
    tensors = [tensor([1, 2**30], 0, "x"), tensor([1, 2**30], 0, "y")]
    graph = schema.SubGraphT(tensors=tensors, inputs=[0], outputs=[1], operators=[operator([0], [1])])
    code = opcode(schema.BuiltinOperator.RELU)
    return schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph], buffers=[buffer()])


def loop_model():
    """While 0 < 1, do nothing: it never ends."""

    def graph(tensors, outputs, operators):
        return schema.SubGraphT(tensors=tensors, inputs=[0], outputs=outputs, operators=operators)

    flag = schema.TensorType.BOOL
    main = graph(
        [tensor([1, 4], 0, "x"), tensor([1, 4], 0, "y")],
        [1],
        [operator([0], [1], 0, schema.WhileOptionsT(condSubgraphIndex=1, bodySubgraphIndex=2))],
    )
    condition = graph(
        [tensor([1, 4], 0, "x"), tensor([1], 1, "low"), tensor([1], 2, "high"), tensor([1], 0, "less", flag)],
        [3],
        [operator([1, 2], [3], 1, schema.LessOptionsT())],
    )
    body = graph([tensor([1, 4], 0, "x")], [0], [])
    return schema.ModelT(
        version=3,
        operatorCodes=[opcode(WHILE), opcode(LESS)],
        subgraphs=[main, condition, body],
        buffers=[buffer(), buffer(np.array([0], np.float32)), buffer(np.array([1], np.float32))],
    )


NAME = Path("model.tflite")


MODELS = {"dense": dense_model, "int8": int8_model, "sparse": sparse_model, "loop": loop_model}


def weights(model):
    return model.subgraphs[0].tensors[1]


def graph(model):
    return model.subgraphs[0]


def first(model):
    return graph(model).operators[0]
