"""A run in the formats of other tools: one file each, one line each in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optkit.judge.gates import Verdict
from optkit.record.run import Run
from optkit.report.export import bencher, csv_table, github_action_benchmark, junit


@dataclass(frozen=True)
class Format:
    """How a run becomes the text of a format: `plain` from the run alone, `judged` from its verdicts as well."""

    plain: Callable[[Run], str] | None = None
    judged: Callable[[Run, Sequence[Verdict]], str] | None = None

    def text(self, run: Run, judge: Callable[[], Sequence[Verdict]]) -> str:
        """Return the text of `run`. `judge` gives its verdicts; it is called only where the format needs them."""
        if self.judged:
            return self.judged(run, judge())
        assert self.plain, "a format is plain or judged"
        return self.plain(run)


FORMATS: dict[str, Format] = {
    "bencher": Format(bencher.to_bencher),
    "github-action-benchmark": Format(github_action_benchmark.to_github_action_benchmark),
    "junit": Format(judged=junit.to_junit),
    "csv": Format(csv_table.to_csv),
}
