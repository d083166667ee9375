"""Say, before anything trains, what in a model a recipe cannot handle.

Law: works on the untrained network and costs about a second; what tfmot or the converter decides is asked of them,
not repeated from their manuals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from optkit.convert import convert
from optkit.errors import BuildError
from optkit.keras.channels import read_channels
from optkit.keras.ending import Task, read_ending
from optkit.keras.graph import Graph, Node, build_model, read_graph
from optkit.keras.layers import choose_layers
from optkit.keras.tensorflow import load_keras, load_tfmot
from optkit.spec import Conversion, Step, Training, TrainingRecipe
from optkit.techniques import cluster, fold, prune, slim, sparse_train
from optkit.training.fit import why_not

# What tfmot turns into supported layers by itself, or never wraps.
_TRANSFORMED = ("InputLayer", "SeparableConv1D", "SeparableConv2D")
_INTEGER_MODES = ("int8", "int16x8")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a part of a recipe (`subject`: a technique, or "conversion") meets in a layer ("" if none can be named).

    An `error` would stop the recipe, or make its result wrong; a `warning` is something to know.
    """

    level: Literal["error", "warning"]
    subject: str
    layer: str
    message: str

    def __str__(self) -> str:
        """Return the finding as one line."""
        where = f"layer {self.layer!r}: " if self.layer else ""
        return f"{self.subject}: {where}{self.message}"


def preflight(
    model: Any,
    steps: Sequence[Step],
    conversion: Conversion | None,
    *,
    task: Task | None = None,
    training: Training | None = None,
    reconstructs: bool = False,
) -> tuple[Finding, ...]:
    """Return what `training`, `steps`, in order, and then `conversion` cannot handle in `model` (untrained will do).

    Folding is carried out on the way, so that what follows it is checked on the folded network. With a `task` the
    network's last layer is checked too: what it puts out must fit the loss when anything trains, and a binary task's
    threshold in any case. `reconstructs`: the samples are their own targets.
    """
    findings: list[Finding] = []
    trains = (training and training.epochs) or any(isinstance(step, TrainingRecipe) for step in steps)
    if task and (trains or task == "binary"):
        findings += check_outputs(model, task)
    for step in steps:
        if isinstance(step, TrainingRecipe) and step.epochs and (why := why_not(model, step, reconstructs=reconstructs)):
            findings.append(_error(step.technique, "", why))
        if isinstance(step, (fold.Fold, sparse_train.SparseTrain, prune.Prune, cluster.Cluster)):
            try:
                model = _checked(model, step)
            except BuildError as error:
                findings.append(_error(step.technique, "", str(error)))
        elif isinstance(step, slim.Slim):
            findings += _slim(model)
        elif step.technique == "quantize_aware":
            findings += _quantize_aware(model)
    if conversion and conversion.mode in _INTEGER_MODES:
        findings += _integer_kernels(model, conversion)
    return tuple(findings)


def _checked(model: Any, step: Step) -> Any:
    """Return `model` as `step` leaves it where that costs nothing. Raises BuildError when `step` cannot change it."""
    if isinstance(step, fold.Fold):
        return fold.apply(model, step)
    if isinstance(step, sparse_train.SparseTrain):
        sparse_train.check(model)
    elif isinstance(step, prune.Prune):
        prune.final_sparsities(model, step)
    elif isinstance(step, cluster.Cluster):
        choose_layers(model, step.include, step.exclude, step.technique)
    return model


def check_outputs(model: Any, task: Task, subject: str = "training") -> tuple[Finding, ...]:
    """Return an error when the last activation of `model` does not fit the loss of `task`; none if it cannot be read.

    That loss takes logits for a multiclass task, also when it distils, and a probability for a binary one.
    """
    found = read_ending(model)
    if found is None or found.fits(task):
        return ()
    if task == "multiclass":
        why = (
            f"it ends in {found.activation}, and the loss of a multiclass task takes logits: give the last layer no "
            "activation; the class with the largest score stays the same"
        )
    else:
        ends = f"ends in {found.activation}" if found.activation != "linear" else "has no activation"
        why = f"it {ends}, and a binary task takes a probability (class 1 from 0.5 on): give the last layer a sigmoid"
    return (_error(subject, found.layer, why),)


def _error(subject: str, layer: str, message: str) -> Finding:
    for prefix in (f"{subject}: ", f"{subject} "):
        message = message.removeprefix(prefix)
    return Finding(level="error", subject=subject, layer=layer, message=message)


def _slim(model: Any) -> Iterator[Finding]:
    try:
        channels = read_channels(read_graph(model))
        slim.check(channels)
    except BuildError as error:
        yield _error("slim", "", str(error))
        return
    for held in slim.held_channels(channels):
        message = f"{held.channels} channels cannot be removed: {held.reason}"
        yield Finding(level="warning", subject="slim", layer=held.layer, message=message)


def _quantize_aware(model: Any) -> Iterator[Finding]:
    subject = "quantize_aware"
    nested = [layer.name for layer in model.layers if isinstance(layer, load_keras().Model)]
    for name in nested:
        yield _error(subject, name, "tfmot does not quantize a model inside a model; write its layers in the outer one")
    if nested:
        return
    try:
        graph = read_graph(model)
    except BuildError as error:
        yield _error(subject, "", str(error))
        return
    registry = _registry()
    for node in graph.nodes.values():
        if node.kind_name in _TRANSFORMED:
            continue
        if node.kind_name == "BatchNormalization":
            if why := fold.why_not(graph, node):
                yield _error(
                    subject,
                    node.name,
                    f"{why}; tfmot quantizes a BatchNormalization only with the linear Conv2D, "
                    "DepthwiseConv2D or Dense right before it",
                )
        elif not registry.supports(model.get_layer(node.name)):
            yield _error(subject, node.name, f"tfmot does not quantize {node.kind_name} layers; replace it")


def _registry() -> Any:
    load_tfmot()
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry as registry,
    )

    return registry.Default8BitQuantizeRegistry()


def _integer_kernels(model: Any, conversion: Conversion) -> Iterator[Finding]:
    """Convert the whole network; only if that shows a problem, each layer by itself, to name those that have it."""
    problem = _problem(model, conversion)
    if not problem:
        return
    found = []
    try:
        found = [_kernel_finding(*pair) for pair in _layer_problems(read_graph(model), conversion)]
    except BuildError:
        pass  # the layers cannot be taken apart: the finding on the whole network has to do
    yield from found or [_kernel_finding("", problem)]


@dataclass(frozen=True)
class _Problem:
    level: Literal["error", "warning"]
    message: str


def _kernel_finding(layer: str, problem: _Problem) -> Finding:
    return Finding(level=problem.level, subject="conversion", layer=layer, message=problem.message)


def _layer_problems(graph: Graph, conversion: Conversion) -> Iterator[tuple[str, _Problem]]:
    known: dict[str, _Problem | None] = {}
    for node in graph.nodes.values():
        shapes = {graph.nodes[name].shape for name in node.inputs}
        if len(shapes) != 1:
            continue
        [shape] = shapes
        same = repr(({k: v for k, v in node.config.items() if k != "name"}, node.kind, shape, len(node.inputs)))
        if same not in known:
            known[same] = _problem(build_model(_alone(node, shape)), conversion)
        if problem := known[same]:
            yield node.name, problem


def _alone(node: Node, shape: tuple[int | None, ...]) -> Graph:
    config = {"batch_input_shape": (None, *shape), "dtype": "float32", "name": "probe_input"}
    source = Node("probe_input", load_keras().layers.InputLayer, config, (), {}, shape)
    probe = dataclasses.replace(node, inputs=("probe_input",) * len(node.inputs))
    return Graph("probe", {source.name: source, probe.name: probe}, (source.name,), (probe.name,))


def _problem(model: Any, conversion: Conversion) -> _Problem | None:
    """Convert `model`, run the result once, and say what goes wrong or stays in float."""
    from ai_edge_litert.interpreter import Interpreter

    plain = dataclasses.replace(conversion, input_type="float32", output_type="float32", calibration_samples=2)
    try:
        interpreter = Interpreter(model_content=convert(model, plain, _probes(model)))
        interpreter.allocate_tensors()
        for given in interpreter.get_input_details():
            interpreter.set_tensor(given["index"], np.zeros(given["shape"], given["dtype"]))
        interpreter.invoke()
    except (BuildError, RuntimeError, ValueError) as error:
        return _Problem("error", f"it cannot be converted to {conversion.mode}: {str(error).splitlines()[0]}")
    types = {tensor["index"]: tensor["dtype"] for tensor in interpreter.get_tensor_details()}
    floats = {
        operator["op_name"]
        for operator in interpreter._get_ops_details()
        if operator["op_name"] not in ("QUANTIZE", "DEQUANTIZE", "DELEGATE")
        and any(types.get(int(index)) is np.float32 for index in operator["outputs"])
    }
    if floats:
        return _Problem("warning", f"{', '.join(sorted(floats))} has no {conversion.mode} kernel and stays in float")
    return None


def _probes(model: Any) -> Any:
    """Return two random samples of each input, by input name where there are several; of ids, zeros."""
    rng = np.random.default_rng(1)
    found = {}
    for name, tensor in zip(model.input_names, model.inputs, strict=True):
        shape = (2, *(size or 8 for size in tensor.shape[1:]))
        if tensor.dtype.is_integer:  # 0 is an id in any vocabulary
            found[name] = np.zeros(shape, tensor.dtype.as_numpy_dtype)
        else:
            found[name] = rng.random(shape).astype(np.float32)
    return found if len(found) > 1 else next(iter(found.values()))

