"""Hold every installed runtime to the same outputs, and save what came of it: the table in docs/runtimes.md.

python -m benchmarks.studies.conformance      # writes docs/results/conformance.json; then run benchmarks.studies.pages

A runtime that is not installed here keeps the rows that were saved for it.
"""

from __future__ import annotations

import json

from benchmarks.studies.conformance.cases import cases
from benchmarks.studies.conformance.outcomes import RESULTS, outcomes, ways, write_cases
from optkit.process.temporary import temporary_folder
from optkit.runtime.registry import RUNTIMES


def main() -> None:
    """Run all cases, and write the results."""
    saved = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"runtimes": {}}
    made = cases()
    saved["cases"] = {case.name: case.tolerance for case in made}
    with temporary_folder("conformance") as folder:
        write_cases(made, folder)
        for name, runtime in RUNTIMES.items():
            if not runtime.installed or ".tflite" not in runtime.suffixes:
                continue
            rows = [{"settings": one, "cases": outcomes(name, one, made, folder)} for one in ways(runtime)]
            saved["runtimes"][name] = {"version": runtime.version(), "rows": rows}
    RESULTS.write_text(json.dumps(saved, indent=1) + "\n")


if __name__ == "__main__":
    main()
