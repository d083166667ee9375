"""What is to be built, as values: Suite, Workload, Network, Training, Step, Conversion, Variant, Gate.

Law: every class here is a frozen dataclass whose `__post_init__` only validates. Nothing here touches a file or
imports a library that trains or runs a model.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from optkit.errors import SuiteError, check_name, check_texts, nearest
from optkit.spec.gate import Gate, require
from optkit.spec.keys import ADDED_LATER
from optkit.spec.metrics import MODES, Task


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data set by its name in `data.DATASETS`, with the keyword parameters its loader takes."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OwnSource(DataSource):
    """The user's own data: `name` is a path, relative to the suite file, or `package.module:function`."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network by its name in `models.NETWORKS`, with the keyword parameters its builder takes."""

    name: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class OwnModel(Network):
    """The user's own trained model: `name` is a path, relative to the suite file, or `package.module:function`.

    A .keras or .h5 file, a SavedModel folder, or a float .tflite file. `custom_objects` is a module whose classes the
    model is made of. It is not trained before the first step.
    """

    custom_objects: str = ""

    @property
    def is_tflite(self) -> bool:
        """Whether it is a .tflite file: what trains cannot be applied to it."""
        return self.name.lower().endswith(".tflite")


@dataclass(frozen=True, kw_only=True)
class TrainingRecipe:
    """How a model is trained: what the workload's training and every step that trains have in common.

    - `momentum` is of `sgd`; `weight_decay` is decoupled (arXiv:1711.05101), and scales and biases are spared.
    - `learning_rate_schedule`: `cosine` falls to 0 over the epochs (arXiv:1608.03983, without restarts), `step` is a
      tenth from half of the epochs on and a hundredth from three quarters on.
    - `augmentation`, of training images only: `pad_crop` shifts each by up to an eighth of its size, zeros coming in;
      `flip` mirrors half of them left to right. A teacher sees what the model sees.
    """

    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    learning_rate_schedule: Literal["constant", "cosine", "step"] = "constant"
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.0
    weight_decay: float = 0.0
    augmentation: tuple[Literal["pad_crop", "flip"], ...] = ()
    validation_split: float = 0.1

    least_epochs: ClassVar[int] = 1

    def __post_init__(self) -> None:
        least = self.least_epochs
        require(self.epochs >= least, f"epochs is {self.epochs}; expected {least} or more")
        require(self.batch_size >= 1, f"batch_size is {self.batch_size}; expected 1 or more")
        require(self.learning_rate > 0, f"learning_rate is {self.learning_rate}; expected more than 0")
        require(0 <= self.momentum < 1, f"momentum is {self.momentum}; expected a fraction from 0 up to, not with, 1")
        require(self.momentum == 0 or self.optimizer == "sgd", "momentum is of optimizer 'sgd'; drop it")
        require(self.weight_decay >= 0, f"weight_decay is {self.weight_decay}; expected 0 or more")
        require(
            0 <= self.validation_split < 1,
            f"validation_split is {self.validation_split}; expected a fraction from 0 up to, not with, 1",
        )


@dataclass(frozen=True, kw_only=True)
class LongTraining(TrainingRecipe):
    """Training that may take hours. Every `checkpoint_epochs` epochs (0: never) its state is kept until it is done.

    A build that was interrupted goes on from there, with the same result as one that was not: each part begins
    with random numbers of its own.
    """

    checkpoint_epochs: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.checkpoint_epochs >= 0, f"checkpoint_epochs is {self.checkpoint_epochs}; expected 0 or more")


@dataclass(frozen=True, kw_only=True)
class Training(LongTraining):
    """The recipe that trains a network from scratch. 0 epochs leave it as it was initialized, for a step to train.

    `weights`: a .npz, .keras or .h5 file that the network's weights are taken from, relative to the suite file; with
    0 epochs it stands in place of training. Names and shapes must be the network's.
    """

    version: ClassVar[int] = 1
    least_epochs: ClassVar[int] = 0

    batch_size: int = 32
    weights: str = ""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The task that the variants compete on: data set, network, training recipe and kind of output.

    `task` is worked out from the model and the labels when it is `auto`. `metric` None is the task's own; a function of
    the user's needs `better`.
    """

    dataset: DataSource
    network: Network
    training: Training
    task: Literal["auto", "multiclass", "binary", "multilabel", "regression", "sequence", "reconstruction"] = (
        "multiclass"
    )
    metric: str | None = None
    better: Literal["higher", "lower"] | None = None
    seed: int = 1

    @property
    def known_task(self) -> Task:
        """The task. Raises SuiteError while it has not been worked out."""
        if self.task == "auto":
            raise SuiteError("the task is not known yet; add task to the suite file")
        return self.task

    @property
    def classifies(self) -> bool:
        """Whether what counts is which samples are classified correctly: the metric of all built-in suites."""
        return self.task in ("multiclass", "binary") and self.metric in (None, "accuracy")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One technique with its parameters. Each technique's file has its own subclass."""

    technique: ClassVar[str]
    version: ClassVar[int] = 1

    def promises(self) -> tuple[Gate, ...]:
        """Return the bounds that hold on the finished file if this step's work survived all later ones."""
        return ()

    def needs(self) -> tuple[str, ...]:
        """Return the names of other variants of the suite whose Keras models this step uses (such as a teacher)."""
        return ()


Precision = Literal["float32", "float16", "int8", "int4"]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How a Keras model becomes a .tflite file.

    `mode` is the post-training scheme. A model that carries fake quantization (quantization-aware training) and
    is converted as `int8` uses the ranges it was trained with; any other `int8` conversion is calibrated on
    `calibration_samples` samples of the training split, drawn with `calibration_seed`.

    - `granularity`: one scale for each output channel of a weight tensor, or one for the whole tensor.
    - `calibration`: how `int8` chooses the range of each activation. `min_max` is the converter's own; `percentile`
      keeps the values between the percentiles `100 - percentile` and `percentile` of those that are not zero. Model
      inputs and outputs always keep min and max: they are data, and clipped outputs tie.
    - `algorithm`: how LiteRT's quantizer chooses integer weights. `min_max` spreads the integers over all weights that
      share a scale; `mse` (a rule for normally distributed weights) and `octav` (arXiv:2206.06501) clip some for a
      smaller squared error; `gptq` (arXiv:2210.17323) rounds the weights of dense layers so that errors on the
      calibration samples cancel. The layers that it is not for keep `min_max`.
    - `layers`: the precision of the weights of single layers; a key is a Keras layer name and may hold `*` and `?`;
      the last that matches wins. Its integer layers run as the mode's do: with integer activations in `int8` and
      `int16x8`, else quantizing activations as they come.
    - `sparse`: TensorFlow Lite's sparse encoding of weights with many zeros.
    - `strip`: remove strings and metadata that the runtime does not need: `keep_names` keeps the names of inputs,
      outputs, signatures and weights, so that the file is used as before; `all` keeps none, so that nothing can be said
      of a layer by its name any more; `nothing` removes nothing.
    """

    version: ClassVar[int] = 3

    mode: Literal["float32", "float16", "dynamic_range", "int8", "int16x8", "int4_weights"] = "float32"
    input_type: Literal["float32", "int8", "uint8", "int16"] = "float32"
    output_type: Literal["float32", "int8", "uint8", "int16"] = "float32"
    granularity: Literal["per_channel", "per_tensor"] = "per_channel"
    calibration: Literal["min_max", "moving_average", "percentile", "kl", "l2"] = "min_max"
    percentile: float = 99.99
    calibration_samples: int = 300
    calibration_seed: int = 1
    layers: dict[str, Precision] = field(default_factory=dict)
    sparse: bool = False
    strip: Literal["nothing", "keep_names", "all"] = "keep_names"
    algorithm: Literal["min_max", "mse", "octav", "gptq"] = field(default="min_max", metadata=ADDED_LATER)

    def __post_init__(self) -> None:
        require(
            self.calibration_samples >= 1,
            f"calibration_samples is {self.calibration_samples}; expected 1 or more",
        )
        allowed = {"int8": ("float32", "int8", "uint8"), "int16x8": ("float32", "int16")}.get(self.mode, ("float32",))
        for name in ("input_type", "output_type"):
            got = getattr(self, name)
            require(got in allowed, f"{name} is {got!r}; mode {self.mode!r} allows {', '.join(allowed)}")
        require(
            self.calibration == "min_max" or self.mode == "int8",
            f"calibration is {self.calibration!r}, which is for mode 'int8'; mode {self.mode!r} takes 'min_max'",
        )
        require(50 < self.percentile <= 100, f"percentile is {self.percentile}; expected above 50 and up to 100")
        require(
            self.granularity == "per_channel" or self.mode not in ("float32", "float16") or bool(self.layers),
            f"granularity is {self.granularity!r}, but mode {self.mode!r} has no integer weights; drop it",
        )
        require(
            self.algorithm == "min_max" or self.mode not in ("float32", "float16") or bool(self.layers),
            f"algorithm is {self.algorithm!r}, but mode {self.mode!r} has no integer weights; drop it",
        )
        require(
            not self.sparse or not (self.uses_quantizer or self.mode == "int16x8"),
            "sparse goes with modes float32, float16, dynamic_range and int8, with calibration and "
            "algorithm 'min_max' and without layers; drop one of them",
        )

    @property
    def uses_quantizer(self) -> bool:
        """Whether LiteRT's quantizer does it, on the float file; the TensorFlow Lite converter does all else."""
        other = self.calibration != "min_max" or self.algorithm != "min_max"
        return bool(self.layers) or self.mode == "int4_weights" or other

    def promises(self) -> tuple[Gate, ...]:
        """Return the bounds on the finished file that this mode implies: integer weights, no fake quantization left."""
        whole = Gate(metric="leftover_wrappers", max=0, origin=f"conversion {self.mode}")
        if self.mode in ("float32", "float16") or {"float32", "float16"} & set(self.layers.values()):
            return (whole,)
        metric = "integer_large_weights" if self.mode == "dynamic_range" else "integer_weights"
        return (whole, Gate(metric=metric, min=1.0, origin=f"conversion {self.mode}"))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A named chain: train `network`, apply `steps` in order, then convert (or stay a Keras file).

    Raises SuiteError when `name` has not the form of names.
    """

    name: str
    network: Network
    training: Training
    steps: tuple[Step, ...] = ()
    conversion: Conversion | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "variant", SuiteError)

    @property
    def kind(self) -> Literal["keras", "tflite"]:
        """The kind of file this variant ends as."""
        given = isinstance(self.network, OwnModel) and self.network.is_tflite
        return "tflite" if self.conversion or given else "keras"


@dataclass(frozen=True, kw_only=True)
class Suite:
    """One suite file, read: a workload, its variants, its gates and in which `modes` its variants are timed.

    Raises SuiteError when a name has not the form of names, there is no such mode, or a gate is on one that is not
    timed.
    """

    name: str
    workload: Workload
    variants: tuple[Variant, ...]
    gates: tuple[Gate, ...] = ()
    modes: tuple[str, ...] = MODES
    baseline: str = "baseline"
    description: str = ""
    path: Path | None = None
    """The file it was read from; None for a built-in suite, which is known by its name."""
    profile: str = ""
    """Which of the file's `profiles` was read; empty when it has none."""
    profiles: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    """The packages that the user allowed to be imported. Never said by the file itself."""

    def __post_init__(self) -> None:
        check_name(self.name, "suite", SuiteError)
        for profile in filter(None, (self.profile, *self.profiles)):
            check_name(profile, "profile", SuiteError)
        check_texts(self.description, SuiteError)
        if not self.modes:
            raise SuiteError(f"modes is empty; name some of {', '.join(MODES)}, or drop it for all")
        for mode in self.modes:
            if mode not in MODES:
                raise SuiteError(f"modes: there is no mode {mode!r}; {nearest(mode, MODES)}")
        for i, gate in enumerate(self.gates):
            for mode in gate.modes:
                if mode not in self.modes:
                    raise SuiteError(f"gates[{i}]: mode {mode!r} is not among the suite's; {nearest(mode, self.modes)}")

    @property
    def folder(self) -> Path:
        """What paths in the file are relative to: where the file is, or the current folder for a built-in suite."""
        return self.path.parent if self.path else Path()

    @property
    def title(self) -> str:
        """What records call it: its name, and its profile if it has one. Two profiles are two suites."""
        return f"{self.name}:{self.profile}" if self.profile else self.name

    @property
    def source(self) -> str:
        """The text that `load_suite` finds it by."""
        place = str(self.path.resolve()) if self.path else self.name
        return f"{place}:{self.profile}" if self.profile else place

    def variant(self, name: str) -> Variant:
        """Return the variant called `name`. Raises SuiteError, naming the nearest, when there is none."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        known = [variant.name for variant in self.variants]
        raise SuiteError(f"suite {self.name!r} has no variant {name!r}; {nearest(name, known)}")

    def select(self, names: tuple[str, ...]) -> tuple[Variant, ...]:
        """Return the variants called `names`, in the suite's order; all when `names` is empty."""
        wanted = {self.variant(name).name for name in names}
        return tuple(v for v in self.variants if not wanted or v.name in wanted)

    def measured(self, names: tuple[str, ...]) -> tuple[Variant, ...]:
        """Return what is measured when `names` are chosen (all when empty): they, the baseline, and what gates need.

        Drops, ratios and speed-ups are against the baseline; a gate may be `relative_to` another variant.
        """
        wanted = {variant.name for variant in self.select(names)} | {self.baseline}
        while more := {o for name in wanted for o in self._needed(name)} - wanted:
            wanted |= more
        return tuple(variant for variant in self.variants if variant.name in wanted)

    def _needed(self, name: str) -> set[str]:
        return {gate.relative_to for gate in self.gates_of(self.variant(name)) if gate.relative_to}

    def gates_of(self, variant: Variant) -> tuple[Gate, ...]:
        """Return the suite's gates on `variant`, then what its steps and conversion promise, each bound once."""
        stated = [
            gate
            for gate in self.gates
            if (not gate.variants or variant.name in gate.variants) and gate.kind in ("any", variant.kind)
        ]
        promised = [gate for step in variant.steps for gate in step.promises()]
        if variant.conversion:
            promised += variant.conversion.promises()
        different = {dataclasses.replace(gate, origin=""): gate for gate in reversed([*stated, *promised])}
        return tuple(reversed(different.values()))
