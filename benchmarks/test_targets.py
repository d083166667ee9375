"""Hold every .tflite variant to the limits of the suite's targets."""

from collections.abc import Callable


def test_fits(optkit_fit: Callable[[], None]) -> None:
    optkit_fit()
