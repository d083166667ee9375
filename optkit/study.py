"""Compress a model from Python: what `optkit build` and `optkit bench` do, on values.

`compress` writes the suite file that a user would write, builds it in a process of its own, and measures what came out.
Seeds and settings of TensorFlow in the caller's process stay as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tomlkit

from optkit.build.artifact import Artifact
from optkit.build.builder import ensure_variants
from optkit.build.shared import open_store
from optkit.data.dataset import take
from optkit.errors import DataError, OptkitError, SuiteError, nearest
from optkit.judge.ab import Judgement, compare_pairs
from optkit.judge.advise import Wish
from optkit.judge.choose import choose
from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.measure.once import time
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process
from optkit.process.temporary import temporary_folder
from optkit.record.compressed import Compressed
from optkit.record.gather import gather
from optkit.record.run import Run
from optkit.record.timing import Timing
from optkit.report.notebook import run_html
from optkit.report.summary import summary
from optkit.runtime import KerasWorkers
from optkit.spec import Step
from optkit.spec.keys import canonical
from optkit.suites import open_suite
from optkit.suites.recipes import CONVERSIONS, recipe
from optkit.suites.short import is_finished

_DATA = "data.npz"
Arrays = tuple[Any, Any, Any, Any]
Recipe = str | Sequence[Step | str]


@dataclass(frozen=True, repr=False)
class Study(Mapping[str, Compressed]):
    """What `compress` found: variants by name, the baseline first. Printed, it is the summary table.

    A notebook shows the table, and the front as a picture.
    """

    run: Run
    found: dict[str, Compressed] = field(repr=False)

    def __getitem__(self, name: str) -> Compressed:
        """Return the variant called `name`. Raises KeyError, naming the nearest, when there is none."""
        if name not in self.found:
            raise KeyError(f"there is no variant {name!r}; {nearest(name, self.found)}")
        return self.found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def best(self, *, wish: Wish = "smallest", at: str | None = None, **bounds: float | None) -> Compressed | None:
        """Return the smallest variant (by zip bytes) within all bounds; None when none is.

        Bounds, `wish` and `at` are those of `optkit.choose`, such as `max_zip_bytes=10_000, max_drop=0.005,
        max_single_sample_us=20`. Raises OptkitError when the study has no such figure, or bounds contradict each other.
        """
        chosen = choose(self.run, at=at, wish=wish, threads=(), runtime="", **bounds).chosen
        return self.found[chosen] if chosen else None

    def __str__(self) -> str:
        return summary(self.run)

    def __repr__(self) -> str:
        return f"<Study of {', '.join(self.found)}>"

    def _repr_html_(self) -> str:
        """Return the summary as a table, and the front as a picture, for a notebook."""
        return run_html(self.run)


def compress(
    model: str | Path,
    data: Arrays | str | Path,
    variants: str | Sequence[Recipe] | Mapping[str, Recipe],
    *,
    task: str | None = None,
    metric: str | None = None,
    training: Mapping[str, Any] | None = None,
    store: str | Path | None = None,
) -> Study:
    """Build `variants` of a trained model, measure them over the test set, and return what was found.

    `model` is a .keras, .h5 or .tflite file or a SavedModel folder; it is the baseline, `float32` of the study. `data`
    are arrays (x_train, y_train, x_test, y_test), each x a dict by name where the model has several inputs, or the path
    of data as in a suite file. A variant is the name of a recipe, such as "int8", techniques and then a conversion,
    `[optkit.Prune(0.8), "int8"]`, or the path of a finished .tflite file. `metric` is one of the task's, by default
    its own. `training` replaces keys of the recipe by which techniques train. Raises OptkitError when anything does not
    fit.
    """
    kept = open_store(store or None)
    with temporary_folder("study") as folder:
        given = [variants] if isinstance(variants, str) else variants
        said = {key: value for key, value in (("task", task), ("metric", metric)) if value}
        suite_file = _write_suite(folder, Path(model), data, given, said, training or {})
        try:
            suite, dataset = open_suite(str(suite_file), store=kept.root)
        except DataError as error:
            raise DataError(str(error).replace(str(folder / _DATA), "the data")) from error
        artifacts = ensure_variants(suite, suite.variants, dataset, kept, "auto")
        with KerasWorkers() as workers:
            facts = gather(suite, artifacts, dataset, kept, workers)
        timings = tuple(_timing(artifact, take(dataset.x_test, slice(1))) for artifact in artifacts.values())
    run = Run(
        suite=suite.title,
        baseline=suite.baseline,
        dataset=facts[suite.baseline].dataset,
        variants=facts,
        timings=timings,
    )
    found = {
        timing.variant: Compressed(
            name=timing.variant,
            path=artifacts[timing.variant].path,
            facts=facts[timing.variant],
            seconds=timing.seconds,
        )
        for timing in timings
    }
    return Study(run, found)


def _timing(artifact: Artifact, sample: Any) -> Timing:
    latency = time(artifact.path, sample)
    return Timing(
        variant=artifact.variant,
        mode="single_sample",
        threads=1,
        batch=1,
        samples=1,
        seconds=latency.seconds,
        rounds=latency.rounds,
    )


def _write_suite(
    folder: Path,
    model: Path,
    data: Arrays | str | Path,
    variants: Sequence[Recipe] | Mapping[str, Recipe],
    said: Mapping[str, str],
    training: Mapping[str, Any],
) -> Path:
    """Write the suite file of a study to `folder`, and its data beside it, and return the suite file."""
    if isinstance(data, tuple):
        if len(data) != 4:
            raise OptkitError(f"data has {len(data)} arrays; expected (x_train, y_train, x_test, y_test)")
        place = folder / _DATA
        names = ("x_train", "y_train", "x_test", "y_test")
        np.savez(place, allow_pickle=False, **dict(_by_name(zip(names, data, strict=True))))
    else:
        place = Path(data).absolute()
    tables = {name: _table(given, training) for name, given in _named(variants).items()}
    document = {
        "schema": 2,
        "name": "study",
        "model": str(model.absolute()),
        "data": str(place),
        **said,
        "variants": tables,
    }
    path = folder / "study.toml"
    path.write_text(tomlkit.dumps(document), encoding="utf-8")
    return path


def _by_name(parts: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Yield the arrays as an .npz file of own data names them; of several inputs one each."""
    for name, part in parts:
        if isinstance(part, Mapping):
            yield from ((f"{name}_{own}", np.asarray(array)) for own, array in part.items())
        else:
            yield name, np.asarray(part)


def _named(variants: Sequence[Recipe] | Mapping[str, Recipe]) -> dict[str, Recipe]:
    if isinstance(variants, Mapping):
        return dict(variants)
    found: dict[str, Recipe] = {}
    for given in variants:
        name = "_".join(_word(part) for part in ([given] if isinstance(given, str) else given))
        number = 2
        unique = name
        while unique in found:
            unique, number = f"{name}_{number}", number + 1
        found[unique] = given
    return found


def _word(part: Step | str) -> str:
    if isinstance(part, str):
        return Path(part).stem if is_finished(part) else part
    return part.technique


def _table(given: Recipe, training: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, str):
        return {"model": str(Path(given).absolute())} if is_finished(given) else recipe(given, training)
    steps = [part for part in given if isinstance(part, Step)]
    names = [part for part in given if isinstance(part, str)]
    if len(steps) + len(names) < len(given) or len(names) > 1 or (names and given[-1] != names[0]):
        raise SuiteError(f"variant {given!r}: expected techniques, and then at most one conversion's name")
    if names and names[0] not in CONVERSIONS:
        raise SuiteError(f"variant {given!r}: there is no conversion {names[0]!r}; {nearest(names[0], CONVERSIONS)}")
    tables = [_step_table(step, training) for step in steps]
    return {"steps": tables, "conversion": {"mode": names[0] if names else "float32"}}


def _step_table(step: Step, training: Mapping[str, Any]) -> dict[str, Any]:
    values = {key: value for key, value in canonical(step).items() if key != "version" and value is not None}
    known = {one.name for one in dataclasses.fields(step)}
    return {**values, **{key: value for key, value in training.items() if key in known}}


def ab(
    base: Compressed | str | Path,
    head: Compressed | str | Path,
    *,
    tolerances: Tolerances | None = None,
    threads: int = 1,
    batch: int = 1,
    seconds: float = 60.0,
) -> Judgement:
    """Time two .tflite files against each other in fresh processes, as `optkit ab` does, and return the verdict.

    It takes at most some `seconds`. Raises ArtifactError when a file cannot be run.
    """
    places = [one.path if isinstance(one, Compressed) else Path(one) for one in (base, head)]

    def measure(pair: Pair, number: int) -> PairedTiming:
        return run_process(pair.base, pair.head, number=number, threads=threads, batch=batch)

    pair = Pair(places[1].stem, *places)
    [found] = compare_pairs([pair], measure, tolerances or Tolerances(), seconds)
    return found
