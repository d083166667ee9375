"""Write measured tables into the documents, between their markers, so that no figure is typed by hand.

python -m benchmarks.studies.publish summary RUN.json docs/evidence/techniques.md --block vgg16
python -m benchmarks.studies.publish seeds mnist_techniques --seeds 1,2,3 --data full -o docs/results/techniques.json
python -m benchmarks.studies.publish techniques docs/results/techniques.json docs/evidence/techniques.md
"""

import argparse
import dataclasses
import json
import statistics
import sys
from pathlib import Path
from typing import Any

from optkit import KerasWorkers, OptkitError, Store, build_variants, gather, open_suite, read_run
from optkit.judge.gates import value_of
from optkit.report import text
from optkit.report.progress import shown_progress


def with_block(text: str, name: str, content: str) -> str:
    """Return `text` with `content` between `<!-- name:begin -->` and `<!-- name:end -->`."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, rest = text.split(begin)
    _, tail = rest.split(end)
    return f"{head}{begin}\n{content}\n{end}{tail}"


def replace_between(document: Path, name: str, content: str) -> None:
    """Replace what stands between `<!-- name:begin -->` and `<!-- name:end -->` in `document`."""
    document.write_text(with_block(document.read_text(), name, content))


def summary(options: argparse.Namespace) -> None:
    """Put the summary of a saved run into a document."""
    run = read_run(options.run)
    runtimes = sorted({f"{v.runtime.name} {v.runtime.version}" for v in run.variants.values()})
    where = f"{run.machine}, {', '.join(runtimes)}, {run.made[:10]}"
    replace_between(
        options.document, options.block, f"Measured on {where}:\n\n```\n{text.summary(run, width=100)}\n```"
    )


def seeds(options: argparse.Namespace) -> None:
    """Build and measure a suite with several seeds; keep what was found of each variant and seed as JSON."""
    suite, dataset = open_suite(options.suite, options.data)
    variants = suite.select(tuple(filter(None, options.variants.split(","))) or ())
    found: dict[str, Any] = {"schema": 1, "suite": suite.title, "data": dataset.facts, "variants": {}}
    if options.output.exists():  # an interrupted run goes on; the store has what was built
        before = json.loads(options.output.read_text())
        if (before["suite"], before["data"]) != (found["suite"], found["data"]):
            raise OptkitError(f"{options.output} is of another suite or other data; give a new file with -o")
        found["variants"] = before["variants"]
    for seed in (int(part) for part in options.seeds.split(",")):
        seeded = dataclasses.replace(suite, workload=dataclasses.replace(suite.workload, seed=seed))
        store = Store(options.store)
        names = {suite.baseline, *(variant.name for variant in variants)}
        wanted = [variant for variant in seeded.variants if variant.name in names]
        with shown_progress() as progress, KerasWorkers() as workers:
            for variant in wanted:
                both = seeded.select((suite.baseline, variant.name))
                artifacts = build_variants(seeded, both, dataset, store, progress)
                facts = gather(seeded, artifacts, dataset, store, workers)[variant.name]
                metrics = (
                    "accuracy",
                    "accuracy_drop",
                    "file_bytes",
                    "zip_bytes",
                    "size_ratio",
                    "sparsity",
                    "distinct_values",
                )
                values = {metric: value_of(facts, metric) for metric in metrics}
                found["variants"].setdefault(variant.name, {})[str(seed)] = values
                options.output.parent.mkdir(parents=True, exist_ok=True)
                options.output.write_text(json.dumps(found, indent=1))
                print(variant.name, seed, {k: v and round(v, 4) for k, v in values.items()}, flush=True)


def techniques(options: argparse.Namespace) -> None:
    """Put the table of a `seeds` result into a document."""
    found = json.loads(options.result.read_text())
    data = found["data"]
    lines = [
        f"Data: {data['name']}, {data['train']:,} train, {data['test']:,} test, sha256 {data['digest'][:12]}.",
        "",
        "| variant | seeds | accuracy | drop | zip bytes | size ratio | least zeros | most values |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, by_seed in found["variants"].items():
        columns = {metric: [values[metric] for values in by_seed.values()] for metric in next(iter(by_seed.values()))}
        cells = [
            name,
            str(len(by_seed)),
            _mean_and_each(columns["accuracy"], "{:.4f}"),
            _mean_and_each(columns["accuracy_drop"], "{:+.4f}"),
            _mean_and_each(columns["zip_bytes"], "{:,.0f}"),
            _mean_and_each(columns["size_ratio"], "{:.2f}"),
            f"{min(columns['sparsity']):.3f}",
            f"{max(columns['distinct_values']):.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    replace_between(options.document, "techniques", "\n".join(lines))


def _mean_and_each(values: list[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "not measured"
    each = ", ".join(form.format(value) for value in known)
    return each if len(known) == 1 else f"{form.format(statistics.mean(known))} ({each})"


def call(parser: argparse.ArgumentParser) -> int:
    """Parse, and run the command that was chosen. Returns the exit code."""
    options = parser.parse_args()
    try:
        options.call(options)
    except OptkitError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def main() -> int:
    """Parse and run one of the commands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("summary")
    command.add_argument("run", type=Path)
    command.add_argument("document", type=Path)
    command.add_argument("--block", required=True, help="between which markers of the document")
    command.set_defaults(call=summary)
    command = commands.add_parser("seeds")
    command.add_argument("suite")
    command.add_argument("--seeds", default="1,2")
    command.add_argument("--variants", default="")
    command.add_argument("--data", default="full")
    command.add_argument("--store", type=Path)
    command.add_argument("-o", "--output", type=Path, required=True)
    command.set_defaults(call=seeds)
    command = commands.add_parser("techniques")
    command.add_argument("result", type=Path)
    command.add_argument("document", type=Path)
    command.set_defaults(call=techniques)
    return call(parser)


if __name__ == "__main__":
    raise SystemExit(main())
