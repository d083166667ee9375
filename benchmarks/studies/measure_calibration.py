"""Measure the accuracy of int8 with each calibration method, on several networks and several draws of samples.

python -m benchmarks.studies.measure_calibration measure mnist:float_tflite cifar10_resnet@quick:slimmed_50 -o f.json
python -m benchmarks.studies.measure_calibration table f.json [before.json] docs/evidence/techniques.md

A network is `suite[@profile]:variant` of a float .tflite variant, which is built first where the store lacks it. All
methods quantize the same float file with the same quantizer: only the ranges differ. Of CIFAR-10, `--test` images are
classified, by default all, also where the suite takes fewer. Networks that the output file already holds are left out,
so that an interrupted run goes on. The table compares KL with the better of min-max and L2, draw by draw.
"""

import argparse
import datetime
import importlib.metadata
import json
import platform
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import cpuinfo
import numpy as np

from benchmarks.studies.publish import replace_between
from optkit import Store, TFLiteRunner, build_variants, open_suite
from optkit.convert.quantizer import quantize
from optkit.data import Dataset, load_dataset
from optkit.measure.accuracy import classify
from optkit.report.progress import shown_progress
from optkit.spec import Conversion
from optkit.tflite.mend import mend

METHODS = ("min_max", "l2", "kl", "percentile", "moving_average")
LIBRARIES = ("ai-edge-litert", "litert-quantizer", "tf_keras", "tensorflow", "numpy")


def built(network: str, store: Store, test: int) -> tuple[bytes, Dataset, str]:
    """Return the float .tflite file of `network`, its data with `test` test images (0: all), and its task."""
    name, variant = network.split(":")
    suite, dataset = open_suite(name.replace("@", ":"))
    with shown_progress() as progress:
        artifact = build_variants(suite, suite.select((variant,)), dataset, store, progress)[variant]
    source = suite.workload.dataset
    if "test_samples" in source.params:
        dataset = load_dataset(source.name, **{**source.params, "test_samples": test})
    return mend(artifact.path.read_bytes()), dataset, suite.workload.task  # the quantizer needs all names


def accuracy(model: bytes, dataset: Dataset, task: Any) -> float:
    """Return the share of all test samples that the .tflite `model` classifies correctly."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(model)
        x, right = dataset.x_test, 0
        for size, starts in ((100, range(0, len(x) // 100 * 100, 100)), (1, range(len(x) // 100 * 100, len(x)))):
            runner = TFLiteRunner(path, batch=size)
            for start in starts:
                scores = runner.scores(runner.invoke(runner.prepare(x[start : start + size])))
                right += int((classify(scores, task) == dataset.y_test[start : start + size]).sum())
    return right / len(x)


def int8(model: bytes, dataset: Dataset, method: Any, seed: int, samples: int) -> bytes:
    """Return the float .tflite `model` as int8, calibrated on `samples` training samples drawn with `seed`."""
    x = dataset.x_train
    chosen = np.random.default_rng(seed).permutation(len(x))[:samples]
    return quantize(model, Conversion(mode="int8", calibration=method), [], lambda: (x[i : i + 1] for i in chosen))


def measure(options: argparse.Namespace) -> None:
    """Measure the networks, method by method and draw by draw, and keep all of it as JSON."""
    found: dict[str, Any] = {"schema": 1, "networks": {}}
    if options.output.exists():
        found = json.loads(options.output.read_text())
    found["conversion_version"] = Conversion.version
    found["made"] = datetime.date.today().isoformat()
    found["machine"] = f"{cpuinfo.get_cpu_info().get('brand_raw')}, Python {platform.python_version()}"
    found["libraries"] = {name: importlib.metadata.version(name) for name in LIBRARIES}
    for network in options.networks:
        if network in found["networks"]:
            continue
        model, dataset, task = built(network, Store(options.store), options.test)
        one: dict[str, Any] = {"data": dataset.facts, "samples": options.samples}
        one["float"] = accuracy(model, dataset, task)
        one["int8"] = {
            method: [
                accuracy(int8(model, dataset, method, seed, options.samples), dataset, task)
                for seed in range(1, options.seeds + 1)
            ]
            for method in options.methods.split(",")
        }
        print(network, json.dumps(one), flush=True)
        found["networks"][network] = one
        options.output.write_text(json.dumps(found, indent=1) + "\n")


def table(options: argparse.Namespace) -> None:
    """Put the table of one file of `measure`, and KL's column of an older one, into a document."""
    found = json.loads(options.found[0].read_text())
    before = json.loads(options.found[1].read_text()) if options.found[1:] else None
    older = f" | kl before (version {before['conversion_version']})" if before else ""
    methods = next(iter(found["networks"].values()))["int8"]
    lines = [f"| network | draws of samples | test images | float | {' | '.join(methods)} | KL's worst gap{older} |"]
    lines.append("|---" * lines[0].count(" | ") + "|---|")
    gaps = defaultdict(float)
    for network, one in found["networks"].items():
        by_method = one["int8"]
        draws = zip(by_method["min_max"], by_method["l2"], by_method["kl"], strict=True)
        gaps[network] = max(max(first, second) - kl for first, second, kl in draws)
        cells = [
            network,
            f"{len(by_method['kl'])} of {one['samples']}",
            f"{one['data']['test']:,}",
            f"{one['float']:.4f}",
        ]
        cells += [_spread(by_method[method]) for method in methods]
        cells.append(f"{gaps[network]:+.4f}")
        if before:
            cells.append(_spread(before["networks"][network]["int8"]["kl"]) if network in before["networks"] else "")
        lines.append(f"| {' | '.join(cells)} |")
    libraries = ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    head = f"Measured on {found['machine']}; {libraries}; {found['made']}."
    replace_between(options.document, "calibration", "\n".join([head, "", *lines]))
    print(f"KL's worst gap: {max(gaps.values()):+.4f}, {max(gaps, key=lambda name: gaps[name])}")


def _spread(accuracies: list[float]) -> str:
    return f"{np.mean(accuracies):.4f} ({min(accuracies):.4f})"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("measure")
    one.set_defaults(run=measure)
    one.add_argument("networks", nargs="+")
    one.add_argument("--methods", default=",".join(METHODS))
    one.add_argument("--seeds", type=int, default=3, help="how many draws of calibration samples")
    one.add_argument("--samples", type=int, default=300, help="samples in each draw")
    one.add_argument("--test", type=int, default=0, help="test images of CIFAR-10 (0: all)")
    one.add_argument("--store", type=Path)
    one.add_argument("-o", "--output", type=Path, required=True)
    two = commands.add_parser("table")
    two.set_defaults(run=table)
    two.add_argument("found", type=Path, nargs="+")
    two.add_argument("document", type=Path)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
