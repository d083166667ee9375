"""What LiteRT can be set to, as values. What a package of ai-edge-litert cannot do is refused here, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from optkit.errors import SuiteError, nearest

Kernels = Literal["xnnpack", "builtin", "reference"]
"""Who computes: XNNPACK what it can (LiteRT's default), LiteRT's own fast kernels, or its plain ones (for tests)."""
Api = Literal["interpreter", "compiled_model"]
"""LiteRT's two Python classes."""

XNNPACK_FLAGS = {
    "force_fp16": 0x0004,
    "transient_indirection_buffer": 0x0020,
    "latest_operators": 0x0040,
    "consistent_arithmetic": 0x0200,
    "no_dynamic_quantization": 0x0800,
}
"""What can be added to XNNPACK's own flags (tflite/delegates/xnnpack/xnnpack_delegate.h of LiteRT 2.3)."""
DEFAULT_FLAGS = 0x000B
"""XNNPACK's flags when none are given: signed and unsigned 8 bits, and dense layers whose weights are computed."""
OTHER_RESULTS = ("force_fp16", "no_dynamic_quantization")
"""Flags that compute something else on purpose: nothing chooses them for you."""


@dataclass(frozen=True, kw_only=True)
class LiteRTSettings:
    """How LiteRT runs a file; the defaults are LiteRT's own.

    `xnnpack` are flags added to XNNPACK's own, by name (`XNNPACK_FLAGS`). `weight_cache` writes XNNPACK's packed
    weights to a temporary file and maps that, as an app with a cache folder does. `Interpreter` knows only the flag
    `latest_operators`, and no cache; `CompiledModel` knows all.
    Raises SuiteError when a value is unknown, or two contradict each other.
    """

    kernels: Kernels = "xnnpack"
    api: Api = "interpreter"
    xnnpack: tuple[str, ...] = ()
    weight_cache: bool = False

    def __post_init__(self) -> None:
        for flag in self.xnnpack:
            if flag not in XNNPACK_FLAGS:
                raise SuiteError(f"xnnpack: there is no flag {flag!r}; {nearest(str(flag), XNNPACK_FLAGS)}")
        if self.kernels != "xnnpack" and (self.xnnpack or self.weight_cache):
            what = "flags of xnnpack" if self.xnnpack else "a weight cache"
            raise SuiteError(
                f"kernels is {self.kernels!r}, with {what}; XNNPACK does not run then: drop one of the two"
            )
        if self.api == "compiled_model" and self.kernels == "reference":
            raise SuiteError(
                "CompiledModel runs the built-in kernels when it is asked for the reference ones; use "
                'kernels = "builtin", or api = "interpreter"'
            )
        only = [flag for flag in self.xnnpack if flag != "latest_operators"]
        if self.api == "interpreter" and (only or self.weight_cache):
            what = f"the flag {only[0]!r}" if only else "a weight cache"
            raise SuiteError(f'Interpreter cannot be given {what}; add api = "compiled_model"')


TUNABLE: tuple[dict[str, Any], ...] = (
    {"kernels": "builtin"},
    {"xnnpack": ["latest_operators"]},
    {"api": "compiled_model"},
    {"api": "compiled_model", "kernels": "builtin"},
)
"""What `optkit tune` tries beside the defaults. Reference kernels and the flags that are left out cost time; those of
`OTHER_RESULTS` are left to you."""
