"""Runs of a history: what pytest-benchmark would save, a day apart."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np

from optkit import VariantFacts
from optkit.judge.history import History
from optkit.judge.past import past_of
from optkit.judge.saved_runs import SavedRun
from optkit.record.run import run_of
from tests.builders import MACHINE, benchmark, variant

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def saved(
    number: int,
    seconds: float = 1.0,
    *facts: VariantFacts,
    reference: float | None = None,
    machine: dict[str, Any] = MACHINE,
    sessions: int = 1,
    **info: Any,
) -> dict[str, Any]:
    """What pytest-benchmark would save of run `number`, a day after the one before."""
    benchmarks = [benchmark(one, seconds) for _ in range(sessions) for one in facts or (variant(),)]
    for one in benchmarks:
        one["extra_info"]["optkit"] |= {"reference_seconds": reference, **info}
    made = (START + timedelta(days=number)).isoformat()
    return {
        "benchmarks": benchmarks,
        "machine_info": machine,
        "datetime": made,
        "commit_info": {"id": f"{number:040x}"},
    }


def runs_of(*files: dict[str, Any]) -> list[SavedRun]:
    return [
        SavedRun(
            path=f"{i:04}.json",
            made=datetime.fromisoformat(one["datetime"]),
            run=past_of(run_of(json.loads(json.dumps(one)))),
        )
        for i, one in enumerate(files)
    ]


def store(folder: Path, files: list[dict[str, Any]]) -> Path:
    under = folder / "Linux-CPython-3.11-64bit"
    under.mkdir(parents=True)
    for number, one in enumerate(files):
        (under / f"{number + 1:04}_abc.json").write_text(json.dumps(one))
    return folder


def times(n: int, at: int | None = None, factor: float = 1.1, seed: int = 0) -> list[float]:
    found = np.exp(np.random.default_rng(seed).normal(0, 0.01, n))
    if at is not None:
        found[at:] *= factor
    return found.tolist()


def only(history: History, metric: str = "seconds") -> Any:
    (one,) = (series for series in history.series if series.metric == metric)
    return one
