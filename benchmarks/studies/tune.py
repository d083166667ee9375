"""Does `optkit tune` ever recommend what a later comparison calls slower? Ten files, two modes, fresh processes.

    python -m benchmarks.studies.tune make FOLDER           # write the files: networks with random weights
    python -m benchmarks.studies.tune run FOLDER [NAME …]   # tune each, compare again; docs/results/tune.json
    python -m benchmarks.studies.tune table                 # put the table into docs/evidence/tune.md

Each file is tuned for one sample and for 32 on one thread. Then new processes time the settings that came closest
against the defaults, whether they were recommended or not, by the test of `optkit ab`. What is found is kept a file at
a time. All times are CPU time. An hour on two shared cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.studies.publish import replace_between
from optkit import Conversion
from optkit.convert import convert
from optkit.judge.ab import Judgement, compare_pairs
from optkit.judge.pairs import Pair
from optkit.judge.tolerances import Tolerances
from optkit.judge.tune import MODES, Tuning, tune
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process
from optkit.models import NETWORKS
from optkit.report.words import spoken
from optkit.spec.running import Running, said

FOUND = Path("docs/results/tune.json")
TABLE = Path("docs/evidence/tune.md")
SCHEMA = 1
BUDGET = 12.0
_SMALL = 1 << 20
"""Bytes. A batch through a larger file takes half a second here, and a process half a minute."""
FILES: dict[str, tuple[str, dict[str, Any], str]] = {
    "mnist_conv_float32": ("mnist_conv", {}, "float32"),
    "mnist_conv_int8": ("mnist_conv", {}, "int8"),
    "mnist_conv_dynamic_range": ("mnist_conv", {}, "dynamic_range"),
    "mnist_bn_float32": ("mnist_bn", {}, "float32"),
    "mnist_bn_int8": ("mnist_bn", {}, "int8"),
    "quickdraw_conv_int8": ("quickdraw_conv", {}, "int8"),
    "resnet_20_float32": ("resnet_preact", {"depth": 20, "width": 0.5}, "float32"),
    "resnet_20_int8": ("resnet_preact", {"depth": 20, "width": 0.5}, "int8"),
    "mobilenet_v1_96_float32": ("mobilenet_v1", {"size": 96}, "float32"),
    "mobilenet_v1_96_int8": ("mobilenet_v1", {"size": 96}, "int8"),
}


def make(folder: Path) -> None:
    """Write the files. Their weights are random: what a call takes does not depend on them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (network, parameters, mode) in FILES.items():
        model = NETWORKS[network].build(**parameters)
        samples = np.random.default_rng(0).random((20, *model.input_shape[1:]), np.float32)
        conversion = Conversion(mode=mode)  # type: ignore[arg-type]
        (folder / f"{name}.tflite").write_bytes(convert(model, conversion, samples))
        print(name, file=sys.stderr)


def run(folder: Path, names: list[str]) -> None:
    """Tune and compare each file, and save what was found after each."""
    saved: dict[str, Any] = {"schema": SCHEMA, "files": {}}
    if FOUND.exists():
        saved = json.loads(FOUND.read_text())
    for name in names or list(FILES):
        saved["made"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
        saved["processor"] = _processor()
        path = folder / f"{name}.tflite"
        modes = MODES if path.stat().st_size < _SMALL else MODES[:1]
        saved["files"][name] = {mode: _one(path, mode) for mode in modes}
        FOUND.write_text(json.dumps(saved, indent=1) + "\n")
        print(name, {mode: one["best"] for mode, one in saved["files"][name].items()}, file=sys.stderr)


def _one(path: Path, mode: Any) -> dict[str, Any]:
    found = tune(path, mode=mode, seconds=BUDGET)
    tested = [one for one in found.tried if one.judgement]
    nearest = found.chosen or min(tested, key=lambda one: one.ratio or 1.0, default=None)
    later = _later(path, found, nearest.settings) if nearest else None
    return {
        "best": dict(found.best),
        "samples": found.samples,
        "version": found.version,
        "seconds": found.seconds,
        "tried": msgspec.to_builtins(found.tried),
        "again": {"settings": dict(nearest.settings), **msgspec.to_builtins(later)} if nearest and later else None,
    }


def _later(path: Path, found: Tuning, settings: Mapping[str, Any]) -> Judgement:
    """Compare these settings with the defaults again, in other processes."""
    sides = {"base": Running(), "head": Running(settings=settings)}

    def measure(pair: Pair, number: int) -> PairedTiming:
        return run_process(path, path, number=number, threads=1, batch=found.samples, running=sides)

    [judged] = compare_pairs([Pair(path.stem, path, path)], measure, Tolerances(), 2 * BUDGET)
    return judged


def table() -> str:
    """Return the table of what was saved."""
    saved = json.loads(FOUND.read_text())
    lines = [
        "| file | samples a call | defaults | recommended | time / defaults | closest | again | verdict then |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, modes in saved["files"].items():
        for one in modes.values():
            again = one["again"]
            best = next((t for t in one["tried"] if t["settings"] == one["best"]), None)
            ratio = f"{best['judgement']['low']:.3f} to {best['judgement']['high']:.3f}" if best else "1"
            cells = [name, one["samples"], f"{1e6 * one['seconds']:.4g} µs", _code(one["best"]), ratio]
            cells += (
                [_code(again["settings"]), f"{again['ratio']:.3f}", spoken("seconds", again["verdict"])]
                if again
                else ["", "", ""]
            )
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", f"{saved['processor']}, {saved['made'][:10]}."])


def _code(settings: Mapping[str, Any]) -> str:
    return f"`{said(settings)}`" if settings else "defaults"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def main() -> None:
    """Do what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=("make", "run", "table"))
    parser.add_argument("folder", type=Path, nargs="?", default=Path("out/tune"))
    parser.add_argument("names", nargs="*", help="of files (all)")
    options = parser.parse_args()
    if options.what == "make":
        make(options.folder)
    elif options.what == "run":
        run(options.folder, options.names)
    else:
        replace_between(TABLE, "tune", table())


if __name__ == "__main__":
    main()
