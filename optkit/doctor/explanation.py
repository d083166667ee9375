"""What is wrong, the figures that show it, and what mends it: the form in which optkit explains."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

CauseName = Literal[
    "clipped_range",
    "stretched_range",
    "channel_scales",
    "bias_saturates",
    "unfolded_batch_normalization",
    "logit_scale",
    "few_samples",
    "width",
]
CAUSES: tuple[CauseName, ...] = get_args(CauseName)

TITLES: dict[CauseName, str] = {
    "clipped_range": "values are clipped",
    "stretched_range": "the range is far wider than most values",
    "channel_scales": "channels of very different scale share one scale",
    "bias_saturates": "a bias does not fit",
    "unfolded_batch_normalization": "batch normalization was not folded",
    "logit_scale": "the steps of the last layer are wider than what tells classes apart",
    "few_samples": "too few calibration samples",
    "width": "the bits of this layer do not suffice",
}

SOURCES: dict[CauseName, str] = {
    "clipped_range": "Wu et al. 2020, arXiv:2004.09602 (calibration); Migacz 2017, 8-bit Inference with TensorRT",
    "stretched_range": "Wu et al. 2020, arXiv:2004.09602 (calibration); Bondarenko et al. 2021, arXiv:2109.12948",
    "channel_scales": "Nagel et al. 2019, arXiv:1906.04721 (cross-layer equalization)",
    "bias_saturates": "Jacob et al. 2018, arXiv:1712.05877 (a bias is int32, its scale that of input times weights)",
    "unfolded_batch_normalization": "Jacob et al. 2018, arXiv:1712.05877 (folding); Nagel et al. 2021, 2106.08295",
    "logit_scale": "Nagel et al. 2021, arXiv:2106.08295 (range of the last layer)",
    "few_samples": "Nagel et al. 2021, arXiv:2106.08295 (calibration data)",
    "width": "Krishnamoorthi 2018, arXiv:1806.08342; Nagel et al. 2021, arXiv:2106.08295",
}
"""Where each cause is described. The thresholds of the rules are optkit's own: docs/doctor.md has them."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A cause in a layer (empty: of the whole file), its evidence, and a remedy.

    `evidence` is a sentence made of `figures`. `remedy` says what to change; `changes` are keys of the conversion, by
    which the best of the remedies for this cause is built. `tried` tells whether it was, and `recovered` what share of
    the loss it gave back: 1 is all; None when it was not tried, or there was no loss.
    """

    layer: str
    cause: CauseName
    evidence: str
    figures: dict[str, float]
    source: str
    remedy: str
    changes: dict[str, Any] = field(default_factory=dict)
    tried: bool = False
    recovered: float | None = None
