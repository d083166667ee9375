"""How the pixels of an image become what a network takes: the one place, for data sets and for single images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import DataError

_CHANNELS = (1, 3)


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The shape of a sample, (height, width) or (height, width, channels), and its normalization.

    `mean` and `std` are of pixels scaled to [0, 1]: one value, or one for each channel. With `channels_first` what a
    network takes is (channels, height, width), as PyTorch has it; `shape` is as without.
    Raises DataError when their numbers do not fit the shape, one is no finite number, or a `std` is not above 0.
    """

    shape: tuple[int, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    channels_first: bool = False

    def __post_init__(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) not in (1, self.channels):
                raise DataError(
                    f"{name} has {len(values)} values; expected 1, or one for each of {self.channels} channels"
                )
            if not all(_finite(value) for value in values):
                raise DataError(f"{name} is {list(values)}; expected finite numbers, such as 0.5")
        if min(self.shape) < 1:
            raise DataError(f"the image size is {self.shape}; expected numbers above 0")
        if not min(self.std) > 0:
            raise DataError(f"std is {list(self.std)}; expected numbers above 0")
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            ends = self._normalized(np.array([[0] * self.channels, [255] * self.channels], np.uint8))
        if not np.isfinite(ends).all():
            raise DataError(
                f"with mean {list(self.mean)} and std {list(self.std)} black or white is beyond what float32 holds; "
                "expected values of pixels scaled to [0, 1]"
            )

    @property
    def channels(self) -> int:
        """How many channels a sample has; 1 when its shape names none."""
        return self.shape[2] if len(self.shape) == 3 else 1

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The shape of what the network takes."""
        return (self.channels, *self.shape[:2]) if self.channels_first else self.shape

    def apply(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return (pixels / 255 - mean) / std, float32 (samples, *sample_shape), of uint8 pixels, (samples, *shape)."""
        x = self._normalized(pixels)
        if not self.channels_first:
            return x
        return np.moveaxis(x.reshape(len(x), *self.shape[:2], self.channels), -1, 1)

    def _normalized(self, pixels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        x: npt.NDArray[np.float32] = np.multiply(pixels, 1 / 255, dtype=np.float32)
        if any(self.mean):
            x -= np.asarray(self.mean, np.float32)
        if any(value != 1 for value in self.std):
            x /= np.asarray(self.std, np.float32)
        return x


def image_shape(sample: Sequence[int | None]) -> tuple[tuple[int, int, int], bool] | None:
    """Return (height, width, channels) of images that a network takes as `sample`, and whether channels come first.

    None when `sample` is no shape of images: three sizes, of which the last or else the first is 1 or 3.
    """
    if len(sample) != 3:
        return None
    first, middle, last = sample
    if first is None or middle is None or last is None:
        return None
    if last in _CHANNELS:
        return (first, middle, last), False
    return ((middle, last, first), True) if first in _CHANNELS else None


def _finite(value: Any) -> bool:
    # a TOML file may hold whole numbers of any size; this also rules out NaN
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -1e38 < value < 1e38
