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
from optkit.spec.bounds import read_bounds
from optkit.spec.conversion import Conversion
from optkit.spec.gate import Gate
from optkit.spec.metrics import MODES, Task
from optkit.spec.running import PLAIN, Running
from optkit.spec.target import Target
from optkit.spec.training import Training, TrainingRecipe


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

    @property
    def is_tflite(self) -> bool:
        """Whether it is a .tflite file: what trains cannot be applied to it."""
        return False

    @property
    def own(self) -> OwnModel | None:
        """Itself when it is the user's own model, which is read; None when it is built and trained."""
        return None


@dataclass(frozen=True, kw_only=True)
class OwnModel(Network):
    """The user's own trained model: `name` is a path, relative to the suite file, or `package.module:function`.

    A .keras or .h5 file, a SavedModel folder, or a float .tflite file. `custom_objects` is a module whose classes the
    model is made of. `file` is where the model that a function returned is kept, once it was called. It is not trained
    before the first step.
    """

    custom_objects: str = ""
    file: str = ""

    @property
    def is_tflite(self) -> bool:
        """Whether the file is one."""
        return self.name.lower().endswith(".tflite")

    @property
    def own(self) -> OwnModel:
        """Itself."""
        return self


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The task that the variants compete on: data set, network, training recipe and kind of output.

    `task` is worked out from the model and the labels when it is `auto`. `output` is the name of the one output that is
    judged, of a model with several. `metric` None is the task's own; a function of
    the user's needs `better`.
    """

    dataset: DataSource
    network: Network
    training: Training
    task: Literal["auto", "multiclass", "binary", "multilabel", "regression", "sequence", "reconstruction"] = (
        "multiclass"
    )
    output: str = ""
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

    def recipe(self) -> TrainingRecipe | None:
        """Return how this step trains; None when it does not. A step that is a `TrainingRecipe` says so by itself."""
        return None


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
    running: Running = PLAIN
    """What runs its .tflite file. It is no part of the file, nor of any key."""

    def __post_init__(self) -> None:
        check_name(self.name, "variant", SuiteError)

    @property
    def kind(self) -> Literal["keras", "tflite"]:
        """The kind of file this variant ends as."""
        return "tflite" if self.conversion or self.network.is_tflite else "keras"


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
    search: dict[str, Any] | None = None
    """The variant's table with holes that `optkit search` fills; None: one that is made from the model."""
    allowed: tuple[str, ...] = ()
    """The packages that the user allowed to be imported. Never said by the file itself."""
    targets: tuple[Target, ...] = ()

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
        places = [(f"gates[{i}]", gate) for i, gate in enumerate(self.gates)]
        places += [(gate.origin, gate) for target in self.targets for gate in target.gates]
        for where, gate in places:
            for mode in gate.modes:
                if mode not in self.modes:
                    raise SuiteError(f"{where}: mode {mode!r} is not among the suite's; {nearest(mode, self.modes)}")
            if gate.target:
                self._check_target(where, gate)

    def _check_target(self, where: str, gate: Gate) -> None:
        target = self.target(gate.target, where)
        names = {bound.of.metric for bound in read_bounds({f"max_{name}": 1 for name in target.quantities})}
        if gate.metric not in names:
            raise SuiteError(
                f"{where}: {gate.metric} is not known of target {gate.target!r}; it has {', '.join(names)}"
            )

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

    def target(self, name: str, where: str = "") -> Target:
        """Return the target called `name`. Raises SuiteError, naming the nearest, when there is none."""
        known = {target.name: target for target in self.targets}
        if name not in known:
            has = nearest(name, known) if known else "it has no targets"
            raise SuiteError(f"{f'{where}: ' if where else ''}suite {self.name!r} has no target {name!r}; {has}")
        return known[name]

    def target_gates(self, target: Target, variant: Variant) -> tuple[Gate, ...]:
        """Return the limits of `target` that `variant` must keep: none when it is not meant, or is a Keras file."""
        meant = variant.kind == "tflite" and (not target.variants or variant.name in target.variants)
        return target.gates if meant else ()

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
            if (not gate.variants or variant.name in gate.variants)
            and gate.kind in ("any", variant.kind)
            and not (gate.target and variant.kind == "keras" and not gate.variants)  # a Keras file runs on no target
        ]
        promised = [gate for step in variant.steps for gate in step.promises()]
        if variant.conversion:
            promised += variant.conversion.promises()
        different = {dataclasses.replace(gate, origin=""): gate for gate in reversed([*stated, *promised])}
        return tuple(reversed(different.values()))
