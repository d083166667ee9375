"""Train the distilled student of `mnist_distillation:paper` with other seeds, once and once more.

The document's log has its student at 0.9771 on average over the first epoch, where the same student on the labels alone
begins with 0.9292: did it learn before? So each student here is distilled for three epochs from its first weights, and
then for three more. The teacher stays the one in the store (seed 1), as the document has one teacher. A seed draws the
student's first weights and the order of its batches; all else is the suite's. Needs TensorFlow and full MNIST.

OPTKIT_DATA=data python -m benchmarks.studies.distillation_seeds 1-8 docs/results/distillation_seeds.json
"""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from optkit.build.builder import build_variants
from optkit.build.stages import stages
from optkit.build.store import Store, default_root
from optkit.keras.files import load_model
from optkit.keras.tensorflow import make_deterministic
from optkit.suites import open_suite
from optkit.training.context import TrainingContext

SUITE = "mnist_distillation:paper"


def main(seeds: str, target: str) -> None:
    """Train a student for each seed of the range `seeds`, such as 1-10; write what came out to `target`."""
    first, last = map(int, seeds.split("-"))
    suite, data = open_suite(SUITE, "full")
    student, teacher = suite.select(("student_distilled",))[0], suite.select(("teacher",))[0]
    made = build_variants(suite, [teacher], data, Store(default_root()))["teacher"]
    outputs = load_model(made.path).predict(data.x_train, batch_size=256, verbose=0)
    stage = stages(suite, student, data.digest)
    rounds: list[dict[str, Any]] = []
    for seed in range(first, last + 1):
        make_deterministic(seed)
        assert stage.parent
        context = TrainingContext(x=data.x_train, y=data.y_train, task=suite.workload.known_task, seed=seed)
        model = stage.parent.make(None, context)
        for number in (1, 2):
            logs: list[float] = []
            model = stage.make(model, replace(context, outputs={"teacher": outputs}, on_epoch=_keep(logs)))
            scores = model.predict(data.x_test, batch_size=256, verbose=0)
            correct = int(np.sum(scores.argmax(axis=1) == data.y_test))
            rounds.append({"seed": seed, "round": number, "training_accuracy": logs, "correct": correct})
            print(rounds[-1], flush=True)
    result = {"schema": 1, "suite": SUITE, "teacher_sha256": made.sha256, "data": data.digest, "rounds": rounds}
    Path(target).write_text(json.dumps(result, indent=1) + "\n")


def _keep(logs: list[float]) -> Callable[[int, int, dict[str, float]], None]:
    return lambda epoch, epochs, found: logs.append(round(float(found["accuracy"]), 4))


if __name__ == "__main__":
    main(*sys.argv[1:])
