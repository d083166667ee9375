"""The note on int16x8: only of what was timed beside it, with this run's figure, and only when it is slow."""

from optkit.record.facts import VariantFacts
from optkit.report.notes import int16_notes
from optkit.report.text import summary
from tests.builders import a_run, benchmark, facts


def converted(name: str, mode: str, seed: int = 1) -> VariantFacts:
    step = {"technique": "prune"}
    return facts(name, spec={"seed": seed, "steps": [step, {"conversion": {"mode": mode, "version": 2}}]})


INT8, FLOAT, INT16 = converted("int8", "int8"), converted("float_tflite", "float32"), converted("wide", "int16x8")
BASELINE = benchmark(facts())


def test_the_slowness_is_that_of_this_run_against_int8_of_the_same_model() -> None:
    other_model = converted("other_int8", "int8", seed=2)
    run = a_run(
        BASELINE, *(benchmark(f, s) for f, s in ((other_model, 1e-3), (FLOAT, 0.01), (INT8, 0.02), (INT16, 0.17)))
    )
    (note,) = int16_notes(run)
    assert note.startswith("wide takes 8.5 times as long as int8 (single_batch, 1 thread): LiteRT runs 16-bit")
    assert " ".join(summary(run).split()).endswith(note)


def test_the_whole_set_counts_before_a_batch_and_float_stands_in_for_int8() -> None:
    timed = (
        (FLOAT, 0.1, "single_batch"),
        (INT16, 0.9, "single_batch"),
        (FLOAT, 1, "full_set"),
        (INT16, 30, "full_set"),
    )
    run = a_run(BASELINE, *(benchmark(f, s, mode, 2) for f, s, mode in timed))
    assert int16_notes(run)[0].startswith("wide takes 30 times as long as float_tflite (full_set, 2 threads)")


def test_nothing_is_said_without_evidence() -> None:
    assert int16_notes(a_run(BASELINE, benchmark(INT16, 9))) == []  # nothing of the same model beside it
    assert int16_notes(a_run(BASELINE, benchmark(INT8, 1), benchmark(INT16, 1.5))) == []  # not slow
    assert int16_notes(a_run(BASELINE, benchmark(INT8, 1, "full_set"), benchmark(INT16, 9))) == []  # another mode
