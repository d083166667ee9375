"""What a change of a metric is called: worse times are slower, worse sizes larger."""

from __future__ import annotations

from optkit.judge.verdicts import ChangeVerdict

SIZES = ("file_bytes", "zip_bytes", "arena_bytes", "flash_bytes", "peak_bytes", "sram_bytes")
RATIOS = ("seconds", "cycles", "estimated_seconds", *SIZES)
"""Metrics whose change is a quotient; that of the others is a difference."""
_WORDS: dict[str, dict[str, str]] = {
    "seconds": {"worse": "slower", "better": "faster"},
    "accuracy": {"worse": "less accurate", "better": "more accurate"},
    **{size: {"worse": "larger", "better": "smaller"} for size in SIZES},
}


def spoken(metric: str, verdict: ChangeVerdict) -> str:
    """Return the word for `verdict` on `metric`; of a metric that has none of its own, the verdict itself."""
    return _WORDS.get(metric, {}).get(verdict, verdict)
