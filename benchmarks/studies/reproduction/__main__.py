"""Make `docs/reproduction.md` of public documents' figures and our saved runs.

python -m benchmarks.studies.reproduction run                      # record every run, condense it, render
python -m benchmarks.studies.reproduction run --runs mnist --list  # only show the commands
python -m benchmarks.studies.reproduction condense out/run.json -o docs/results/runs/mnist.json
python -m benchmarks.studies.reproduction render --strict

Exit codes: 0 good, 1 a run could not be recorded, 2 bad usage or bad input, 3 figures are missing (--strict).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.studies import mnn_deployment, quantize_mobilenet
from benchmarks.studies.reproduction import in_mnn, old_mobilenet, saved
from benchmarks.studies.reproduction.documents import read_documents
from benchmarks.studies.reproduction.render import page
from optkit.errors import OptkitError, nearest
from optkit.record.sessions import environment

PAGE = Path("docs/reproduction.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse and run one of the commands."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.call(options))
    except OptkitError as error:
        if options.json:
            print(json.dumps({"error": str(error)}))
        print(f"error: {error}", file=sys.stderr)
        return 2


def render(options: argparse.Namespace) -> int:
    """Write the page; name what is missing on standard error."""
    paths = options.runs or sorted(saved.FOLDER.glob("*.json"))
    return _render(paths, options.output, strict=options.strict, as_json=options.json)


def _render(paths: Sequence[Path], output: Path, *, strict: bool, as_json: bool) -> int:
    documents = read_documents(runs=list(saved.planned_runs()))
    after = {old_mobilenet.DOCUMENT: old_mobilenet.section()} if quantize_mobilenet.FOUND.exists() else {}
    if mnn_deployment.RESULTS.exists():
        after[in_mnn.DOCUMENT] = in_mnn.section()
    text, lines = page(documents, saved.read_runs(paths), after)
    saved.write(output, text)
    missing = [line for line in lines if line.missing]
    if as_json:
        found = {"output": str(output), "missing": len(missing), "lines": [dataclasses.asdict(line) for line in lines]}
        print(json.dumps(found, indent=1, ensure_ascii=False))
    for reason in dict.fromkeys(line.reason for line in missing):
        print(f"missing: {reason} ({sum(line.reason == reason for line in missing)} figures)", file=sys.stderr)
    return 3 if missing and strict else 0


def condense(options: argparse.Namespace) -> int:
    """Write a smaller form of a saved run."""
    text = saved.condense(options.run, options.variants, options.modes, options.conditions)
    saved.write(options.output, text)
    about = {"output": str(options.output), "bytes": len(text.encode()), "dropped": saved.DROPPED}
    print(
        json.dumps(about) if options.json else f"{about['output']}: {about['bytes']:,} bytes; dropped {saved.DROPPED}"
    )
    return 0


def run(options: argparse.Namespace) -> int:
    """Record the runs that documents need, one after another; condense each, and render what there is."""
    planned = saved.planned_runs()
    for name in options.runs:
        if name not in planned:
            raise OptkitError(f"there is no run {name!r}; {nearest(name, planned)}")
    needed = _needed(options.document, list(planned))
    names = [name for name in planned if name in needed and (not options.runs or name in options.runs)]
    if not names:
        raise OptkitError("no run is left: --document and --runs have none in common; leave one of them out")
    results = [_recorded(name, planned[name], options) for name in names]
    if options.list:
        if options.json:
            print(json.dumps(results, indent=1))
        return 0
    failed = [result["run"] for result in results if result["exit_code"]]
    _render(sorted(saved.FOLDER.glob("*.json")), PAGE, strict=False, as_json=options.json)
    for name in failed:
        print(f"run {name} failed; what pytest says is above", file=sys.stderr)
    return 1 if failed else 0


def _needed(document: str, planned: Sequence[str]) -> set[str]:
    documents = read_documents(runs=planned)
    known = [found.name for found in documents]
    if document and document not in known:
        raise OptkitError(f"there is no document {document!r}; {nearest(document, known)}")
    return {row.run for found in documents if document in ("", found.name) for row in found.rows} - {""}


def _recorded(name: str, planned: saved.Planned, options: argparse.Namespace) -> dict[str, Any]:
    """Record one run by pytest in a process of its own, or only show the commands under --list."""
    raw, kept = options.raw / f"{name}.json", saved.FOLDER / f"{name}.json"
    command = ["python", "-m", *planned.command(raw)]
    condensing = ["python", "-m", "benchmarks.studies.reproduction", "condense", str(raw), "-o", str(kept)]
    condensing += ["--modes", ",".join(planned.modes)] if planned.modes else []
    condensing += ["--conditions", options.conditions] if options.conditions else []
    result: dict[str, Any] = {"run": name, "commands": [shlex.join(command), shlex.join(condensing)]}
    if options.list:
        if not options.json:
            print("\n".join(result["commands"]))
        return result
    print(f"{name}: {result['commands'][0]}", file=sys.stderr, flush=True)
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.unlink(missing_ok=True)  # or a failed run would leave the last one's figures
    code = subprocess.run([sys.executable, *command[1:]], env=environment(), stdout=sys.stderr).returncode
    if code == 0:
        saved.write(kept, saved.condense(raw, modes=planned.modes, conditions=options.conditions))
    return {**result, "exit_code": code}


def _names(value: str) -> tuple[str, ...]:
    return tuple(filter(None, (part.strip() for part in value.split(","))))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.reproduction",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("render", help="write the page")
    command.add_argument("runs", nargs="*", type=Path, metavar="RUN.json", help=f"saved runs ({saved.FOLDER}/*.json)")
    command.add_argument("-o", "--output", type=Path, default=PAGE, help=f"the page ({PAGE})")
    command.add_argument("--strict", action="store_true", help="exit with 3 when a run lacks a figure it should have")
    command.set_defaults(call=render)

    command = commands.add_parser("condense", help="make a saved run small", description=f"Drops {saved.DROPPED}.")
    command.add_argument("run", type=Path, metavar="RUN.json", help="saved by pytest --benchmark-json")
    command.add_argument("-o", "--output", type=Path, required=True)
    command.add_argument("--variants", type=_names, default=(), metavar="A,B", help="only these and the baseline")
    command.add_argument("--modes", type=_names, default=(), metavar="A,B", help="only timings of these modes")
    command.set_defaults(call=condense)

    command = commands.add_parser("run", help="record the runs that documents need, and render")
    command.add_argument("--document", default="", metavar="NAME", help="only what this document needs")
    command.add_argument("--runs", type=_names, default=(), metavar="A,B", help="only these runs")
    command.add_argument("--raw", type=Path, default=Path("out/reproduction"), metavar="DIR", help="for whole runs")
    command.add_argument("--list", action="store_true", help="show the commands and run nothing")
    command.set_defaults(call=run)
    for name in ("condense", "run"):
        about = "what a reader should know of the machine at that time"
        commands.choices[name].add_argument("--conditions", default="", metavar="TEXT", help=about)
    for command in commands.choices.values():
        command.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
