"""The models of a pair, loaded and timed in this process: in every order of loading, where there is time for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optkit.errors import ArtifactError
from optkit.measure.clocks import clock_for
from optkit.measure.paired import LOAD_ORDERS, LOADS, PairedTiming, mean_of
from optkit.measure.paired_rounds import Call, summarize, time_rounds

if TYPE_CHECKING:  # what is not needed is not imported: a process has to be started for each timing
    from optkit.spec.running import Running

_MOST_BYTES = 24 << 20
"""Of a file that is loaded more than once: what was loaded before stays, so that its place is not used again."""


def time_pair(
    base: Path,
    head: Path,
    *,
    threads: int,
    batch: int,
    seconds: float,
    load_order: Sequence[str],
    entering: Callable[[str | None], None] = lambda role: None,
    running: Mapping[str, Running] | None = None,
) -> PairedTiming:
    """Load `base`, `head` and a copy of `base`, first in `load_order`, and time them in this process for `seconds`.

    They are loaded `LOADS` times, in each order once, and the means over the loadings are returned. They are loaded
    once, in `load_order`, when they are large or slow, and Keras files always. A .h5 file is a Keras model, timed in
    `predict()`; any other is a .tflite file. Two .tflite files on one thread are timed by CPU time, all else by wall
    clock. `running` says what runs `base` and `head` (default: LiteRT with its defaults); the copy is run as the base.
    `entering` is told as `prepared_calls` tells it. Raises ArtifactError as that does.
    """
    keras = any(_is_keras(path) for path in (base, head))
    ways = running or {}
    name, clock = clock_for(threads=threads, tflite=not keras and all(map(in_calling_thread, ways.values())))
    small = not keras and max(_bytes(base), _bytes(head)) <= _MOST_BYTES
    loads, first = LOADS if small else 1, LOAD_ORDERS.index(tuple(load_order))
    kept: list[dict[str, Call]] = []
    found: list[PairedTiming] = []
    while len(found) < loads:
        order = LOAD_ORDERS[(first + len(found)) % LOADS]
        kept.append(
            prepared_calls(
                base,
                head,
                threads=threads,
                batch=batch,
                load_order=order,
                entering=entering,
                verified=bool(kept),
                running=ways,
            )
        )
        began = clock()
        rounds, count = time_rounds(kept[-1], seconds / loads, clock=clock)
        found.append(summarize(rounds, count, order, name))
        if len(found) == 1 and clock() - began > seconds:  # six rounds of slow calls: all that there is time for
            break
    return mean_of(found)


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # loading it says what is wrong
        return 0


def prepared_calls(
    base: Path,
    head: Path,
    *,
    threads: int,
    batch: int,
    load_order: Sequence[str],
    entering: Callable[[str | None], None] = lambda role: None,
    verified: bool = False,
    running: Mapping[str, Running] | None = None,
) -> dict[str, Call]:
    """Load `base`, `head` and a copy of `base` in `load_order`; return what runs each once, by role in that order.

    `entering` is told the role before each is loaded and before each is first called, and None when all have been.
    Files that were `verified` before are not verified again. Raises ArtifactError when a file cannot be run with
    `batch` samples a call, or the two take different samples.
    """

    def load(role: str) -> Any:
        entering(role)
        way = (running or {}).get("head" if role == "head" else "base")
        return _load(sources[role], copies[role], threads, batch, verified, way)

    sources = {"base": base, "head": head, "copy": base}
    with tempfile.TemporaryDirectory(prefix="optkit-ab-") as folder:
        copies = {role: _copy(path, Path(folder) / f"{role}{path.suffix}") for role, path in sources.items()}
        runners = {role: load(role) for role in load_order}
        shapes, others = runners["base"].sample_shapes, runners["head"].sample_shapes
        _ = runners["copy"].sample_shapes  # the names of several inputs are read while the copies are there
    if shapes != others:
        raise ArtifactError(
            f"{base} takes samples of shape {_told(shapes)} and {head} of shape {_told(others)}; compare two forms of "
            "one model"
        )
    rng = np.random.default_rng(0)
    x = {name: rng.random((batch, *shape), np.float32) for name, shape in shapes.items()}
    calls = {role: _caller(runner, runner.prepare(x if len(x) > 1 else x[""])) for role, runner in runners.items()}
    for role, call in calls.items():
        entering(role)
        call()
    entering(None)
    return calls


def _told(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}".lstrip() for name, shape in shapes.items())


def _copy(path: Path, to: Path) -> Path:
    """Copy a model, so that all three have paths of one length.

    A longer one shifts what is allocated after it: with longer paths for base and head, a model of 8 µs a call was
    0.5 to 1 % slower than its copy, and being loaded first was worth 2 %.
    """
    try:
        to.write_bytes(path.read_bytes())
    except OSError as error:
        raise ArtifactError(f"{path} cannot be copied: {error.strerror}; give a .tflite file") from error
    return to


def _is_keras(path: Path) -> bool:
    return path.suffix == ".h5"


def _load(source: Path, copy: Path, threads: int, batch: int, verified: bool, way: Running | None) -> Any:
    try:
        if _is_keras(copy):
            from optkit.runtime.keras_runner import KerasRunner

            return KerasRunner(copy, threads=threads, batch=batch)
        from optkit.runtime import TFLiteRunner

        if way is None or way.plain:
            return TFLiteRunner(copy, threads=threads, batch=batch, verified=verified)
        from optkit.runtime.chosen import loader

        return loader(way)(copy, threads=threads, batch=batch)
    except ArtifactError as error:
        raise ArtifactError(str(error).replace(str(copy), str(source))) from error


def in_calling_thread(way: Running) -> bool:
    """Tell whether a runtime with one thread does all its work in the thread that calls it."""
    if way.plain:
        return True
    from optkit.runtime.chosen import check_running

    return check_running(way).cpu_time


def _caller(runner: Any, prepared: Any) -> Call:
    return lambda: runner.invoke(prepared)
