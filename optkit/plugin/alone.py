"""Time a .tflite file that is of no suite: the `optkit_benchmark` fixture."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.build.artifact import zipped_bytes
from optkit.data.dataset import count
from optkit.errors import DataError, OptkitError, check_name
from optkit.measure.clocks import clock_for
from optkit.measure.latency import Strategy, TFLiteJob
from optkit.plugin.bench import failing
from optkit.plugin.running import Case
from optkit.plugin.timing import TimedJob, time_job, timing_of
from optkit.record.facts import SCHEMA, ArtifactFacts, DatasetFacts, VariantFacts
from optkit.record.gather import runtime_of
from optkit.record.run import extra_info
from optkit.spec.keys import file_sha256
from optkit.tflite.trial import check_runs
from optkit.tflite.weights import weights_of

_NO_DATA = DatasetFacts(name="none", digest=hashlib.sha256(b"").hexdigest(), train=0, test=0)


@dataclass
class _Kept:
    """What the records of a session must agree on: the first zip size of a suite, the file and test behind a name."""

    baselines: dict[str, tuple[str, int]] = field(default_factory=dict)
    files: dict[tuple[str, str], str] = field(default_factory=dict)
    tests: dict[tuple[str, Case], str] = field(default_factory=dict)


_KEPT = pytest.StashKey[_Kept]()


@dataclass(frozen=True, kw_only=True)
class Call:
    """What `optkit_benchmark` was given. `name` and `suite` are those of its record."""

    path: Path
    x: Any
    threads: int
    name: str
    suite: str


def benchmark_alone(call: Call, benchmark: Any, request: pytest.FixtureRequest) -> Any:
    """Time one call of a .tflite file over all samples, and keep its record; return the outputs.

    The baseline of a suite's records is the first file that is timed for it. Accuracy is not measured. What is wrong
    with the call fails the test in one line.
    """
    with failing():
        return _benchmark(call, benchmark, request)


def _benchmark(call: Call, benchmark: Any, request: pytest.FixtureRequest) -> Any:
    x, samples = _samples(call.x)
    check_runs(call.path, threads=call.threads)
    case = Case(call.name, "single_sample" if samples == 1 else "single_batch", call.threads)
    sha256 = file_sha256(call.path)
    kept = request.config.stash.setdefault(_KEPT, _Kept())
    _check_alone(call, case, sha256, kept, request.node.nodeid)
    job = TFLiteJob(call.path, x, Strategy(name="loop", batch=samples, interpreters=1, threads=call.threads))
    try:
        job.run()
        name, clock = clock_for(threads=call.threads, tflite=True)
        timed = TimedJob(case, job, None, samples, samples, clock if name == "cpu" else None)
        beside = time_job(timed, benchmark, request.config)
        if beside:
            size = zipped_bytes(call.path)
            baseline, first = kept.baselines.setdefault(call.suite, (call.name, size))
            facts = _facts(call, sha256, size, first / size)
            benchmark.extra_info["optkit"] = extra_info(facts, timing_of(timed, beside, benchmark, {}), baseline)
        return job.scores()
    finally:
        job.close()


def _samples(x: Any) -> tuple[Any, int]:
    """Return the samples as an array, or as arrays by input name, and how many there are."""
    x = {name: np.asarray(array) for name, array in x.items()} if isinstance(x, Mapping) else np.asarray(x)
    for name, array in x.items() if isinstance(x, dict) else [("x", x)]:
        if array.ndim == 0 or not len(array):
            raise DataError(f"{name} has shape {array.shape}; expected at least one sample: (samples, ...)")
    return x, count(x)


def _check_alone(call: Call, case: Case, sha256: str, kept: _Kept, test: str) -> None:
    """Raise OptkitError when a name is no name, or another call has it: two records would be taken for one."""
    check_name(call.suite, "suite", OptkitError)
    check_name(call.name, "variant", OptkitError)
    hint = f"give each a name of its own: optkit_benchmark({call.path.name!r}, x, name=...)"
    if kept.files.setdefault((call.suite, call.name), sha256) != sha256:
        raise OptkitError(f"two files are called {call.name!r} in suite {call.suite!r}; {hint}")
    other = kept.tests.setdefault((call.suite, case), test)
    if other != test:
        raise OptkitError(
            f"{call.name!r} is timed twice ({case.mode}, threads {case.threads}) in suite {call.suite!r}, the first "
            f"time by {other}; {hint}"
        )


def _facts(call: Call, sha256: str, zip_bytes: int, size_ratio: float) -> VariantFacts:
    return VariantFacts(
        schema=SCHEMA,
        suite=call.suite,
        suite_path=None,
        variant=call.name,
        kind="tflite",
        dataset=_NO_DATA,
        artifact=ArtifactFacts(
            key=sha256,
            sha256=sha256,
            file_bytes=call.path.stat().st_size,
            zip_bytes=zip_bytes,
            size_ratio=size_ratio,
        ),
        runtime=runtime_of("tflite"),
        accuracy=None,
        accuracy_drop=None,
        correct=None,
        weights=weights_of(call.path),
        spec={},
    )
