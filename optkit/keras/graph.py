"""A Keras model as a plain graph of layers, to be changed and built again: what structural techniques work on.

Law: reading leaves the model untouched; a built model has the graph's layer names and weights, and nothing shared
with the model that was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.keras.tensorflow import load_keras

Weights = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Node:
    """One layer: its class, its config, the names of the layers it reads and its weights by their short names.

    `shape` is that of the output without the batch axis; `weights` are in the order of the layer's own.
    """

    name: str
    kind: type
    config: dict[str, Any]
    inputs: tuple[str, ...]
    weights: Weights
    shape: tuple[int | None, ...]

    @property
    def kind_name(self) -> str:
        """The name of the layer's class, such as Conv2D; of a class that is not Keras' own, with its module."""
        own = getattr(load_keras().layers, self.kind.__name__, None) is self.kind
        return self.kind.__name__ if own else f"{self.kind.__module__.split('.')[0]}.{self.kind.__name__}"


@dataclass(frozen=True, eq=False)
class Graph:
    """The layers of a model by name, in topological order, and the names of its input and output layers."""

    name: str
    nodes: Mapping[str, Node]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def consumers(self, name: str) -> tuple[str, ...]:
        """Return the names of the layers that read layer `name`, one for each time they read it."""
        return tuple(node.name for node in self.nodes.values() for read in node.inputs if read == name)


def read_graph(model: Any) -> Graph:
    """Read a Sequential or functional model; nested models are inlined. Raises BuildError naming what it cannot read.

    That is a subclassed model, a layer called more than once or with several outputs, an operation that is no layer,
    and layers of different nested models with one name.
    """
    reader = _Reader()
    outputs = reader.model(model, None)
    return Graph(model.name, reader.nodes, tuple(reader.inputs), tuple(outputs))


def build_model(graph: Graph) -> Any:
    """Build the functional Keras model that `graph` describes, with its weights."""
    keras = load_keras()
    tensors: dict[str, Any] = {}
    for node in graph.nodes.values():
        layer = node.kind.from_config(node.config)  # type: ignore[attr-defined]
        if node.name in graph.inputs:
            tensors[node.name] = layer.output
            continue
        read = [tensors[name] for name in node.inputs]
        tensors[node.name] = layer(read if len(read) > 1 else read[0])
        layer.set_weights(list(node.weights.values()))
    inputs, outputs = ([tensors[name] for name in names] for names in (graph.inputs, graph.outputs))
    return keras.Model(
        inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0], name=graph.name
    )


class _Reader:
    """Collects the nodes of a model and of the models nested in it."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.inputs: list[str] = []

    def model(self, model: Any, given: Sequence[str] | None) -> list[str]:
        """Add the layers of `model`, which reads the layers `given` (None: its own inputs); return its outputs."""
        keras = load_keras()
        if isinstance(model, keras.Sequential):
            return self._sequential(model, given)
        if getattr(model, "_is_graph_network", False):
            return self._functional(model, given)
        raise BuildError(
            f"model {model.name!r} is a subclassed model, whose layers cannot be followed; "
            "write it as a Sequential or functional model"
        )

    def _sequential(self, model: Any, given: Sequence[str] | None) -> list[str]:
        if not model.inputs:
            raise BuildError(f"model {model.name!r} has no input shape; start it with an InputLayer")
        if given is None:
            given = [self._input(_input_config(model, name)) for name in model.input_names]
        last = list(given)
        for layer in model.layers:
            last = self._layer(layer, last)
        return last

    def _functional(self, model: Any, given: Sequence[str] | None) -> list[str]:
        config = model.get_config()
        order = [entry[0] for entry in _calls(config["input_layers"])]
        produced: dict[tuple[str, int], str] = {}
        waiting = []
        for entry in config["layers"]:
            name = entry["name"]
            if entry["class_name"] != "InputLayer":
                waiting.append((name, _single_call(name, entry)))
        for position, name in enumerate(order):
            produced[name, 0] = given[position] if given is not None else self._input(_input_config(model, name))
        while waiting:
            name, reads = next(item for item in waiting if all(read in produced for read in item[1]))
            waiting.remove((name, reads))
            outputs = self._layer(model.get_layer(name), [produced[read] for read in reads])
            produced.update({(name, i): output for i, output in enumerate(outputs)})
        return [produced[name, index] for name, _, index in (call[:3] for call in _calls(config["output_layers"]))]

    def _input(self, config: dict[str, Any]) -> str:
        keras = load_keras()
        name = str(config["name"])
        self._add(Node(name, keras.layers.InputLayer, config, (), {}, tuple(config["batch_input_shape"][1:])))
        self.inputs.append(name)
        return name

    def _layer(self, layer: Any, inputs: Sequence[str]) -> list[str]:
        if isinstance(layer, load_keras().Model):
            return self.model(layer, inputs)
        if isinstance(layer.output, (list, tuple, dict)):
            raise BuildError(f"layer {layer.name!r} has several outputs; use layers with one output each")
        shape = tuple(layer.output_shape[1:])
        self._add(Node(layer.name, type(layer), layer.get_config(), tuple(inputs), _weights(layer), shape))
        return [layer.name]

    def _add(self, node: Node) -> None:
        if node.name in self.nodes:
            raise BuildError(f"two layers are called {node.name!r} (one in a nested model); rename one of them")
        self.nodes[node.name] = node


def _input_config(model: Any, name: str) -> dict[str, Any]:
    position = list(model.input_names).index(name)
    tensor = model.inputs[position]
    return {"batch_input_shape": tuple(tensor.shape), "dtype": tensor.dtype.name, "name": name}


def _calls(value: Any) -> list[Any]:
    """Return Keras' description of one or several tensors, `[layer, call, output, ...]`, as a list of them."""
    if isinstance(value, dict):
        raise BuildError("the model has its inputs or outputs in a dict; give them as a list")
    return [value] if value and isinstance(value[0], str) else list(value)


def _single_call(name: str, entry: Mapping[str, Any]) -> list[tuple[str, int]]:
    if entry["class_name"] in ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceProperty", "Lambda"):
        raise BuildError(
            f"{name!r} is a {entry['class_name']}, an operation that is no layer; use a Keras layer for it"
        )
    if len(entry["inbound_nodes"]) != 1:
        raise BuildError(f"layer {name!r} is called {len(entry['inbound_nodes'])} times; use one layer for each call")
    calls = _calls(entry["inbound_nodes"][0])
    for call in calls:
        arguments = {key: value for key, value in (call[3] if len(call) > 3 else {}).items() if value is not None}
        if arguments:
            raise BuildError(f"layer {name!r} is called with {arguments}; call it with its inputs alone")
    return [(str(call[0]), int(call[2])) for call in calls]


def _weights(layer: Any) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for variable, value in zip(layer.weights, layer.get_weights(), strict=True):
        short = variable.name.split("/")[-1].split(":")[0]
        # a wrapper may hold two layers' kernels
        found[short if short not in found else variable.name] = np.array(value)
    return found
