"""SavedModel folders: checked before TensorFlow reads them, and opened as tf-keras models where they are such.

Law: a SavedModel is a program. One that has operations that touch files or call Python is refused before it is loaded.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError, BuildError, first_line
from optkit.files.regular import read_bytes
from optkit.keras.files import check_config
from optkit.keras.tensorflow import load_keras, load_tensorflow
from optkit.names import shown

_REACHING_OUT = (
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "InitializeTableFromTextFile",
    "InitializeTableFromTextFileV2",
    "PrintV2",
    "DebugIdentity",
    "DebugIdentityV2",
    "DebugIdentityV3",
    "FixedLengthRecordReader",
    "FixedLengthRecordReaderV2",
    "TextLineReader",
    "TextLineReaderV2",
    "TFRecordReader",
    "TFRecordReaderV2",
    "WholeFileReader",
    "WholeFileReaderV2",
    "TextLineDataset",
    "TFRecordDataset",
    "FixedLengthRecordDataset",
)
"""Operations that read or write files that the graph names, or call Python."""
_METADATA = "keras_metadata.pb"


def check_saved_model(path: Path, custom_objects: Mapping[str, Any] | None = None) -> None:
    """Read the graphs and the Keras metadata of the SavedModel folder at `path`, without TensorFlow running them.

    Classes of `custom_objects` are known. Raises ArtifactError when they are damaged, have operations that reach out of
    the graph, or layers that carry code.
    """
    load_tensorflow()
    from tensorflow.core.protobuf import saved_model_pb2

    found = saved_model_pb2.SavedModel()
    try:
        found.ParseFromString(read_bytes(path / "saved_model.pb"))
    except Exception as error:  # protobuf's kinds differ between its versions
        raise ArtifactError(f"{path / 'saved_model.pb'} is damaged: {error}; save the model again") from error
    for graph in found.meta_graphs:
        functions = (node for function in graph.graph_def.library.function for node in function.node_def)
        for node in (*graph.graph_def.node, *functions):
            if node.op in _REACHING_OUT:
                raise ArtifactError(
                    f"{path} has the operation {node.op}, which reaches out of the graph; export it without"
                )
    for config in _layer_configs(path):
        check_config(config, path, custom_objects)


def _layer_configs(path: Path) -> Iterator[Any]:
    """Yield the configuration of each Keras object that the folder says it has."""
    if not (path / _METADATA).is_file():
        return
    load_keras()
    from tf_keras.protobuf import saved_metadata_pb2

    found = saved_metadata_pb2.SavedMetadata()
    try:
        found.ParseFromString(read_bytes(path / _METADATA))
        configs = [json.loads(node.metadata) for node in found.nodes]
    except Exception as error:  # protobuf's kinds differ between its versions
        raise ArtifactError(f"{path / _METADATA} is damaged: {error}; save the model again") from error
    yield from configs


def load_saved_model(path: Path, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Return the SavedModel at `path` as a tf-keras model, not compiled. Its Lambda layers are always refused.

    Raises ArtifactError as `check_saved_model`; BuildError, with the reason, when it is not a Functional or Sequential
    tf-keras model: such a one can be converted, not trained.
    """
    check_saved_model(path, custom_objects)
    reason = "post-training variants can be made of it; for techniques that train, give the model as .h5 or .keras"
    if not (path / _METADATA).is_file():
        raise BuildError(f"{path} is a graph without Keras layers (it has no {_METADATA}); {reason}")
    keras = load_keras()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = keras.models.load_model(str(path), custom_objects=dict(custom_objects or {}), compile=False)
    except Exception as error:  # TensorFlow and Keras raise many kinds
        raise ArtifactError(f"{path} cannot be loaded: {first_line(error)}; save the model again") from error
    if not getattr(model, "_is_graph_network", False):
        raise BuildError(f"{path} is a {type(model).__name__}, neither a Functional nor a Sequential model; {reason}")
    for layer in model.layers:
        if "saved_model.load" in type(layer).__module__:
            raise BuildError(
                f"{path}: the class of the layer {shown(layer.name)!r} is not known here; name its module as "
                f"custom_objects. Otherwise {reason}"
            )
    return model
