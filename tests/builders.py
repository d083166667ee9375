"""What test modules share: records, runs, paired processes, files of a store, and processes that end."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from optkit import Evaluation, Run, VariantFacts, make_run
from optkit.build.saved import SavedArtifact, SavedBuild, SavedData
from optkit.judge.compare import Comparison, compare_runs
from optkit.judge.tolerances import Tolerances
from optkit.measure.paired import LOAD_ORDERS, PairedTiming
from optkit.record.chain import conversion_in
from optkit.record.facts import SCHEMA, ArtifactFacts, DatasetFacts, RuntimeFacts
from optkit.record.run import extra_info
from optkit.record.timing import Timing
from optkit.spec.keys import file_sha256
from optkit.suites import read_suite, tomllib
from optkit.tflite.weights import Tensor, WeightFacts
from tests.conftest import SUITE

SUITE_ = read_suite(tomllib.loads(SUITE))

TEST, RIGHT = 70, 63
"""Test samples of `facts()`, and how many of them its baseline gets right."""
ZIP = 855_000
"""Zip bytes of its baseline."""


def packed(right: int, samples: int = TEST) -> str:
    """Return the packed vector of a variant that is right on the first `right` of `samples`."""
    return Evaluation(np.arange(samples) < right).packed()


def sized(ratio: float, **changes: Any) -> ArtifactFacts:
    """Return a file that is smaller than the baseline of `facts()` by about `ratio`; with its true ratio."""
    zip_bytes = changes.get("zip_bytes", max(1, round(ZIP / ratio)))
    known = {"key": "c" * 64, "sha256": "a" * 64, "file_bytes": 2 * zip_bytes, "zip_bytes": zip_bytes}
    return ArtifactFacts(**{**known, "size_ratio": ZIP / zip_bytes, **changes})


def facts(variant: str = "baseline", **changes: Any) -> VariantFacts:
    """Return a record that contradicts nothing but what `changes` say; `correct` follows the accuracy or drop there."""
    kernel = Tensor(
        name="m/conv/Conv2D",
        dtype="int8",
        elements=2000,
        zeros=0.8,
        distinct=16,
        layers=("conv",),
        distinct_in_scale=16,
        sparse_2_4=0.5,
    )
    right = RIGHT - round((changes.get("accuracy_drop") or 0.0) * TEST)
    right = round(changes["accuracy"] * TEST) if changes.get("accuracy") is not None else right
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "suite": "tiny",
        "suite_path": None,
        "variant": variant,
        "kind": "keras" if variant == "baseline" else "tflite",
        "dataset": DatasetFacts(name="mnist", digest="d" * 64, train=320, test=TEST),
        "artifact": sized(1),
        "runtime": RuntimeFacts(name="litert", version="2.3.0"),
        "accuracy": right / TEST,
        "accuracy_drop": (RIGHT - right) / TEST,
        "correct": packed(right),
        "weights": WeightFacts(tensors=(kernel,), leftovers=()),
        "spec": {"seed": 1, "steps": [{"technique": "prune", "final_sparsity": 0.8}]},
    }
    values |= changes
    return VariantFacts(**{"conversion": conversion_in(values["spec"]), **values})


def benchmark(of: VariantFacts, seconds: float = 0.5, mode: str = "single_batch", threads: int = 1) -> dict[str, Any]:
    timing = Timing(variant=of.variant, mode=mode, threads=threads, batch=32, samples=32, seconds=float(seconds))
    info = json.loads(msgspec.json.encode(extra_info(of, timing, "baseline")))
    return {"name": f"test_latency[{of.variant}]", "stats": {"median": seconds}, "extra_info": {"optkit": info}}


def a_run(*benchmarks: dict[str, Any]) -> Run:
    return make_run(benchmarks, {"node": "here"}, "2026-01-01")


COMPARED = 2000
"""Test samples of `variant()`."""
MACHINE = {"node": "here", "cpu": {"brand_raw": "X1", "count": 2}, "python_version": "3.11"}


def variant(
    name: str = "int8", *, wrong: int = 40, first_wrong: int = 0, size: int = 1000, **more: Any
) -> VariantFacts:
    """Facts of a variant that is wrong on `wrong` samples from number `first_wrong` on.

    Its baseline is never wrong and has 2,000 zip bytes; one called `baseline` is its own.
    """
    correct = np.ones(COMPARED, bool)
    correct[first_wrong : first_wrong + wrong] = False
    sha = more.pop("sha256", hashlib.sha256(name.encode()).hexdigest())
    base_size, base_wrong = (size, wrong) if name == "baseline" else (2000, 0)
    return facts(
        name,
        **{
            "dataset": DatasetFacts(name="mnist", digest="d" * 64, train=320, test=COMPARED),
            "artifact": ArtifactFacts(
                key="c" * 64, sha256=sha, file_bytes=2 * size, zip_bytes=size, size_ratio=base_size / size
            ),
            "accuracy": float(correct.mean()),
            "accuracy_drop": (wrong - base_wrong) / COMPARED,
            "correct": Evaluation(correct).packed(),
            **more,
        },
    )


def run(
    *variants: VariantFacts,
    seconds: tuple[float, ...] = (0.5,),
    references: tuple[float | None, ...] = (),
    machine: dict[str, Any] = MACHINE,
    **info: Any,
) -> Run:
    """A run with one benchmark a variant, timed in as many sessions as there are `seconds`."""
    benchmarks = [benchmark(v, s) for s in seconds for v in variants]
    for one, reference in zip(benchmarks, np.repeat(np.array(references, object), len(variants)), strict=False):
        one["extra_info"]["optkit"]["reference_seconds"] = reference
    for one in benchmarks:
        one["extra_info"]["optkit"].update(info)
    return make_run(json.loads(json.dumps(benchmarks)), machine)


def compared(base: Run, head: Run, **asked: Any) -> Comparison:
    """Compare two runs by these rules."""
    tolerances = {name: asked.pop(name) for name in list(asked) if name in Tolerances.__dataclass_fields__}
    return compare_runs(base, head, Tolerances(**tolerances), **asked)


def saved(path: Path, *benchmarks: dict[str, Any]) -> str:
    path.write_text(json.dumps({"benchmarks": benchmarks, "machine_info": MACHINE}))
    return path.name


NOISE, FIRST_IS_FASTER = 0.006, 0.005
"""What processes scatter by, and what being loaded first is worth, in log ratios."""


def process(
    number: int, effect: float, control: float = 0.0, first: float = FIRST_IS_FASTER, loads: int = 1
) -> PairedTiming:
    """Return what one of a series of paired processes found, by the order in which it loaded its files."""
    order = LOAD_ORDERS[number % 6]
    # in each order once, what the first place is worth cancels
    place = {role: -first if order[0] == role and loads == 1 else 0.0 for role in order}
    return PairedTiming(
        effect=effect + place["head"] - place["base"],
        control=control + place["copy"] - place["base"],
        load_order=order,
        loads=loads,
        rounds=60,
        calls=100,
        seconds=1e-5,
    )


def stored(store: Path, label: str) -> Path:
    """Return the file of the first stage with this label."""
    found = (p for p in store.rglob("model.*") if f'"label": "{label}"' in (p.parent / "entry.json").read_text())
    return next(found)


def artifact(store: Path, mode: str) -> Path:
    return stored(store, f"convert to {mode}")


def saved_build(path: Path, files: dict[str, Path]) -> Path:
    """Write to `path` what `optkit build --json` prints of these files by variant."""
    artifacts = tuple(
        SavedArtifact(
            variant=name,
            kind="tflite" if file.suffix == ".tflite" else "keras",
            path=str(file),
            key="k",
            sha256=file_sha256(file),
            file_bytes=file.stat().st_size,
            zip_bytes=file.stat().st_size,
            notes=(),
        )
        for name, file in files.items()
    )
    data = SavedData(name="mnist", digest="d" * 64, train=320, test=70)
    path.write_bytes(msgspec.json.encode(SavedBuild(schema=1, suite="tiny", dataset=data, artifacts=artifacts)))
    return path


class Killed(BaseException):
    """Stands for a power cut: no handler of ours catches it."""


def die_after(epoch: int) -> Any:
    def on_epoch(done: int, epochs: int, logs: dict[str, float]) -> None:
        if done == epoch:
            raise Killed

    return on_epoch


def comes_true(found: Callable[[], bool]) -> bool:
    """Wait for it: a process that was killed is seen for some moments more."""
    until = time.monotonic() + 30
    while not found() and time.monotonic() < until:
        time.sleep(0.02)
    return found()


def alive(pid: int) -> bool:
    """Tell whether a process runs. One that was killed and not waited for does not (Linux)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def wait_for_end(pid: int) -> bool:
    return comes_true(lambda: not alive(pid))
