"""What a Keras model's outputs are, by its last activation, and whether the loss of a task fits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from optkit.errors import BuildError
from optkit.keras.graph import Node, read_graph

Task = Literal["multiclass", "binary"]

# Layers after which probabilities are still probabilities, and logits logits.
_LOOKED_THROUGH = (
    *("Reshape", "Flatten", "Permute", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
    *("Dropout", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
)
_OWN_LAYERS = {"Softmax": "softmax", "ReLU": "relu", "LeakyReLU": "leaky_relu", "ELU": "elu"}
_NOT_LOGITS = ("softmax", "sigmoid", "hard_sigmoid")
_PROBABILITIES = ("sigmoid", "hard_sigmoid")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The activation that a model's outputs come from, such as `softmax` or `linear`, and the layer that has it."""

    layer: str
    activation: str

    def fits(self, task: Task) -> bool:
        """Tell whether the loss of `task` fits: it takes logits if multiclass, a probability if binary.

        The logarithm of a softmax counts as logits: a softmax of it is the softmax itself.
        """
        return self.activation not in _NOT_LOGITS if task == "multiclass" else self.activation in _PROBABILITIES


def read_ending(model: Any) -> Ending | None:
    """Return the last activation of `model`. None when its layers cannot be read, or the last one has none to read."""
    try:
        graph = read_graph(model)
    except BuildError:
        return None
    node = graph.nodes[graph.outputs[0]]
    while node.kind_name in _LOOKED_THROUGH or _does_nothing(node):
        node = graph.nodes[node.inputs[0]]
    activation = _OWN_LAYERS.get(node.kind_name) or node.config.get("activation")
    return Ending(layer=node.name, activation=activation) if isinstance(activation, str) else None


def _does_nothing(node: Node) -> bool:
    return node.kind_name == "Activation" and node.config["activation"] == "linear"
