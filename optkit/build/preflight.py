"""Say, before anything trains, what in a model a recipe cannot handle.

Law: works on the untrained network and costs about a second; what tfmot or the converter decides is asked of them,
not repeated from their manuals. What a technique needs, the technique is asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from optkit.build.stage import Stage
from optkit.convert import convert
from optkit.data import Dataset
from optkit.errors import BuildError
from optkit.keras.ending import Task, read_ending
from optkit.keras.finding import Finding, stops
from optkit.keras.graph import Graph, Node, build_model, read_graph
from optkit.keras.tensorflow import load_keras
from optkit.spec import Conversion, Step, TrainingRecipe, Variant
from optkit.techniques import TECHNIQUES
from optkit.training.fit import why_not
from optkit.training.teaching import why_not_taught


def check_chain(last: Stage, variant: Variant, task: str, data: Dataset) -> tuple[Finding, ...]:
    """Return what the chain of `variant`, which ends in `last`, meets: in its network, in its teachers', in the data.

    Nothing when nothing is trained or converted, or the chain begins with no Keras model.
    """
    trained = [stage for stage in last.chain if stage.recipe and stage.recipe.epochs]
    model = last.network() if trained or variant.steps or variant.conversion else None
    if model is None:
        return ()
    first = last.chain[0]
    known = next((one for one in last.fixed_losses if one == task), None)
    reconstructs = task == "reconstruction"
    checked = preflight(
        model, variant.steps, variant.conversion, task=known, training=first.recipe, reconstructs=reconstructs
    )
    findings = [*checked]
    for stage in trained[:1]:
        if not len(data.y_train) and not reconstructs:
            findings.append(stops(stage.label, "", "the data have no labels to train on; give data with labels"))
    for stage in trained:
        if stage.needs and (why := why_not_taught(task)):
            findings.append(stops(stage.label, "", why))
    teachers = {name: stage for one in last.chain for name, stage in one.needs.items()}
    for name, teacher in teachers.items():
        if known and teacher.chain[0].key != first.key:
            findings += check_outputs(teacher.network(), known, f"teacher {name!r}")
    return tuple(findings)


def preflight(
    model: Any,
    steps: Sequence[Step],
    conversion: Conversion | None,
    *,
    task: Task | None = None,
    training: TrainingRecipe | None = None,
    reconstructs: bool = False,
) -> tuple[Finding, ...]:
    """Return what `training`, `steps`, in order, and then `conversion` cannot handle in `model` (untrained will do).

    A step that changes layers without training, such as folding, is carried out on the way: what follows it is checked
    on the changed network. With a `task` the network's last layer is checked too: what it puts out must fit the loss
    when anything trains, and a binary task's threshold in any case. `reconstructs`: the samples are their own targets.
    """
    findings: list[Finding] = []
    recipes = [("training", training), *((step.technique, step.recipe()) for step in steps)]
    trains = [(subject, recipe) for subject, recipe in recipes if recipe and recipe.epochs]
    for subject, recipe in trains:
        if why := why_not(model, recipe, reconstructs=reconstructs):
            findings.append(stops(subject, "", why))
    if task and (trains or task == "binary"):
        findings += check_outputs(model, task)
    for step in steps:
        technique = TECHNIQUES[step.technique]
        try:
            findings += technique.check(model, step)
            model = technique.leaves(model, step)
        except BuildError as error:
            findings.append(stops(step.technique, "", str(error)))
    if conversion and conversion.integer_activations:
        findings += _integer_kernels(model, conversion)
    return tuple(findings)


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
    return (stops(subject, found.layer, why),)


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
