"""Make the parts of docs/ and README.md that are made, not written.

python -m benchmarks.studies.pages            # write what changed
python -m benchmarks.studies.pages --check    # write nothing; exit code 1 when something is out of date

docs/reference/commands.md is made of the parsers, docs/reference/suite-keys.md of the types that read suite files, and
docs/reference/api.md of `optkit/__init__.pyi`. docs/front.svg and the table in README.md are of a saved run, and the
table in docs/runtimes.md of docs/results/conformance.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.studies.conformance import outcomes
from benchmarks.studies.pages import commands, front, python, suite_keys
from benchmarks.studies.publish import with_block
from optkit.record.run import Run, read_run
from optkit.report import text

COMMAND = "python -m benchmarks.studies.pages"
SHOWN = ("baseline", "float_tflite", "int8", "slimmed_50", "slimmed_50_int8", "slimmed_70_int8")
"""The variants in README's table."""


def pages() -> dict[Path, str]:
    """Return every made file with its content, as it should be. Run it in the root of the repository."""
    readme, runtimes = Path("README.md"), Path("docs/runtimes.md")
    conformance = outcomes.table(json.loads(outcomes.RESULTS.read_text(encoding="utf-8")))
    return {
        Path("docs/reference/commands.md"): commands.page(COMMAND),
        Path("docs/reference/suite-keys.md"): suite_keys.page(COMMAND),
        Path("docs/reference/api.md"): python.page(COMMAND),
        Path("docs/front.svg"): front.svg(),
        runtimes: with_block(runtimes.read_text(encoding="utf-8"), "conformance", conformance),
        readme: with_block(readme.read_text(encoding="utf-8"), "results", table(read_run(front.RUN))),
    }


def table(run: Run) -> str:
    """Return the summary of some variants of `run` on one thread, and what it was measured on."""
    part = dataclasses.replace(
        run,
        variants={name: run.variants[name] for name in SHOWN},
        timings=tuple(one for one in run.timings if one.variant in SHOWN and one.threads == 1),
    )
    return f"```\n{text.summary(part, width=100)}\n```\n\n{run.machine}, {run.made[:10]}."


def stale(made: dict[Path, str]) -> list[Path]:
    """Return the files that are not as they should be."""
    return [path for path, content in made.items() if not path.exists() or path.read_text(encoding="utf-8") != content]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write what is out of date, or say it. Returns the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when something is out of date")
    check = parser.parse_args(arguments).check
    made = pages()
    changed = stale(made)
    for path in changed:
        print(f"{path} is out of date; run {COMMAND}" if check else f"written: {path}")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made[path], encoding="utf-8")
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
