"""What runs an artifact. A runner is set up once, outside the timed call, and then invoked."""

from __future__ import annotations

from optkit.runtime.keras import KerasWorkers
from optkit.runtime.litert import TFLiteRunner, dequantize, quantize, runtime_version
from optkit.runtime.registry import RUNTIMES, find_runtime, make_settings

__all__ = [
    "RUNTIMES",
    "KerasWorkers",
    "TFLiteRunner",
    "dequantize",
    "find_runtime",
    "make_settings",
    "quantize",
    "runtime_version",
]
