"""The words of verdicts, and the exit code that they come to."""

import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.judge.verdicts import OUTCOMES, ChangeVerdict, GateVerdict, exit_code
from optkit.report.words import spoken

WORDS = {*typing.get_args(GateVerdict), *typing.get_args(ChangeVerdict)}


@given(st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=4))
def test_the_worst_verdict_decides(words: list[typing.Any]) -> None:
    bad = {"fail", "worse"} & set(words)
    open_ = {"inconclusive", "not comparable"} & set(words)
    assert exit_code(words) == (1 if bad else 3 if open_ else 0)


def test_no_verdict_is_no_pass() -> None:
    assert (exit_code([]), OUTCOMES[exit_code([])]) == (3, "inconclusive")


@pytest.mark.parametrize(
    ("metric", "verdict", "word"),
    [
        ("seconds", "worse", "slower"),
        ("zip_bytes", "better", "smaller"),
        ("accuracy", "worse", "less accurate"),
        ("mse", "worse", "worse"),
        ("seconds", "same", "same"),
    ],
)
def test_what_a_change_is_called(metric: str, verdict: ChangeVerdict, word: str) -> None:
    assert spoken(metric, verdict) == word
