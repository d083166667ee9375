"""Figures of other runtimes or settings are compared only as what they are; records of before are of the defaults."""

import dataclasses
import json
from datetime import datetime, timezone
from pathlib import Path

import msgspec
import pytest

from optkit.errors import RecordError
from optkit.judge.history import make_history
from optkit.judge.past import past_of
from optkit.judge.saved_runs import SavedRun
from optkit.judge.tolerances import Tolerances
from optkit.record.facts import RuntimeFacts
from optkit.record.run import read_run
from optkit.report.text import summary
from optkit.spec import Running
from tests.builders import MACHINE, a_run, benchmark, compared, facts, run, saved, variant

BUILTIN = {"kernels": "builtin"}
RUNTIME = RuntimeFacts(name="litert", version="2.3.0", settings=BUILTIN)
RUNNING = {"runtime": "litert", "settings": BUILTIN}


def test_times_and_accuracy_with_other_settings_are_not_comparable() -> None:
    """Catches a change of settings that is told as a faster or slower file."""
    plain = run(variant("baseline", wrong=0, size=2000), variant(), seconds=(0.5, 0.5), references=(1.0, 1.0))
    other = run(
        variant("baseline", wrong=0, size=2000),
        variant(runtime=RUNTIME),
        seconds=(0.1, 0.1),
        references=(1.0, 1.0),
        running=RUNNING,
    )
    found = compared(plain, other)
    times = next(delta for delta in found.deltas if (delta.metric, delta.name) == ("seconds", "int8/single_batch/1"))
    assert times.verdict == "not comparable"
    assert times.reason == 'other runtime settings: running litert and litert (kernels = "builtin")'
    accuracy = next(delta for delta in found.deltas if (delta.metric, delta.name) == ("accuracy", "int8"))
    assert (accuracy.verdict, accuracy.reason) == (
        "not comparable",
        'other settings of litert: defaults and kernels = "builtin"',
    )
    assert found.exit_code == 3
    again = compared(other, other)
    assert {delta.verdict for delta in again.deltas} == {"same"}


def test_records_of_before_are_of_the_defaults_and_new_ones_are_read_back(tmp_path: Path) -> None:
    old = benchmark(facts())
    del old["extra_info"]["optkit"]["runtime"]["settings"]
    (timing,) = a_run(old).timings
    assert (timing.running, timing.runs_on) == (Running(), "")
    new = benchmark(facts(runtime=RUNTIME))
    new["extra_info"]["optkit"]["running"] = RUNNING
    saved(tmp_path / "new.json", new)
    read = read_run(tmp_path / "new.json")
    assert read.timings[0].running == Running(settings=BUILTIN)
    assert read.variants["baseline"].runtime == RUNTIME


@pytest.mark.parametrize("running", [{"runtime": "a/b"}, {"settings": "fastest"}, {"settings": 3}, 3])
def test_a_damaged_record_is_an_error_of_records(running: object) -> None:
    wrong = benchmark(facts())
    wrong["extra_info"]["optkit"]["running"] = running
    with pytest.raises(RecordError):
        a_run(wrong)


def test_the_summary_says_what_ran_a_file() -> None:
    tuned = RuntimeFacts(name="litert", version="2.3.0", settings={"chosen": "tune"})
    found = benchmark(facts("tuned", runtime=tuned))
    found["extra_info"]["optkit"]["running"] = RUNNING
    text = " ".join(summary(a_run(benchmark(facts()), benchmark(facts("int8", runtime=RUNTIME)), found)).split())
    assert 'int8: run by litert 2.3.0 with kernels = "builtin".' in text
    assert 'tuned: tuned for single_batch, 1 thread: kernels = "builtin".' in text
    assert "run by" not in summary(a_run(benchmark(facts())))


def test_other_settings_begin_another_series_of_a_history() -> None:
    plain = run(variant("baseline", wrong=0, size=2000), variant(), machine=MACHINE)
    other = run(variant("baseline", wrong=0, size=2000), variant(runtime=RUNTIME), machine=MACHINE, running=RUNNING)
    days = [datetime(2026, 1, day, tzinfo=timezone.utc) for day in (1, 2, 3)]
    runs = [
        SavedRun(path=f"{day:%d}.json", made=day, run=past_of(dataclasses.replace(one, made=day.isoformat())))
        for day, one in zip(days, (plain, other, plain), strict=True)
    ]
    history = make_history(runs, Tolerances())
    series = [one for one in history.series if one.metric == "seconds" and one.name.startswith("int8/")]
    assert sorted(len(one.points) for one in series) == [1, 2]


def test_what_a_past_run_keeps_is_read_without_the_new_field() -> None:
    """The index of a history that an older optkit wrote has no such field."""
    made = dataclasses.replace(run(variant("baseline", wrong=0, size=2000), variant()), made="2026-01-01")
    setting = past_of(made).timings[0].setting
    old = json.loads(msgspec.json.encode(setting))[:-1]
    assert msgspec.convert(old, type(setting)) == setting
