"""A first suite file for a user's own model: what was seen, what was chosen, and why, as comments in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomlkit

from optkit.data.dataset import count
from optkit.data.fit import check_fit
from optkit.data.own import OwnData, make_own, read_own
from optkit.files.functions import is_function
from optkit.models.look import Look, look_at_model
from optkit.names import shown
from optkit.spec.metrics import TASK_METRICS, TASKS, Task, default_metric
from optkit.suites.own import image_size, input_specs, task_of

_POST_TRAINING = ("dynamic_range", "int8", "float16")
_TRAINED = "pruned_int8"
_FEW_SAMPLES = 20_000
"""Up to so many training samples a recipe that trains is switched on from the beginning."""
_LOOSE_DROP = 0.02
_NO_DROP = (
    "# Nothing holds {metric} yet. After the first run add: drop = the largest drop that you accept, in its unit."
)


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """A suite file to begin with: its text, and the reasons that it was written so."""

    text: str
    reasons: tuple[str, ...]


def begin(
    model: Path, data: str | None, folder: Path, *, task: Task | None = None, allowed: tuple[str, ...] = ()
) -> Beginning:
    """Return a suite file for `model` and `data` that will stand in `folder`.

    Raises OptkitError when the model or the data cannot be read, do not go together, or the task cannot be worked out.
    """
    look = None if model.is_dir() else look_at_model(model)
    raw = read_own(data, folder=Path(), allowed=allowed, **image_size(look)) if data else None
    reasons = list(_seen(model, look, raw))
    metric = "accuracy"
    chosen, why = task, "as you said"
    if raw and not task:
        chosen, why = task_of(look, raw)
    reasons += [f"task {chosen}: {why}"] if chosen else []
    if raw and chosen:
        dataset = make_own(raw, chosen)
        if look:
            check_fit(dataset, input_specs(look))
        reasons.append(f"data: {count(dataset.x_test):,} samples to test with")
        metric = default_metric(chosen, labelled=dataset.labelled_by_sample)
    variants, more = _variants(model, raw)
    return Beginning(text=_text(model, data, folder, chosen, metric, variants, more, reasons), reasons=tuple(reasons))


def _seen(model: Path, look: Look | None, raw: OwnData | None) -> Iterator[str]:
    if look:
        inputs = ", ".join(f"{name} {shape}" for name, shape in look.inputs.items()) or "unknown"
        ends = f", ending in {look.activation}" if look.activation else ""
        yield shown(f"model {model.name}: inputs {inputs}; output {look.output or 'unknown'}{ends}")
    if raw:
        yield shown(f"data {raw.origin}: samples of shape {', '.join(map(str, raw.shapes.values()))}")


def _variants(model: Path, raw: OwnData | None) -> tuple[list[str], str]:
    """Return the recipes, and a comment on one that is left out."""
    if model.suffix == ".tflite" or model.is_dir() or raw is None or len(raw.shapes) > 1:
        return list(_POST_TRAINING), ""
    samples = len(next(iter(next(iter(raw.parts.values())).x.values())))
    if samples <= _FEW_SAMPLES:
        return [*_POST_TRAINING, _TRAINED], ""
    return list(_POST_TRAINING), f'# "{_TRAINED}" is smaller still. It trains for 10 epochs on your data.'


def _text(
    model: Path,
    data: str | None,
    folder: Path,
    task: Task | None,
    metric: str,
    variants: list[str],
    more: str,
    reasons: list[str],
) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]", "-", model.stem)[:100].strip(".-_") or "model"
    lines = [
        "# Written by optkit init. Change what you like: docs/suites.md has every key.",
        *(f"# {reason}" for reason in reasons),
        "schema = 2",
        f"name = {_quoted(name)}",
        f"model = {_quoted(_relative(model, folder))}  # trained already: it is the baseline",
        f"data = {_quoted(data if is_function(data) else _relative(Path(data), folder))}"
        if data
        else '# data = "data.npz"  # arrays x_train, y_train, x_test, y_test; or a folder of images by class',
        f'task = "{task}"' if task else f"# task = one of {', '.join(TASKS)}",
        f'metric = "{metric}"' if task else '# metric = "accuracy"',
        "",
        "# Recipes by name. float32, the model as it is, is always measured with them.",
        f"variants = [{', '.join(_quoted(one) for one in variants)}]",
        *([more] if more else []),
        "",
        "# Gates, loose for a start. When a run looks right: optkit gate run.json --update",
        f"budget = {{ {_budget(model, metric)} }}",
        *([] if TASK_METRICS[metric].unit == "fraction" else [_NO_DROP.format(metric=metric)]),
    ]
    return "\n".join(lines) + "\n"


def _budget(model: Path, metric: str) -> str:
    found: dict[str, Any] = {}
    if model.is_file():
        found["file_bytes"] = model.stat().st_size
    if TASK_METRICS[metric].unit == "fraction":
        found["drop"] = _LOOSE_DROP
    return ", ".join(f"{key} = {value}" for key, value in found.items())


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()


def _quoted(text: str) -> str:
    return tomlkit.string(text).as_string()
