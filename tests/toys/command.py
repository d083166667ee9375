"""A toy command: build the toy suite, and say what came of each of the other toys."""

import argparse
import warnings
from typing import Any

import numpy as np

from optkit import KerasWorkers, Store, TFLiteRunner, build_variants, gather, open_suite
from optkit.commands.command import Command, add_store
from optkit.judge.gates import value_of
from optkit.runtime.chosen import loader
from optkit.spec.running import Running


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    suite, dataset = open_suite("toy")
    store = Store(options.store)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        artifacts = build_variants(suite, suite.variants, dataset, store)
    with KerasWorkers() as workers:
        facts = gather(suite, artifacts, dataset, store, workers)
    found = {}
    for name in ("plain", "changed"):
        found[name] = _scores(TFLiteRunner(artifacts[name].path, batch=len(dataset.x_test)), dataset)
    running = Running(runtime="toy", settings={"factor": 7.0})
    found["in_toy"] = _scores(loader(running)(artifacts["plain"].path, batch=len(dataset.x_test)), dataset)
    result = {
        "data": dataset.facts["name"],
        "network": suite.workload.network.name,
        "factor": float(np.median(found["changed"] / found["plain"])),
        "in_toy": float(np.median(found["in_toy"] / found["plain"])),
        "metric": value_of(facts["changed"], "toy"),
        "file_bytes": facts["changed"].artifact.file_bytes,
        "gates": [gate.metric for gate in suite.gates],
        "warned": [str(one.message) for one in warned if one.category.__name__ == "PreflightWarning"],
    }
    return result, "", 0


def _scores(runner: Any, dataset: Any) -> Any:
    return runner.scores(runner.invoke(runner.prepare(dataset.x_test)))


TOY = Command("try the toys", "optkit toy", add_store, _run)
