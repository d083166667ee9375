"""The summary: aligned, in units, with the fastest and the smallest marked."""

from pathlib import Path
from typing import Any

from optkit import Artifact
from optkit.report.text import artifacts_table, summary
from tests.test_record import a_run, benchmark, facts, sized


def test_summary_marks_the_fastest_and_the_smallest() -> None:
    fast = facts("fast", artifact=sized(2, file_bytes=1234))
    small = facts("small", artifact=sized(4, file_bytes=9), accuracy_drop=1 / 70)
    run = a_run(
        *(benchmark(f, s, m) for m in ("single_batch", "full_set") for f, s in ((facts(), 2), (fast, 0.5), (small, 1)))
    )
    lines = summary(run).splitlines()
    assert lines[0].startswith("tiny on mnist (320 train, 70 test, sha256 dddddddddddd)")
    head = lines[1]
    assert head.split() == (
        "variant threads accuracy drop batch ms speed-up set s speed-up file bytes zip bytes ratio".split()
    )
    rows = {line.split()[0]: line for line in lines[2:5]}
    assert rows["fast"].split()[4:8] == ["500◀", "4.00", "0.5◀", "4.00"]
    assert rows["small"].split()[3:] == ["+0.0143", "1000", "2.00", "1", "2.00", "9", "213,750◀", "4.00"]
    assert "1,234" in rows["fast"]
    end = head.index("ratio") + len("ratio")
    assert all(len(row) == end for row in rows.values()), "columns are aligned to the right"


def test_several_sessions_are_one_row_with_their_median() -> None:
    one = [(facts(), 2.0), (facts("int8"), 1.0), (facts(), 8.0), (facts("int8"), 2.0), (facts(), 4.0)]
    run = a_run(*(benchmark(f, s) for f, s in [*one, (facts("int8"), 2.0)]))
    lines = summary(run).splitlines()
    assert [line.split()[:1] + line.split()[4:6] for line in lines[2:4]] == [
        ["baseline", "4000", "1.00"],
        ["int8", "2000◀", "2.00"],
    ]
    assert "Times are medians of 3 sessions' medians" in lines[4]


def test_an_accuracy_that_was_not_measured_is_no_figure() -> None:
    run = a_run(benchmark(facts(accuracy=None, accuracy_drop=None, correct=None), 2))
    row = summary(run).splitlines()[2]
    assert row.split()[1:6] == ["1", "not", "measured", "not", "measured"]


def test_what_a_shared_stage_had_to_say_is_said_once() -> None:
    def built(variant: str, *notes: str) -> Artifact:
        sizes: dict[str, Any] = {"file_bytes": 1, "zip_bytes": 1, "source": None, "spec": {}}
        return Artifact(
            variant=variant, kind="tflite", path=Path("m"), key="k", sha256="s", **sizes, notes=("slim: floor", *notes)
        )

    lines = artifacts_table([built("slimmed"), built("tuned", "tuned: own"), built("int8")]).splitlines()
    assert lines[lines.index("") + 1 :] == ["slimmed and 2 more: slim: floor", "tuned: tuned: own"]
    assert "" not in artifacts_table([]).splitlines()[1:]
