"""Hold every variant to the suite's gates, and to what its techniques promise of the finished file."""

from collections.abc import Callable


def test_gate(optkit_judge: Callable[[], None]) -> None:
    optkit_judge()
