"""A toy runtime: LiteRT, with real outputs multiplied by a setting."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import SuiteError
from optkit.runtime.litert import TFLiteRunner
from optkit.runtime.protocol import Runtime


@dataclass(frozen=True, kw_only=True)
class ToySettings:
    factor: float = 1.0

    def __post_init__(self) -> None:
        if not self.factor:
            raise SuiteError("factor is 0; expected another number")


class _Toy(TFLiteRunner):
    factor = 1.0

    def scores(self, raw: Any, output: str | None = None) -> Any:
        return self.factor * super().scores(raw, output)


def _runner(path: Path, settings: ToySettings, **more: Any) -> _Toy:
    found = _Toy(path, **more)
    found.factor = settings.factor
    return found


RUNTIME = Runtime(
    name="toy",
    settings=ToySettings,
    version=lambda: "1.0",
    suffixes=(".tflite",),
    refusal=lambda path, settings: None,
    runner=_runner,
    times=False,
)
