"""A process that makes stages, one at a time: one JSON request a line on standard input, JSON lines on output.

The first request says which build it is (`Job`). Each one after that names a variant to check or a stage to make. It is
answered by lines on the progress and one that ends it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from optkit.build.artifact import Progress
from optkit.build.builder import Build, check_recipe, make_stage
from optkit.build.graph import graph
from optkit.build.job import Job
from optkit.build.shared import open_store
from optkit.build.stage import Stage
from optkit.build.stages import stages
from optkit.errors import OptkitError
from optkit.keras.tensorflow import set_threads
from optkit.process.exchange import answering
from optkit.process.temporary import temporary_folder
from optkit.suites import open_suite

Tell = Callable[[dict[str, Any]], None]


def main() -> None:
    """Serve requests until standard input ends."""
    answers = answering()

    def tell(answer: dict[str, Any]) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    job = msgspec.json.decode(sys.stdin.readline(), type=Job)
    with temporary_folder("build") as folder:
        tempfile.tempdir = str(folder)  # TensorFlow's converter writes its own temporary files
        serve(job, (json.loads(line) for line in sys.stdin), tell)


def serve(job: Job, requests: Iterable[dict[str, Any]], tell: Tell) -> None:
    """Do what `requests` ask for of the build `job`, and `tell` what came of each."""
    build: Build | None = None
    lasts: dict[str, Stage] = {}
    known: dict[str, Stage] = {}
    for request in requests:
        try:
            if build is None:
                build = _opened(job, tell)
                chosen = build.suite.select(job.variants)
                lasts = {variant.name: stages(build.suite, variant, build.dataset.digest) for variant in chosen}
                known = graph(lasts.values())
            if "check" in request:
                name = request["check"]
                tell({"done": check_recipe(build, build.suite.variant(name), lasts[name])})
            elif request["make"] not in known:
                raise OptkitError("the suite, its model or its data changed while it was built; build it again")
            else:
                make_stage(build, known[request["make"]])
                tell({"done": []})
        except OptkitError as error:
            tell({"error": str(error)})
        except Exception as error:
            tell({"defect": f"{type(error).__name__}: {error}"})


def _opened(job: Job, tell: Tell) -> Build:
    if job.threads:
        set_threads(job.threads)
    suite, dataset = open_suite(job.suite, job.data, variants=job.variants, allowed=job.allowed)
    progress = Progress(
        begin=lambda stage: tell({"begin": stage}),
        epoch=lambda epoch, epochs, logs: tell({"epoch": [epoch, epochs, {k: float(v) for k, v in logs.items()}]}),
        end=lambda stage: tell({"end": stage}),
    )
    return Build(suite, dataset, open_store(job.store), progress, Path(job.log_dir) if job.log_dir else None)
