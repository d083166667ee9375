"""A first suite file for a user's own model: what was seen, what was chosen, and why, as comments in it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from optkit.convert.from_tflite import quantized_part
from optkit.data import Dataset
from optkit.data.dataset import count
from optkit.data.fit import check_fit
from optkit.data.own import OwnData, make_own, read_own
from optkit.files.functions import is_function
from optkit.models.look import Look, look_at_model
from optkit.names import shown
from optkit.spec.metrics import TASK_METRICS, TASKS, Task, default_metric
from optkit.suites.gates_to_begin import FRACTION, collapse, loose_drop
from optkit.suites.own import check_batches, image_size, input_specs, task_of
from optkit.tflite.verify import verify_file

_POST_TRAINING = ("dynamic_range", "int8", "float16")
_TRAINED = "pruned_int8"
_NOT_PRUNED = frozenset(
    (
        *("SeparableConv1D", "SeparableConv2D", "LSTM", "GRU", "SimpleRNN", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
        *("Bidirectional", "TimeDistributed", "RNN", "MultiHeadAttention", "EinsumDense", "GroupedQueryAttention"),
    )
)
"""Layers that have a kernel which pruning cannot change: such a model needs a table that leaves them out."""
_FEW_SAMPLES = 20_000
"""Up to so many training samples a recipe that trains is switched on from the beginning."""
Measure = Callable[[Path, Dataset, str], "float | None"]
"""Says what the model in a file has for a metric on the test split of a data set; None when that is not quick."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A suite file to begin with: its text, and the reasons that it was written so."""

    text: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """What goes into the file. `more` is a comment on a recipe that is left out; `collapse` is of one that trains."""

    task: Task | None
    metric: str
    drop: float | None
    collapse: tuple[float, str] | None
    output: str
    variants: tuple[str, ...]
    more: str


def begin(
    model: Path,
    data: str | None,
    folder: Path,
    *,
    task: Task | None = None,
    allowed: tuple[str, ...] = (),
    function: str = "",
    measure: Measure = lambda model, dataset, metric: None,
) -> Beginning:
    """Return a suite file for `model` and `data` that will stand in `folder`.

    `function` is the function of the user's that returned the model in the file `model`, if one did. `measure(model,
    dataset, metric)` says what the model itself has for an error, or None: the gate on it is chosen by that.

    Raises OptkitError when the model or the data cannot be read, do not go together, or the task cannot be worked out.
    """
    look = None if model.is_dir() else look_at_model(model)
    raw = read_own(data, folder=Path(), allowed=allowed, **image_size(look)) if data else None
    reasons = list(_seen(function or model.name, look, raw))
    output = look.outputs[0] if look and len(look.outputs) > 1 else ""
    reasons += [shown(f"outputs {', '.join(look.outputs)}: {output} is judged")] if look and output else []
    metric = default_metric(task) if task else "accuracy"
    drop: float | None = FRACTION if TASK_METRICS[metric].better == "higher" else None
    chosen, why = task, "as you said"
    worst = None
    if raw:
        check_batches(raw, look)
    if raw and not task:
        chosen, why = task_of(look, raw)
    reasons += [f"task {chosen}: {why}"] if chosen else []
    if raw and chosen:
        dataset = make_own(raw, chosen)
        if look:
            check_fit(dataset, input_specs(look))
        reasons.append(f"data: {count(dataset.x_test):,} samples to test with")
        metric = default_metric(chosen, labelled=dataset.labelled_by_sample)
        error = TASK_METRICS[metric].better == "lower"
        drop, held = loose_drop(metric, dataset, measure(model, dataset, metric) if error else None)
        reasons += [held] if error or drop != FRACTION else []
        worst = collapse(metric, dataset)
    finished = _finished(model)
    reasons += [finished] if finished else []
    variants, more = _variants(model, look, raw)
    choice = _Choice(
        task=chosen,
        metric=metric,
        drop=drop,
        collapse=worst,
        output=output,
        variants=() if finished else variants,
        more=more,
    )
    return Beginning(text=_text(model, function, data, folder, choice, reasons), reasons=tuple(reasons))


def _finished(model: Path) -> str:
    """Return what can be done with a .tflite file that is quantized already; empty for any other model."""
    part = quantized_part(verify_file(model)) if model.suffix == ".tflite" else None
    if not part:
        return ""
    return shown(
        f"{model.name} is quantized already ({part}): no variant can be made of it. This suite measures and gates it "
        "as it is. For variants give the float file or the Keras model that it was made from, and name this file in "
        f'the variants beside them: variants = ["int8", {_quoted(model.name)}]'
    )


def _seen(model: str, look: Look | None, raw: OwnData | None) -> Iterator[str]:
    if look:
        inputs = ", ".join(f"{name} {shape}" for name, shape in look.inputs.items()) or "unknown"
        ends = f", ending in {look.activation}" if look.activation else ""
        yield shown(f"model {model}: inputs {inputs}; output {look.output or 'unknown'}{ends}")
    if raw:
        yield shown(f"data {raw.origin}: samples of shape {', '.join(map(str, raw.shapes.values()))}")


def _variants(model: Path, look: Look | None, raw: OwnData | None) -> tuple[tuple[str, ...], str]:
    """Return the recipes, and a comment on one that is left out."""
    if model.suffix == ".tflite" or look is None or raw is None or len(look.outputs) > 1:
        return _POST_TRAINING, ""
    if stuck := sorted(look.kinds & _NOT_PRUNED):
        return (
            _POST_TRAINING,
            f'# "{_TRAINED}" takes a table that leaves out the {", ".join(stuck)} layers: docs/techniques.md.',
        )
    samples = len(next(iter(next(iter(raw.parts.values())).x.values())))
    if samples <= _FEW_SAMPLES:
        return (*_POST_TRAINING, _TRAINED), ""
    return _POST_TRAINING, f'# "{_TRAINED}" is smaller still. It trains for 10 epochs on your data.'


def _text(model: Path, function: str, data: str | None, folder: Path, choice: _Choice, reasons: Sequence[str]) -> str:
    stem = function.rpartition(":")[2] or model.stem
    name = re.sub(r"[^A-Za-z0-9._-]", "-", stem)[:100].strip(".-_") or "model"
    lines = [
        "# Written by optkit init. Change what you like: docs/suites.md has every key.",
        *(f"# {reason}" for reason in reasons),
        "schema = 2",
        f"name = {_quoted(name)}",
        f"model = {_quoted(function or _relative(model, folder))}  # trained already: it is the baseline",
        f"data = {_quoted(data if is_function(data) else _relative(Path(data), folder))}"
        if data
        else '# data = "data.npz"  # arrays x_train, y_train, x_test, y_test; or a folder of images by class',
        *([f"output = {_quoted(choice.output)}"] if choice.output else []),
        f'task = "{choice.task}"' if choice.task else f"# task = one of {', '.join(TASKS)}",
        f'metric = "{choice.metric}"' if choice.task else '# metric = "accuracy"',
        "",
        *(_compressed(model, choice) if choice.variants else _as_it_is(model)),
    ]
    return "\n".join(lines) + "\n"


def _compressed(model: Path, choice: _Choice) -> list[str]:
    """Return the lines on variants and gates."""
    return [
        "# Recipes by name. float32, the model as it is, is always measured with them.",
        f"variants = [{', '.join(_quoted(one) for one in choice.variants)}]",
        *([choice.more] if choice.more else []),
        "",
        "# Gates, loose for a start. When a run looks right: optkit gate run.json --update",
        f"budget = {{ {_budget(model, choice.drop)} }}",
        *_of_the_trained(choice),
    ]


def _as_it_is(model: Path) -> list[str]:
    """Return the lines on variants and gates of a file that is quantized already."""
    return [
        "# The one variant is the file itself.",
        'baseline = "as_it_is"',
        "variants = { as_it_is = {} }",
        "",
        '# Add what must hold, such as { metric = "accuracy", min = 0.9 }.',
        f'gates = [{{ metric = "file_bytes", max = {model.stat().st_size} }}]',
    ]


def _of_the_trained(choice: _Choice) -> list[str]:
    """Return the gate on the drop of a recipe that trains: it takes the budget's place."""
    if choice.collapse is None or choice.drop is None or _TRAINED not in choice.variants:
        return []
    bound, why = choice.collapse
    gate = f'{{ metric = "drop", max = {bound}, variants = [{_quoted(_TRAINED)}] }}'
    return [
        f"# {_TRAINED} trains on your data: a run has to show what it loses. Until then this gate takes the place of",
        f"# the budget's. It stops a collapse only, {why}.",
        f"gates = [{gate}]",
    ]


def _budget(model: Path, drop: float | None) -> str:
    found: dict[str, Any] = {}
    if model.is_file():
        found["file_bytes"] = model.stat().st_size
    if drop is not None:
        found["drop"] = drop
    return ", ".join(f"{key} = {value}" for key, value in found.items())


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def _quoted(text: str) -> str:
    return tomlkit.string(text).as_string()
