"""Put faults into networks, let `optkit doctor` look at each, and say how often it is right.

    python -m benchmarks.studies.doctor_faults measure mnist quickdraw -o found.jsonl
    python -m benchmarks.studies.doctor_faults table found.jsonl docs/evidence/doctor.md

A fault counts when it costs at least 2 points of accuracy, against the network's int8 file without it. One that costs
less is made worse, twice, and then left out (and counted as that). Cases that the file already holds are left out, so
that an interrupted run goes on. Nothing in the doctor was chosen by a single case: thresholds are round numbers, the
same for all.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.doctor_faults.edits import Impossible
from benchmarks.studies.doctor_faults.faults import FAULTS, Case, int8
from benchmarks.studies.doctor_faults.networks import MOBILENET, NETWORKS, load
from benchmarks.studies.publish import replace_between
from optkit import Store, diagnose
from optkit.data import Dataset
from optkit.doctor.quality import run_bytes
from optkit.errors import OptkitError
from optkit.process.temporary import temporary_folder
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.interface import interface_of

LEAST_LOSS = 0.02
COSTS_LITTLE = "costs less than 2 points"
TEST, SAMPLES = 500, 100


def accuracy(content: bytes, dataset: Dataset) -> float:
    """Return the share of test samples that a file classifies right."""
    names = tuple(spec.name for spec in interface_of(parse_flatbuffer(content), "it").inputs)
    [scores] = run_bytes(content, {names[0]: dataset.x_test[:TEST]}, names)
    if scores.shape[-1] == 1:
        return float(np.mean((scores.reshape(-1) >= 0.5) == dataset.y_test[:TEST]))
    return float(np.mean(scores.argmax(axis=-1) == dataset.y_test[:TEST]))


def make_case(content: bytes, dataset: Dataset, fault: str, seed: int, healthy: float) -> Case | None:
    """Return a case of a fault that costs enough; None when it does not, however bad.

    `healthy` is the accuracy of the network's int8 file without a fault.
    """
    make, causes = FAULTS[fault]
    for worse in (1.0, 2.0, 4.0):
        plain, quantized, layers = make(content, dataset.x_train, np.random.default_rng(seed), worse)
        if plain != content and abs(accuracy(plain, dataset) - accuracy(content, dataset)) > 0.5 * LEAST_LOSS:
            raise Impossible("it changes what the float file says")
        if healthy - accuracy(quantized, dataset) >= LEAST_LOSS:
            return Case(fault, seed, plain, quantized, layers, causes)
    return None


def judged(case: Case, dataset: Dataset, budget: float) -> dict[str, Any]:
    """Return what the doctor says of a case, and whether it is right."""
    with temporary_folder("faults") as folder:
        paths = folder / "float.tflite", folder / "int8.tflite"
        for path, data in zip(paths, (case.plain, case.quantized), strict=True):
            path.write_bytes(data)
        found = diagnose(*paths, dataset, budget=budget, samples=SAMPLES, test_samples=TEST)
    best = next((one for one in found.remedies if one.name == found.best), None)
    return {
        "float": found.plain.value,
        "int8": found.quantized.value,
        "expected_layers": case.layers,
        "expected_causes": case.causes,
        "layer": found.guilty,
        "cause": found.cause,
        "explanations": [[one.layer, one.cause, one.evidence] for one in found.explanations],
        "costs": [[cost.name, cost.alone.error] for cost in found.costs[:5]],
        "best": found.best,
        "changes": best.changes if best else None,
        "recovered": found.recovered,
        "layer_right": found.guilty in case.layers,
        "cause_right": found.cause in case.causes,
        "mended": (found.recovered or 0.0) >= 0.8,
        "seconds": round(found.seconds, 1),
    }


def measure(options: argparse.Namespace) -> None:
    """Measure every fault in the networks, and keep each case as a line of JSON."""
    done = set()
    if options.output.exists():
        lines = [json.loads(line) for line in options.output.read_text().splitlines()]
        done = {(line["network"], line["fault"], line["seed"]) for line in lines}
    store = Store(options.store)
    began = time.monotonic()
    for network in options.networks:
        content, dataset = load(network, store)
        healthy = accuracy(int8(content, dataset.x_train), dataset)
        for fault in options.faults.split(","):
            for seed in range(1, options.seeds + 1):
                if (network, fault, seed) in done or time.monotonic() - began > options.seconds:
                    continue
                line: dict[str, Any] = {"network": network, "fault": fault, "seed": seed, "healthy": healthy}
                try:
                    case = make_case(content, dataset, fault, seed, healthy)
                    line |= judged(case, dataset, options.budget) if case else {"left_out": COSTS_LITTLE}
                except (Impossible, OptkitError) as error:
                    line["left_out"] = str(error)
                with options.output.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                told = line.get("left_out") or [line[key] for key in ("layer", "cause", "best", "recovered")]
                print(network, fault, seed, line.get("layer_right"), line.get("cause_right"), told, flush=True)


def table(options: argparse.Namespace) -> None:
    """Put the tables of a file of `measure` into a document."""
    lines = [json.loads(line) for line in options.found.read_text().splitlines()]
    cases = [line for line in lines if "left_out" not in line]
    small = [line for line in lines if line.get("left_out") == COSTS_LITTLE]
    networks = list(dict.fromkeys(line["network"] for line in lines))
    head = (
        f"{len(lines)} faults were drawn. {len(lines) - len(cases) - len(small)} had no place in their network, and "
        f"{len(small)} cost less than {LEAST_LOSS * 100:.0f} points. The doctor looked at the other {len(cases)}."
    )
    parts = [head, "", *_rows("fault", FAULTS, cases), "", *_rows("network", networks, cases)]
    replace_between(options.document, "faults", "\n".join(parts))
    print("\n".join(parts))


def _rows(what: str, names: Iterable[str], cases: Sequence[dict[str, Any]]) -> list[str]:
    rows = [
        f"| {what} | cases | guilty layer first | right cause | 80 % of the loss given back |",
        "|---|---|---|---|---|",
    ]
    for name in [*names, ""]:  # the last is of all
        own = [line for line in cases if not name or line[what] == name]
        counts = [sum(line[key] for line in own) for key in ("layer_right", "cause_right", "mended")]
        shares = [str(count) if name else f"{count} ({count / len(own):.0%})" for count in counts]
        rows.append(f"| {name or 'all'} | {len(own)} | {' | '.join(shares)} |")
    return rows


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    one.set_defaults(run=measure)
    one.add_argument("networks", nargs="+", choices=(*NETWORKS, MOBILENET))
    one.add_argument("--faults", default=",".join(FAULTS))
    one.add_argument("--seeds", type=int, default=1)
    one.add_argument("--budget", type=float, default=30.0, help="of a diagnosis, in seconds")
    one.add_argument("--seconds", type=float, default=1e9, help="begin no case after so long")
    one.add_argument("--store", type=Path)
    one.add_argument("-o", "--output", type=Path, required=True)
    two = commands.add_parser("table")
    two.set_defaults(run=table)
    two.add_argument("found", type=Path)
    two.add_argument("document", type=Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
