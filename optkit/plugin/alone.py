"""Time a .tflite file that is of no suite: the `optkit_benchmark` fixture."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.build.artifact import zipped_bytes
from optkit.data.dataset import count
from optkit.errors import OptkitError, check_name
from optkit.measure.clocks import clock_for
from optkit.measure.latency import Strategy, TFLiteJob
from optkit.plugin.timing import Case, TimedJob, time_job, timing_of
from optkit.record.facts import SCHEMA, ArtifactFacts, DatasetFacts, VariantFacts
from optkit.record.gather import runtime_of
from optkit.record.run import extra_info
from optkit.spec.keys import file_sha256
from optkit.tflite.trial import check_runs
from optkit.tflite.weights import weights_of

_NO_DATA = DatasetFacts(name="none", digest=hashlib.sha256(b"").hexdigest(), train=0, test=0)
_FIRST = pytest.StashKey[dict[str, VariantFacts]]()
"""The first file of each test module: the baseline of its records."""


def benchmark_alone(path: Path, x: Any, threads: int, benchmark: Any, request: pytest.FixtureRequest) -> Any:
    """Time one call of the .tflite file at `path` over all of `x`, and keep its record; return the outputs.

    The record is of a suite that is called as the test module. Its variant is the file's name, and its baseline the
    first file that the module times. Accuracy is not measured.
    """
    check_runs(path, threads=threads)
    facts, baseline = _facts(path, request)
    samples = count(x)
    x = x if isinstance(x, dict) else np.asarray(x)
    mode = "single_sample" if samples == 1 else "single_batch"
    job = TFLiteJob(path, x, Strategy(name="loop", batch=samples, interpreters=1, threads=threads))
    try:
        job.run()
        name, clock = clock_for(threads=threads, tflite=True)
        case = Case(facts.variant, mode, threads)
        timed = TimedJob(case, job, None, samples, samples, clock if name == "cpu" else None)
        beside = time_job(timed, benchmark, request.config)
        if beside:
            timing = timing_of(timed, beside, benchmark, {})
            benchmark.extra_info["optkit"] = extra_info(facts, timing, baseline)
        return job.scores()
    finally:
        job.close()


def _facts(path: Path, request: pytest.FixtureRequest) -> tuple[VariantFacts, str]:
    """Return what is known of the file, and the name of the baseline: the first file of this test module."""
    suite = request.path.stem
    check_name(suite, "test module", OptkitError)
    check_name(path.stem, "file", OptkitError)
    firsts = request.config.stash.setdefault(_FIRST, {})
    sha256, size = file_sha256(path), zipped_bytes(path)
    facts = VariantFacts(
        schema=SCHEMA,
        suite=suite,
        suite_path=None,
        variant=path.stem,
        kind="tflite",
        dataset=_NO_DATA,
        artifact=ArtifactFacts(
            key=sha256, sha256=sha256, file_bytes=path.stat().st_size, zip_bytes=size, size_ratio=1.0
        ),
        runtime=runtime_of("tflite"),
        accuracy=None,
        accuracy_drop=None,
        correct=None,
        weights=weights_of(path),
        spec={},
    )
    first = firsts.setdefault(suite, facts)
    ratio = first.artifact.zip_bytes / size
    return dataclasses.replace(facts, artifact=dataclasses.replace(facts.artifact, size_ratio=ratio)), first.variant
