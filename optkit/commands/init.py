"""`optkit init`: write a first suite file for your own model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from optkit.commands.command import Command, add_store, folder, names
from optkit.data import Dataset
from optkit.data.dataset import take
from optkit.data.fit import fitted
from optkit.errors import OptkitError
from optkit.files.configuration import allowed_packages
from optkit.files.functions import is_function
from optkit.files.places import local_root
from optkit.measure.metrics import choose_scorer
from optkit.models.function import function_file
from optkit.models.look import look_at_model
from optkit.report import terminal
from optkit.runtime.samples import run_samples
from optkit.runtime.trial import check_runs
from optkit.spec.metrics import TASKS, Task
from optkit.suites import load_suite
from optkit.suites.begin import begin
from optkit.suites.own import input_specs

_SAMPLES = 500
"""So many test samples tell what a model has for an error: enough for a loose gate."""


def _options(parser: argparse.ArgumentParser) -> None:
    about = "a .keras, .h5 or .tflite file, a SavedModel folder, or package.module:function that returns a Keras model"
    parser.add_argument("model", type=Path, metavar="MODEL", help=about)
    about = "an .npz file, a folder of images by class, or package.module:function"
    parser.add_argument("data", nargs="?", metavar="DATA", help=about)
    parser.add_argument(
        "-o", "--output", type=folder, metavar="FILE", help="the suite file (MODEL's name, .toml, here)"
    )
    parser.add_argument("--task", choices=TASKS, help="what the model does (default: worked out)")
    about = "packages whose functions may be called (default: allow in the user's configuration)"
    parser.add_argument("--allow", type=names, default=(), metavar="A,B", help=about)
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    add_store(parser)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    function = str(options.model) if is_function(str(options.model)) else ""
    stem = function.rpartition(":")[2] or options.model.stem
    output: Path = options.output or Path(f"{stem}.toml")
    if output.exists() and not options.force:
        raise OptkitError(f"{output} is there already; give another file with -o, or --force to write over it")
    if not output.parent.is_dir():
        raise OptkitError(f"{output.parent} is no folder; make it, or give another file with -o")
    allowed = allowed_packages(options.allow)
    model = options.model
    if function:
        model = function_file(function, allowed, output.parent, local_root(options.store).absolute())
    found = begin(
        model, options.data, output.parent, task=options.task, allowed=allowed, function=function, measure=_own_error
    )
    part = output.with_name(f"{output.stem}.part.toml")
    try:
        part.write_text(found.text, encoding="utf-8")
        if options.data:
            load_suite(str(part), allowed=allowed)
        part.replace(output)  # whole and read once, or not at all
    except OSError as error:
        raise OptkitError(f"{output} cannot be written ({error.strerror}); give another file with -o") from error
    finally:
        part.unlink(missing_ok=True)
    following = f"optkit bench {output}" if options.data else f"name your data in {output}; then: optkit bench {output}"
    following += f" --allow {','.join(options.allow)}" if options.allow else ""
    told = [*found.reasons, f"written: {output}", f"next: {following}"]
    shown = "\n".join(line for one in told for line in terminal.paragraph(one, terminal.width()))
    return {"output": str(output), "reasons": found.reasons}, shown, 0


def _own_error(model: Path, dataset: Dataset, metric: str) -> float | None:
    """Return what a .tflite file has for `metric` on some test samples. None of other files: they take TensorFlow."""
    if model.suffix != ".tflite":
        return None
    check_runs(model)
    look = look_at_model(model)
    data = fitted(dataset, input_specs(look))
    some = slice(_SAMPLES)
    x, labels = take(data.x_test, some), data.y_test[some]
    task: Task = data.task  # type: ignore[assignment]
    scorer = choose_scorer(metric, task, labelled=data.labelled_by_sample, output=look.outputs[0])
    return scorer.from_outputs(labels, run_samples(model, x), inputs=x).value


INIT = Command(
    "write a first suite file for your own model", "optkit init model.keras data.npz -o model.toml", _options, _run
)
