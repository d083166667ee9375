"""The summary: aligned, in units, with the fastest and the smallest marked."""

from pathlib import Path
from typing import Any

import pytest

from optkit import Artifact, read_run
from optkit.report.text import artifacts_table, predictions_text, summary, time_text
from optkit.runtime.predict import Guess, Prediction
from tests.builders import a_run, benchmark, facts, sized
from tests.isolation import ROOT
from tests.report.many import judged, many


def test_summary_marks_the_fastest_and_the_smallest() -> None:
    fast = facts("fast", artifact=sized(2, file_bytes=1234))
    small = facts("small", artifact=sized(4, file_bytes=9), accuracy_drop=1 / 70)
    run = a_run(
        *(benchmark(f, s, m) for m in ("single_batch", "full_set") for f, s in ((facts(), 2), (fast, 0.5), (small, 1)))
    )
    lines = summary(run, width=100).splitlines()
    assert lines[0] == "tiny on mnist (320 train, 70 test, sha256 dddddddddddd)"
    assert lines[1].split() == "variant accuracy drop file bytes zip bytes ratio".split()
    files = {line.split()[0]: line for line in lines[2:5]}
    assert files["small"].split()[2:] == ["+0.0143", "9", "213,750◀", "4.00"]
    assert "1,234" in files["fast"]
    end = lines[1].index("ratio") + len("ratio")
    assert all(len(row) == end for row in files.values()), "columns are aligned to the right"
    assert lines[6] == "1 thread"
    assert lines[7].split() == "variant batch × predict() set × predict()".split(), "there is no float file"
    times = {line.split()[0]: line.split()[1:] for line in lines[8:11]}
    assert times["fast"] == ["500", "ms◀", "4.00", "500", "ms◀", "4.00"]
    assert times["small"] == ["1.00", "s", "2.00", "1.00", "s", "2.00"]


CHAIN = [{"technique": "prune"}]


def converted(name: str, mode: str, chain: list[dict[str, Any]] | None = None, **more: Any) -> Any:
    return facts(name, spec={"steps": [*(chain or []), {"conversion": {"mode": mode, **more}}]})


def timed(*found: tuple[Any, float], modes: tuple[str, ...] = ("single_sample", "single_batch")) -> Any:
    return a_run(*(benchmark(f, s, mode) for mode in modes for f, s in found))


KERAS = facts(spec={"steps": []})
FLOAT, INT8 = converted("plain", "float32"), converted("int8", "int8")


def test_a_speed_up_is_over_the_float_file_and_over_predict_only_where_it_is_headed_so() -> None:
    """A single sample under Keras is 3,756 times slower: it says what a call of `predict()` costs."""
    other = converted("pruned_float", "float32", CHAIN)
    run = timed((KERAS, 3.0), (other, 8e-4), (FLOAT, 2e-3), (INT8, 1e-3))
    assert run.float_file == "plain"
    lines = summary(run, width=100).splitlines()
    at = lines.index("1 thread")
    assert lines[at + 1].split() == "variant sample × float batch × float × predict()".split()
    assert lines[at + 5].split() == ["int8", "1.00", "ms", "2.00", "1.00", "ms", "2.00", "3,000"]
    assert lines[at + 2].split() == ["baseline", "3.00", "s", "0.00067", "3.00", "s", "0.00067", "1.00"]
    assert "× float: time of plain / this time." in lines
    assert "× predict(): time of baseline under Keras' predict() / this time." in lines
    assert "3,000" not in summary(timed((KERAS, 3.0), (FLOAT, 2e-3), (INT8, 1e-3), modes=("single_sample",)))


def test_the_float_file_is_the_plainest_of_the_baselines_own_chain() -> None:
    stripped, mixed = converted("stripped", "float32", strip="all"), converted("mixed", "float32", layers={"a": "int8"})
    assert timed((KERAS, 3.0), (stripped, 1.0), (FLOAT, 1.0)).float_file == "plain"
    assert timed((KERAS, 3.0), (stripped, 1.0)).float_file == "stripped"
    assert timed((KERAS, 3.0), (mixed, 1.0), (INT8, 1.0), (converted("b", "float32", CHAIN), 1.0)).float_file is None


def test_a_baseline_that_is_a_file_is_named_in_the_column() -> None:
    own = {"steps": [{"conversion": {"mode": "float32"}}]}
    is_float = timed((facts(spec=own, kind="tflite"), 2e-6), (INT8, 1e-6))
    assert "× float: time of baseline / this time." in summary(is_float)
    assert "predict()" not in summary(is_float)
    own = {"steps": [{"conversion": {"mode": "int8"}}]}
    is_int8 = timed((facts(spec=own, kind="tflite"), 2e-6), (FLOAT, 1e-6))
    assert "× baseline" in summary(timed((facts(spec=own, kind="tflite"), 2e-6), (INT8, 1e-6)))
    assert "× float: time of plain / this time." in summary(is_int8)


def test_the_tables_of_a_recorded_run_fit_a_hundred_columns() -> None:
    run = read_run(ROOT / "tests" / "judge" / "mnist_run.json")
    shown = summary(run, width=100).splitlines()
    assert max(map(len, shown)) <= 100
    assert "int8 1.19 ms 0.44 58.92 381 ms 0.35 3.57" in [" ".join(line.split()) for line in shown]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(8.6e-6, "8.60 µs"), (0.0009994, "999 µs"), (0.0009996, "1.00 ms"), (0.0704, "70.4 ms"), (1.36, "1.36 s")],
)
def test_a_time_is_told_in_the_unit_that_reads_best(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


def test_several_sessions_are_one_row_with_their_median() -> None:
    one = [(facts(), 2.0), (facts("int8"), 1.0), (facts(), 8.0), (facts("int8"), 2.0), (facts(), 4.0)]
    run = a_run(*(benchmark(f, s) for f, s in [*one, (facts("int8"), 2.0)]))
    lines = summary(run, width=60).splitlines()
    at = lines.index("1 thread") + 2
    assert [line.split() for line in lines[at : at + 2]] == [
        ["baseline", "4.00", "s", "1.00"],
        ["int8", "2.00", "s◀", "2.00"],
    ]
    assert "Times are medians of 3 sessions' medians" in summary(run)


def test_an_accuracy_that_was_not_measured_is_no_figure() -> None:
    run = a_run(benchmark(facts(accuracy=None, accuracy_drop=None, correct=None), 2))
    row = summary(run).splitlines()[2]
    assert row.split()[1:5] == ["not", "measured", "not", "measured"]


def test_what_a_shared_stage_had_to_say_is_said_once() -> None:
    def built(variant: str, *notes: str) -> Artifact:
        sizes: dict[str, Any] = {"file_bytes": 1, "zip_bytes": 1, "source": None, "spec": {}}
        return Artifact(
            variant=variant, kind="tflite", path=Path("m"), key="k", sha256="s", **sizes, notes=("slim: floor", *notes)
        )

    lines = artifacts_table([built("slimmed"), built("tuned", "tuned: own"), built("int8")]).splitlines()
    assert lines[lines.index("") + 1 :] == ["slimmed and 2 more: slim: floor", "tuned: tuned: own"]
    assert "" not in artifacts_table([]).splitlines()[1:]


def test_names_of_files_are_shown_without_control_characters() -> None:
    guess = Guess(index=1, label="a[red]", score=0.5, probability=None)
    lines = predictions_text([Prediction(image=Path("a\x1b[31m\n::error::b[bold].png"), top=(guess,))]).splitlines()
    assert len(lines) == 2
    assert lines[1].split() == [r"a\x1b[31m\n::error::b[bold].png", "1", "a[red]", "0.5000", "-"]


def test_the_best_are_named_among_those_that_pass() -> None:
    """Of 6 files the last is the smallest and the second the fastest; both fail."""
    run = many(6, names="short", modes=("single_sample",), threads=(1,))
    lines = [" ".join(line.split()) for line in summary(run, judged(run), width=200).splitlines()]
    at = lines.index("Best of the .tflite files that pass their gates:")
    assert lines[at + 1].startswith("smallest: int8_5 (300,000 bytes zipped, ratio 2.85, drop +0.0000)")
    assert lines[at + 2] == "fastest: int8_1 (12.5 µs a sample on 1 thread, drop +0.0143)"
    assert lines[at + 3] == "most accurate: int8_5 (0.9000, drop +0.0000)", "of equal ones the smallest"
    lines = [" ".join(line.split()) for line in summary(run, judged(run, ("int8_5", "int8_1")), width=200).splitlines()]
    at = lines.index("Best of the .tflite files that pass their gates:")
    assert lines[at + 1].startswith("smallest: int8_4 ")
    assert lines[at + 2] == "fastest: int8_2 (18.1 µs a sample on 1 thread, 0.69 times as fast as int8_1, drop +0.0286)"
    assert lines[at + 3].startswith("most accurate: int8_2 (0.8714")
    nothing = summary(run, judged(run, tuple(run.variants)), width=200)
    assert "None of the .tflite files passes all its gates" in nothing
    assert "no gate was judged here" in summary(run, width=200)


def test_the_gates_have_a_word_for_each_file_and_one_for_all_that_pass() -> None:
    run = many(4, names="short")
    assert "the same in all rows: gates pass" in summary(run, judged(run), width=100)
    mixed = summary(run, judged(run, ("int8_2",)), width=100).splitlines()
    assert mixed[1].split()[-1] == "gates"
    assert [line.split()[-1] for line in mixed[2:6]] == ["pass", "pass", "fail", "pass"]


def test_a_wide_terminal_has_one_table() -> None:
    run = many(4, names="short", threads=(1,))
    wide = summary(run, width=160).splitlines()
    assert wide[1].split()[:3] == ["variant", "accuracy", "drop"]
    assert wide[1].split()[-2:] == ["×", "predict()"]
    assert "1 thread" not in wide
    narrow = summary(run, width=60)
    assert "Left out, for want of room" in narrow
    assert "× predict()" in narrow.split("Left out")[1]


def test_a_metric_in_its_own_unit_has_plain_digits() -> None:
    run = many(3, names="short", metric="mse", scale=0.05, modes=("single_sample",), threads=(1,))
    lines = summary(run, width=120).splitlines()
    assert lines[1].split()[:3] == ["variant", "mse", "drop"]
    assert [line.split()[1:3] for line in lines[2:5]] == [
        ["0.04000", "+0.00000"],
        ["0.04005", "+0.00005"],
        ["0.04010", "+0.00010"],
    ]
    assert "Drop: this mse - mse of baseline (unit: squared units of the labels); above 0 is worse." in lines
    fraction = summary(many(3, names="short", metric="auc"), width=120)
    assert "Drop: auc of baseline - this auc (unit: fraction); above 0 is worse." in fraction
