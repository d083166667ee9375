"""Time every variant: one sample, one batch of 32, the full test set, for each thread count."""

from collections.abc import Callable


def test_latency(optkit_time: Callable[[], None]) -> None:
    optkit_time()
