"""What a stage is: `Train`, `Read`, `Apply` and `Convert`, each a value that makes its model from its parent's.

Law: a stage takes a model and returns one. Which files they come from and go to is the builder's to know.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from optkit.build.own import activation_of, read_float_tflite, read_keras_model
from optkit.convert import convert
from optkit.convert.from_tflite import convert_tflite
from optkit.keras.ending import Task
from optkit.keras.files import load_model, save_model
from optkit.keras.weights import load_weights
from optkit.models import NETWORKS
from optkit.spec import Conversion, Network, OwnModel, Step, Suite, Training, TrainingRecipe
from optkit.spec.keys import digest
from optkit.techniques import TECHNIQUES
from optkit.techniques.base import Property
from optkit.training.context import TrainingContext
from optkit.training.fit import fit


@dataclass(frozen=True)
class Form:
    """The form that a model is kept in: the name of its file, and how that is read and written."""

    file: str
    load: Callable[[Path], Any]
    save: Callable[[Any, Path], object]


KERAS = Form("model.h5", load_model, save_model)
TFLITE = Form("model.tflite", Path.read_bytes, lambda content, path: path.write_bytes(content))
"""Here a model is the bytes of its file."""


@dataclass(frozen=True, kw_only=True)
class Stage(ABC):
    """One node of the build graph: what is done to the model of `parent`, if it has one.

    `spec` says all that its bytes depend on. `needs` are stages whose models teach it, by variant.
    """

    label: str
    spec: dict[str, Any]
    parent: Stage | None = None
    needs: Mapping[str, Stage] = field(default_factory=dict)

    form: ClassVar[Form] = KERAS

    @abstractmethod
    def make(self, model: Any, context: TrainingContext) -> Any:
        """Return this stage's model, in its form, made from `model`, its parent's (None when it has no parent)."""

    @cached_property
    def key(self) -> str:
        """What its file is stored under."""
        return digest(self.spec)

    @property
    def chain(self) -> tuple[Stage, ...]:
        """The stages that lead to this one, in order, and this one."""
        return (*(self.parent.chain if self.parent else ()), self)

    @property
    def recipe(self) -> TrainingRecipe | None:
        """How it trains; None when it does not."""
        return None

    @property
    def needs_tensorflow(self) -> bool:
        """Whether making it loads TensorFlow."""
        return True

    @property
    def fixed_losses(self) -> tuple[Task, ...]:
        """The tasks whose loss does not follow what the network ends in, so that the network must fit the loss."""
        return self.parent.fixed_losses if self.parent else ()

    def network(self) -> Any:
        """Return the Keras model that the chain begins with, before anything trains; None when it has none."""
        return self.parent.network() if self.parent else None

    def activation(self) -> str | None:
        """Return what the user's own Keras model ends in, where the chain begins with one; None when not known."""
        return self.parent.activation() if self.parent else None


@dataclass(frozen=True, kw_only=True)
class Train(Stage):
    """Train a network from scratch, or from `weights`."""

    source: Network
    training: Training
    weights: Path | None

    def make(self, model: Any, context: TrainingContext) -> Any:
        """Return the trained network."""
        network = self.network()
        if self.weights:
            load_weights(network, self.weights)
        fit(network, self.training, context)
        return network

    def network(self) -> Any:
        """Return the network as it is initialized."""
        return NETWORKS[self.source.name].build(**self.source.params)

    @property
    def recipe(self) -> TrainingRecipe:
        """The training of the variant."""
        return self.training

    @property
    def fixed_losses(self) -> tuple[Task, ...]:
        """Both that `keras.ending` knows."""
        return ("multiclass", "binary")


@dataclass(frozen=True, kw_only=True)
class Read(Stage):
    """Read the user's own model as a Keras model, for techniques to train it further."""

    source: OwnModel
    suite: Suite

    def make(self, model: Any, context: TrainingContext) -> Any:
        """Return the model."""
        return self.network()

    def network(self) -> Any:
        """Return the model."""
        return read_keras_model(self.suite, self.source)

    @property
    def fixed_losses(self) -> tuple[Task, ...]:
        """A multiclass loss takes what the model ends in: logits, or a softmax."""
        return ("binary",)

    def activation(self) -> str | None:
        """Return what the model's file says."""
        return activation_of(self.suite, self.source)


@dataclass(frozen=True, kw_only=True)
class ReadTflite(Stage):
    """Take the user's own model, of any kind, as a float .tflite file."""

    source: OwnModel
    suite: Suite

    form: ClassVar[Form] = TFLITE

    def make(self, model: Any, context: TrainingContext) -> bytes:
        """Return the file's bytes."""
        return read_float_tflite(self.suite, self.source)

    @property
    def needs_tensorflow(self) -> bool:
        """Not when the model is a .tflite file already."""
        return not self.source.is_tflite


@dataclass(frozen=True, kw_only=True)
class Apply(Stage):
    """Apply a technique."""

    step: Step

    def make(self, model: Any, context: TrainingContext) -> Any:
        """Return the changed model."""
        return TECHNIQUES[self.step.technique].apply(model, self.step, context)

    @property
    def recipe(self) -> TrainingRecipe | None:
        """What the step says."""
        return self.step.recipe()


@dataclass(frozen=True, kw_only=True)
class Convert(Stage):
    """Convert a Keras model."""

    conversion: Conversion

    form: ClassVar[Form] = TFLITE

    def make(self, model: Any, context: TrainingContext) -> bytes:
        """Return the .tflite file's bytes."""
        return convert(model, self.conversion, context.x, bits=trained_bits(model, self.chain))


@dataclass(frozen=True, kw_only=True)
class ConvertTflite(Stage):
    """Quantize a float .tflite file; messages call it `name`."""

    conversion: Conversion
    name: str

    form: ClassVar[Form] = TFLITE

    def make(self, model: bytes, context: TrainingContext) -> bytes:
        """Return the quantized file's bytes."""
        return convert_tflite(model, self.conversion, context.x, name=self.name)

    @property
    def needs_tensorflow(self) -> bool:
        """Never: LiteRT's quantizer does it."""
        return False


def trained_bits(model: Any, chain: Sequence[Stage]) -> dict[str, int]:
    """Return the layers of `model`, which `chain` made, whose weights lie on a grid, each with its bits."""
    found: dict[str, int] = {}
    for stage in chain:
        if isinstance(stage, Apply):
            found |= TECHNIQUES[stage.step.technique].bits(model, stage.step)
    return found


def made_by(stage: Stage) -> frozenset[Property]:
    """Return what the technique of a stage makes of a model; nothing when it applies none."""
    return TECHNIQUES[stage.step.technique].makes if isinstance(stage, Apply) else frozenset()
