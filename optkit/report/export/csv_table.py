"""CSV: a row for each benchmark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from optkit.record.run import Run
from optkit.record.timing import Timing

_COLUMNS = (
    *("variant", "mode", "threads", "seconds", "normalized", "score", "drop", "metric"),
    *("file_bytes", "zip_bytes", "size_ratio", "suite", "dataset", "made"),
)


def to_csv(run: Run) -> str:
    """Return a row for each benchmark, and one for each variant that was not timed."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_rows(run))
    return text.getvalue().rstrip("\n")


def _rows(run: Run) -> Iterator[dict[str, Any]]:
    for name, facts in run.variants.items():
        timings: list[Timing | None] = [timing for timing in run.benchmarks if timing.variant == name]
        for timing in timings or [None]:
            yield {
                "variant": name,
                "mode": timing.mode if timing else "",
                "threads": timing.threads if timing else "",
                "seconds": timing.seconds if timing else "",
                "normalized": run.normalized(timing) if timing else "",
                "score": facts.score,
                "drop": facts.drop,
                "metric": facts.quality.scores.metric if facts.quality else "accuracy",
                "file_bytes": facts.artifact.file_bytes,
                "zip_bytes": facts.artifact.zip_bytes,
                "size_ratio": facts.artifact.size_ratio,
                "suite": run.suite,
                "dataset": run.dataset.name,
                "made": run.made,
            }
