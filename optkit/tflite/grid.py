"""Weights that lie on a grid: each channel's are whole numbers times a step of its own. Found again from the values.

Law: what is found gives the values back to within rounding, or nothing is found.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

MOST = 127
"""The largest whole number: that of 8 bits, symmetric and with a narrow range."""
_NEAR = 1e-3
"""How near to a whole number counts as one. Ratios of whole numbers up to 127 are 1/127 from the next, or more."""
_ROUNDING = 1e-6
"""The relative error of some float32 roundings: those of training, and of folding a scale into the weights."""


class Grid(NamedTuple):
    """Weights on a grid: `steps` float32 (channels,), `integers` int8 in the weights' shape with channels first."""

    steps: npt.NDArray[np.float32]
    integers: npt.NDArray[np.int8]

    @property
    def bits(self) -> int:
        """How many bits hold the integers, symmetric and with a narrow range: 2 for -1, 0 and 1, 3 up to 3."""
        return bits_for(int(np.abs(self.integers.astype(np.int16)).max(initial=0)))


def bits_for(largest: int) -> int:
    """Return how many bits hold the integers from -`largest` to `largest`; at least 2."""
    return max(2, largest.bit_length() + 1)


def largest_of(bits: int) -> int:
    """Return the largest integer of so many bits, symmetric and with a narrow range."""
    return int(2 ** (bits - 1) - 1)


def find_grid(values: npt.NDArray[np.float32], channel: int) -> Grid | None:
    """Return the grid that `values` lie on, channel by channel along axis `channel`; None when they lie on none.

    Each channel's step is the largest that gives whole numbers up to 127: a common factor of its integers is in the
    step. A channel of zeros has the mean of the other steps.
    """
    channels = np.moveaxis(values, channel, 0).astype(np.float64)
    flat = channels.reshape(len(channels), -1)
    steps = np.zeros(len(flat))
    for number, row in enumerate(flat):
        step = _step(row)
        if step is None:
            return None
        steps[number] = step
    found = steps[steps > 0]
    steps[steps == 0] = found.mean() if found.size else 1.0
    rounded = steps.astype(np.float32)
    integers = np.rint(flat / steps[:, None])
    if not np.allclose(integers * rounded[:, None], flat, rtol=_ROUNDING, atol=0):
        return None
    return Grid(rounded, integers.astype(np.int8).reshape(channels.shape))


def _step(row: npt.NDArray[np.float64]) -> float | None:
    """Return the step of one channel: 0 of zeros alone, None when there is none."""
    if not np.isfinite(row).all():
        return None
    sizes = np.unique(np.abs(row))
    sizes = sizes[sizes > 0]
    if not sizes.size:
        return 0.0
    if sizes[-1] > (MOST + 1) * sizes[0]:
        return None
    for smallest in range(1, MOST + 1):
        integers = sizes * (smallest / sizes[0])
        whole = np.rint(integers)
        if whole[-1] > MOST:
            return None
        if np.abs(integers - whole).max() < _NEAR:
            return float((sizes @ whole) / (whole @ whole))
    return None
