"""What MNN can be set to, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from optkit.convert.mnn import CALIBRATED, MNNConversion, Quantization
from optkit.errors import SuiteError, nearest
from optkit.spec.keys import file_sha256

Precision = Literal["normal", "low", "high"]
"""What MNN may compute in: `low` allows 16 bits where the processor has them, `high` forbids it."""


@dataclass(frozen=True, kw_only=True)
class MNNSettings:
    """How MNN stores and runs a float model.

    - `quantization`: `none`; `kl`, `admm`, `ema`: weights and activations int8, ranges by MNN's own calibration;
      `weight_8`, `weight_4`: weights alone, and MNN computes in float.
    - `precision`: what MNN computes in. On x86 `low` changes nothing for a float file.
    - `calibration`: for `kl`, `admm` and `ema`, an .npz or .npy file of training samples, prepared as the model takes
      them (`x_train`, or `x`; `x_train_<input>` for several inputs).
    - `calibration_samples`: how many of them are used. ADMM takes one batch: at most 32.
    - `calibration_sha256`: of that file; it is worked out, so that records and caches say which samples it were.

    Raises SuiteError when a value is unknown, a calibration has no samples, or its file cannot be read or is another
    one than its sha256 says.
    """

    quantization: Quantization = "none"
    precision: Precision = "normal"
    calibration: str = ""
    calibration_samples: int = 256
    calibration_sha256: str = ""

    def __post_init__(self) -> None:
        _ = self.conversion
        if self.precision not in get_args(Precision):
            raise SuiteError(f"precision is {self.precision!r}; {nearest(str(self.precision), get_args(Precision))}")
        if (self.quantization in CALIBRATED) != bool(self.calibration):
            raise SuiteError(
                f"quantization is {self.quantization!r} and calibration {self.calibration!r}; kl, admm and ema need a "
                "file of training samples, and the others take none"
            )

        if self.calibration:
            self._read_sha256()

    def _read_sha256(self) -> None:
        try:
            found = file_sha256(Path(self.calibration))
        except OSError as error:
            raise SuiteError(
                f"calibration {self.calibration!r} cannot be read ({error.strerror}); give an .npz or .npy file"
            ) from error
        if self.calibration_sha256 not in ("", found):
            raise SuiteError(
                f"calibration {self.calibration!r} is not the file of sha256 {self.calibration_sha256[:12]}"
            )
        object.__setattr__(self, "calibration_sha256", found)

    @property
    def conversion(self) -> MNNConversion:
        """What of it is about the .mnn file. Raises SuiteError for a wrong value."""
        return MNNConversion(quantization=self.quantization, calibration_samples=self.calibration_samples)
