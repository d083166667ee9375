"""The study of damaged files does with a file what optkit does."""

import inspect

from benchmarks.studies.mutate_tflite.__main__ import forked
from optkit.tflite import trial


def test_what_stands_for_a_start_of_python_is_called_like_it() -> None:
    ours, theirs = (inspect.signature(function).parameters for function in (forked, trial.launch))
    assert list(ours.values()) == list(theirs.values())
