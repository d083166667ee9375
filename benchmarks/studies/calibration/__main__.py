"""The commands of the calibration: build, truth, run, publish."""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import benchmarks.studies.calibration as package
from benchmarks.studies.calibration import campaign, networks, plan, records, tables, truth
from benchmarks.studies.calibration.load import CONDITIONS, check, competitors, described
from benchmarks.studies.publish import replace_between
from optkit import OptkitError
from optkit.measure.paired import PairedTiming
from optkit.measure.paired_process import run_process

TRUTHS = "truth.json"
_SECONDS_A_SLOT = {"quiet": 6.0, "one": 7.0, "both": 9.0, "four": 15.0}
"""For the estimate of --dry-run only."""


def _artifacts(folder: Path) -> dict[str, Any]:
    path = folder / "artifacts.json"
    if not path.exists():
        command = f"python -m benchmarks.studies.calibration build -o {folder}"
        raise OptkitError(f"{path} is not there; run `{command}` first")
    return dict(json.loads(path.read_text()))


def _facts(artifacts: dict[str, Any]) -> dict[str, Any]:
    """Return what all files of one calibration have in common: the machine, and one digest of all artifacts."""
    digests = "".join(f"{name} {one['sha256']}\n" for name, one in sorted(artifacts.items()))
    return {"environment": records.environment(), "artifacts": hashlib.sha256(digests.encode()).hexdigest()[:16]}


def _same(artifacts: dict[str, Any]) -> list[str]:
    return [name for name, one in artifacts.items() if not one.get("widths")]


def _couples(artifacts: dict[str, Any]) -> list[truth.Couple]:
    couples = [(key, name) for key, one in networks.LADDERS.items() for name in one.rungs(key)]
    return [couple for couple in couples if all(name in artifacts for name in couple)]


def _build(options: argparse.Namespace) -> int:
    networks.build(options.output, options.data, options.store, options.only)
    return 0


def _truth(options: argparse.Namespace) -> int:
    artifacts = _artifacts(options.output)
    couples = _couples(artifacts)
    if options.dry_run:
        processes = len(couples) * options.processes
        print(f"{len(couples)} pairs: {processes} processes, about {processes * 0.7 / 60:.0f} min")
        return 0

    def measure(base: str, head: str, number: int) -> PairedTiming:
        return run_process(*(options.output / f"{name}.tflite" for name in (base, head)), number=number)

    facts = _facts(artifacts)
    timings = truth.Timings(options.results / "truth.jsonl", facts, measure)
    try:
        found = truth.run(timings, couples, print, time.monotonic() + 60 * options.minutes, options.processes)
    except TimeoutError:
        print("time is up; run it again to go on")
        return 3
    path = options.results / TRUTHS
    path.write_text(json.dumps({"schema": records.SCHEMA, **facts, "pairs": found}, indent=1) + "\n")
    print(tables.table(tables.TRUTH_HEADS, tables.truth_rows(found)))
    return 0


def _read_truth(folder: Path) -> dict[str, Any]:
    path = folder / TRUTHS
    if not path.exists():
        raise OptkitError(f"{path} is not there; run `python -m benchmarks.studies.calibration truth` first")
    return dict(json.loads(path.read_text()))


def _planned(options: argparse.Namespace, artifacts: dict[str, Any], truths: Any) -> tuple[list[plan.Slot], Path]:
    """Return the invocations to take and the file of their records: the campaign's, or of one pair again and again."""
    if not options.only:
        planned = plan.slots(_same(artifacts), plan.slower(truths), blocks=options.blocks)
        return planned, options.results / f"{options.condition}.jsonl"
    if options.only not in _same(artifacts):
        raise OptkitError(f"there is no identical pair {options.only!r}; one of {', '.join(_same(artifacts))}")
    path = options.results / f"{options.condition}-{options.only}.jsonl"
    return plan.repeated(options.only, options.repeats), path


def _run(options: argparse.Namespace) -> int:
    artifacts = _artifacts(options.output)
    found = _read_truth(options.results)
    facts = _facts(artifacts)
    if found["artifacts"] != facts["artifacts"]:
        raise OptkitError("the true ratios are of other artifacts; run `truth` again with these")
    planned, path = _planned(options, artifacts, found["pairs"])
    done = {record["slot"] for record in records.read(path)[1]}
    left = [slot for slot in planned if slot.key not in done]
    minutes = len(left) * _SECONDS_A_SLOT[options.condition] / 60
    print(f"{len(planned)} invocations planned, {len(left)} left: about {minutes:.0f} min ({options.condition})")
    if options.dry_run:
        for slot in left:
            print(slot.key)
        return 0
    facts["condition"] = options.condition
    if options.cores < max(CONDITIONS[options.condition], default=0) + 1:
        raise OptkitError(f"{options.condition} needs cores that this machine lacks; choose another condition")
    with competitors(options.condition, options.competitor) as running:
        over = campaign.run(
            path,
            planned,
            options.output,
            facts,
            options.minutes,
            beside=described(options.condition, options.competitor),
            check=lambda: check(running),
            say=functools.partial(print, flush=True),
        )
    print(f"{over} invocations left" if over else "complete")
    return 3 if over else 0


def _publish(options: argparse.Namespace) -> int:
    found = _read_truth(options.results)
    taken = {name: records.read(options.results / f"{name}.jsonl") for name in CONDITIONS}
    taken = {name: (header, rows) for name, (header, rows) in taken.items() if rows}
    again = {path.stem: records.read(path) for name in CONDITIONS for path in options.results.glob(f"{name}-*.jsonl")}
    again = {name: (header, rows) for name, (header, rows) in again.items() if rows}
    if other := [name for name, (header, _) in (taken | again).items() if header["artifacts"] != found["artifacts"]]:
        raise OptkitError(f"{', '.join(other)} were taken with other artifacts than the true ratios; take them again")
    repeated = {(name.partition("-")[0], name.partition("-")[2]): rows for name, (_, rows) in again.items()}
    replace_between(options.document, options.block, tables.document((found, found["pairs"]), taken, repeated))
    return 0


def main() -> int:
    """Parse and run one of the commands."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.calibration",
        description=package.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True)

    def add(name: str, call: Any, artifacts: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(name)
        command.set_defaults(call=call, cores=os.cpu_count() or 1)
        command.add_argument("--results", type=Path, default=records.RESULTS, help="where the records are kept")
        if artifacts:
            command.add_argument("-o", "--output", type=Path, required=True, help="the folder of artifacts")
            command.add_argument("--dry-run", action="store_true", help="print the plan and its estimated time")
            command.add_argument("--minutes", type=float, default=600, help="go on another time after so many")
        return command

    command = add("build", _build)
    command.add_argument("--data", default="auto", help="the data that suites are trained on: auto, full or embedded")
    command.add_argument("--store", type=Path, help="the store of the suites")
    command.add_argument("--only", default="", help="only this ladder or suite")
    add("truth", _truth).add_argument("--processes", type=int, default=truth.LONG, help="of each pair")
    command = add("run", _run)
    command.add_argument("--condition", choices=CONDITIONS, default="quiet")
    command.add_argument("--competitor", default="", help="a command to run beside, in place of spinning processes")
    command.add_argument("--blocks", type=int, default=plan.BLOCKS, help="blocks of the plan, of 20 invocations each")
    command.add_argument(
        "--only", default="", metavar="FILE", help="only this file against its copy, `--repeats` times"
    )
    command.add_argument("--repeats", type=int, default=20, metavar="N", help="invocations with --only")
    command = add("publish", _publish, artifacts=False)
    command.add_argument("document", type=Path)
    command.add_argument("--block", default="calibration", help="the name of the place in the document")
    options = parser.parse_args()
    try:
        return int(options.call(options))
    except OptkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
