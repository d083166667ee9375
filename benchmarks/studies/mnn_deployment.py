"""Measure what MNN makes of float .tflite files: size, accuracy, CPU time and memory. Writes docs/results/mnn.json.

    python -m benchmarks.studies.mnn_deployment mnist:float_tflite cifar10_resnet:quick:slimmed_50_distilled

A model is SUITE:VARIANT of a float variant that is built already (`optkit build`), in the store of --store. Calibration
is on its training samples. Times are CPU times on one thread, one sample a call; all files of a model are timed in
turns, and a ratio is the median over turns. Memory is what a process grows by when it loads and runs the file.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.studies.pages import markdown
from optkit.build.artifact import zipped_bytes
from optkit.build.builder import find_variants
from optkit.build.store import Store
from optkit.convert.mnn import CALIBRATED, MNNConversion, Quantization
from optkit.convert.mnn_session import mnn_version
from optkit.errors import BuildError
from optkit.runtime.litert import TFLiteRunner, runtime_version
from optkit.runtime.mnn import MNNRunner
from optkit.runtime.mnn_files import make_mnn
from optkit.suites import open_suite

RESULTS = Path("docs/results/mnn.json")
SCHEMA = 1
QUANTIZATIONS: tuple[Quantization, ...] = ("none", "weight_8", "weight_4", "kl", "admm", "ema")
TURNS = 41
SECONDS = 0.02
MEMORY_PROCESSES = 5
_MEMORY = """
import sys
from pathlib import Path
import numpy as np
from optkit.runtime.{module} import {runner}
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
x = np.zeros(1, np.float32)
import {engine}
before = resident()
runner = {runner}(Path(sys.argv[1]))
shape = tuple(int(size) for size in sys.argv[2].split(","))
for _ in range(3):
    runner.invoke(runner.prepare(np.zeros((1, *shape), np.float32)))
print(resident() - before)
"""


def main() -> int:
    """Measure the models, add them to the saved results, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="SUITE:VARIANT")
    parser.add_argument("--store", type=Path)
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    saved: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"schema": SCHEMA, "models": {}}
    for model in options.models:
        suite, _, variant = model.rpartition(":")
        saved["models"][model] = measure(suite, variant, Store(options.store), options.turns)
        RESULTS.write_text(json.dumps(saved, indent=1) + "\n")
    print(tables(saved))
    return 0


def measure(suite_name: str, variant_name: str, store: Store, turns: int) -> dict[str, Any]:
    """Return what was measured of the variant's float file, in LiteRT and in MNN."""
    suite, dataset = open_suite(suite_name)
    found = find_variants(suite, [suite.variant(variant_name)], dataset, store)
    if variant_name not in found:
        raise BuildError(f"{suite_name}:{variant_name} is not in the store; build it: optkit build {suite_name}")
    model = found[variant_name].path
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Path | str] = {"litert": model}
        for quantization in QUANTIZATIONS:
            path = Path(folder) / f"{quantization}.mnn"
            samples = dataset.x_train if quantization in CALIBRATED else None
            try:
                path.write_bytes(make_mnn(model, MNNConversion(quantization=quantization), samples))
                files[quantization] = path
            except BuildError as error:
                files[quantization] = str(error).replace(str(model), "the file")
        paths = {name: path for name, path in files.items() if isinstance(path, Path)}
        x, y = np.asarray(dataset.x_test), np.asarray(dataset.y_test)
        rows: dict[str, Any] = {name: {"refused": told} for name, told in files.items() if isinstance(told, str)}
        ratios = _ratios(paths, x, turns)
        for name, path in paths.items():
            rows[name] = {
                "file_bytes": path.stat().st_size,
                "zip_bytes": zipped_bytes(path),
                "correct": _correct(path, x, y),
                "cpu_ratio": ratios[name],
                "grown_bytes": _grown(path, x.shape[1:]),
            }
    about = {"mnn": mnn_version(), "litert": runtime_version(), "numpy": np.__version__, "machine": platform.machine()}
    data = {"train": len(dataset.x_train), "test": len(x)}
    return {"versions": about, "data": data, "turns": turns, "rows": {name: rows[name] for name in files}}


def _runner(path: Path, batch: int) -> Any:
    return MNNRunner(path, batch=batch) if path.suffix == ".mnn" else TFLiteRunner(path, batch=batch)


def _correct(path: Path, x: Any, y: Any) -> int:
    """Return how many test samples the file classifies correctly."""
    batch = 100
    runner = _runner(path, batch)
    total = 0
    for start in range(0, len(x), batch):
        rows = np.resize(np.arange(start, min(start + batch, len(x))), batch)
        scores = runner.scores(runner.invoke(runner.prepare(x[rows])))
        hits = scores.argmax(axis=1) == y[rows].reshape(-1)
        total += int(hits[: len(x) - start].sum())
    return total


def _ratios(paths: Mapping[str, Path], x: Any, turns: int) -> dict[str, list[float]]:
    """Return the CPU time of a call over that of MNN's float file: lower quartile, median, upper quartile of turns."""
    calls: dict[str, Callable[[], float]] = {}
    for name, path in paths.items():
        runner = _runner(path, 1)
        calls[name] = _timed(runner, runner.prepare(x[:1]))
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(turns):
        order = list(calls) if turn % 2 else list(reversed(calls))
        times = {name: calls[name]() for name in order}
        for name, seconds in times.items():
            found[name].append(seconds / times["none"])
    return {
        name: [round(float(v), 3) for v in np.quantile(values, (0.25, 0.5, 0.75))] for name, values in found.items()
    }


def _timed(runner: Any, prepared: Any) -> Callable[[], float]:
    """Return what measures the CPU seconds of one call, over so many calls as take some time together."""
    runner.invoke(prepared)
    began = time.perf_counter()
    for _ in range(5):
        runner.invoke(prepared)
    calls = max(5, int(5 * SECONDS / (time.perf_counter() - began)))

    def measured() -> float:
        began = time.process_time()
        for _ in range(calls):
            runner.invoke(prepared)
        return (time.process_time() - began) / calls

    return measured


def _grown(path: Path, shape: tuple[int, ...]) -> list[int]:
    """Return by how many bytes a process grew that loaded the file and ran it: least, median, most of several."""
    mnn = path.suffix == ".mnn"
    kind = {"module": "mnn", "runner": "MNNRunner", "engine": "_mnncengine"}
    other = {"module": "litert", "runner": "TFLiteRunner", "engine": "ai_edge_litert.interpreter"}
    code = _MEMORY.format(**(kind if mnn else other))
    command = [sys.executable, "-c", code, str(path), ",".join(map(str, shape))]
    grown = [
        int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1])
        for _ in range(MEMORY_PROCESSES)
    ]
    return [min(grown), sorted(grown)[len(grown) // 2], max(grown)]


def tables(saved: Mapping[str, Any]) -> str:
    """Return the results as Markdown: a table for each model."""
    return "\n\n".join(table(name, found) for name, found in saved["models"].items())


def table(name: str, found: Mapping[str, Any]) -> str:
    """Return one model's table: sizes, accuracy, drop against MNN's float file, time and memory."""
    rows, test = found["rows"], found["data"]["test"]
    base = rows["none"]
    head = ["file", "bytes", "zipped", "smaller by", "accuracy", "points lost", "CPU time", "grows by, KB"]
    lines = []
    for key, row in rows.items():
        label = f"LiteRT {found['versions']['litert']}, float" if key == "litert" else f"MNN, {key}"
        if "refused" in row:
            lines.append([label, "refused", "-", "-", "-", "-", "-", "-"])
            continue
        lines.append(
            [
                label,
                f"{row['file_bytes']:,}",
                f"{row['zip_bytes']:,}",
                f"{base['zip_bytes'] / row['zip_bytes']:.2f}",
                f"{row['correct'] / test:.4f}",
                f"{100 * (base['correct'] - row['correct']) / test:+.2f}",
                f"{row['cpu_ratio'][1]:.2f} ({row['cpu_ratio'][0]:.2f} to {row['cpu_ratio'][2]:.2f})",
                f"{row['grown_bytes'][1] / 1000:,.0f}",
            ]
        )
    data = found["data"]
    title = f"`{name}`, {data['train']:,} training and {data['test']:,} test samples:"
    return f"{title}\n\n{markdown.table(head, *lines)}"


if __name__ == "__main__":
    raise SystemExit(main())
