"""Saved runs: the small form that is kept in `docs/results/runs/`, and the list of runs that the documents need.

Law: condensing drops, and changes no figure; what is left is a run that `optkit gate` and `optkit compare` still read.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from optkit.errors import OptkitError, nearest
from optkit.record.run import Run, make_run, read_run
from optkit.spec.metrics import MODES
from optkit.suites.tables import convert_table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path("docs/results/runs")
PLANNED = Path(__file__).parent / "runs.toml"

DROPPED = (
    "raw rounds (of the reference model and by CPU time, too), the commit, the host's name, and the path of the suite "
    "file. Of pytest-benchmark's figures it keeps the median and the number of rounds"
)
_DROPPED_INFO = ("reference_rounds", "cpu_rounds", "reference_cpu_rounds")
_KEPT_STATS = ("median", "rounds", "iterations")
_KEPT_MACHINE = ("machine", "system", "python_version", "python_implementation", "conditions")
_KEPT_CPU = ("brand_raw", "count", "arch")


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A run that documents name: what pytest is asked for, and the `modes` whose timings are kept (empty: all).

    `variants` empty: all of the suite; the suite's baseline is measured either way.
    """

    suite: str
    data: Literal["auto", "full", "embedded"] = "full"
    variants: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()

    def command(self, output: Path) -> list[str]:
        """Return the arguments of `python -m` that record this run in `output`."""
        chosen = ["--variants", ",".join(self.variants)] if self.variants else []
        return [
            *("pytest", "benchmarks", "--benchmark-only", "--benchmark-quiet", "--suite", self.suite),
            *("--data", self.data, *chosen, *self.arguments, f"--benchmark-json={output}"),
        ]


def planned_runs(path: Path = PLANNED) -> dict[str, Planned]:
    """Return the runs that documents may name. Raises OptkitError when the file is wrong."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptkitError(f"{path} is not a readable TOML file: {error}") from error
    return {name: convert_table(Planned, table, f"{path.name}: run {name!r}") for name, table in tables.items()}


def read_runs(paths: Sequence[Path]) -> dict[str, Run]:
    """Read saved runs; each is called by its file's name without `.json`. Raises OptkitError when two share one."""
    runs: dict[str, Run] = {}
    for path in paths:
        if path.stem in runs:
            raise OptkitError(f"two runs are called {path.stem!r}; a run is called by its file: rename {path}")
        runs[path.stem] = read_run(path)
    return runs


def condense(path: Path, variants: Collection[str] = (), modes: Collection[str] = (), conditions: str = "") -> str:
    """Return the run saved in `path` as the text of a smaller one: see `DROPPED`; one benchmark a line.

    `variants` and `modes`, when given, are the ones to keep; the baseline always stays. `conditions`, such as a busy
    machine, are kept in `machine_info` and shown beside the run. Raises RecordError when
    `path` is not a run, OptkitError when it has no such variant or mode.
    """
    run = read_run(path)
    for kind, names, known in (("variant", variants, run.variants), ("mode", modes, MODES)):
        for name in names:
            if name not in known:
                raise OptkitError(f"{path} has no {kind} {name!r}; {nearest(name, known)}")
    saved = json.loads(path.read_bytes())
    kept = [
        _smaller(benchmark)
        for benchmark in saved["benchmarks"]
        if _wanted(benchmark["extra_info"]["optkit"], {*variants, run.baseline} if variants else (), modes)
    ]
    machine = run.machine.saved
    head: dict[str, Any] = {
        "datetime": run.made,
        "machine_info": {
            **{key: machine[key] for key in _KEPT_MACHINE if key in machine},
            **({"conditions": conditions} if conditions else {}),
            "cpu": {key: value for key, value in (machine.get("cpu") or {}).items() if key in _KEPT_CPU},
        },
    }
    make_run(kept, head["machine_info"], run.made)  # what is left must still be a run
    lines = ",\n".join(json.dumps(benchmark, ensure_ascii=False, separators=(",", ":")) for benchmark in kept)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "benchmarks": [\n{lines}\n]}}\n'


def _wanted(info: dict[str, Any], variants: Collection[str], modes: Collection[str]) -> bool:
    return (not variants or info["variant"] in variants) and (not modes or info["mode"] in modes)


def _smaller(benchmark: dict[str, Any]) -> dict[str, Any]:
    stats = benchmark["stats"]
    info = {key: value for key, value in benchmark["extra_info"]["optkit"].items() if key not in _DROPPED_INFO}
    return {
        "name": str(benchmark.get("name", "")),
        "stats": {key: stats[key] for key in _KEPT_STATS if key in stats},
        "extra_info": {"optkit": {**info, "suite_path": None}},
    }


def write(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all. Raises OptkitError when it cannot."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise OptkitError(f"{path} cannot be written: {error.strerror}; name another place with -o") from error
