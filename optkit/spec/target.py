"""Where a suite's files are to run, and within what: Target.

Law: a target is a runtime or a compiler with its settings, and limits. Each limit is a gate on the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from optkit.errors import nearest
from optkit.spec.bounds import Bound
from optkit.spec.gate import Gate, require

ACCELERATORS = (
    "ethos-u55-32",
    "ethos-u55-64",
    "ethos-u55-128",
    "ethos-u55-256",
    "ethos-u65-256",
    "ethos-u65-512",
    "ethos-u85-128",
    "ethos-u85-256",
    "ethos-u85-512",
    "ethos-u85-1024",
    "ethos-u85-2048",
)
"""The processors that Vela 5.2 compiles for (its option --accelerator-config)."""
SYSTEM_CONFIGS = (
    "Ethos_U55_Deep_Embedded",
    "Ethos_U55_High_End_Embedded",
    "Ethos_U65_Embedded",
    "Ethos_U65_Mid_End",
    "Ethos_U65_High_End",
    "Ethos_U65_Client_Server",
    "Ethos_U85_SYS_Flash_Low",
    "Ethos_U85_SYS_Flash_High",
    "Ethos_U85_SYS_DRAM_Low",
    "Ethos_U85_SYS_DRAM_Mid",
    "Ethos_U85_SYS_DRAM_High",
    "",
)
"""Clocks and bandwidths, as Vela's own configuration file (Arm/vela.ini) names them; empty is Vela's choice."""
MEMORY_MODES = (
    "Sram_Only",
    "Shared_Sram",
    "Dedicated_Sram",
    "Dedicated_Sram_256KB",
    "Dedicated_Sram_384KB",
    "Dedicated_Sram_512KB",
    "",
)
"""Where weights and tensors stand, by the names of the same file; empty is Vela's choice."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A place to run, by `name`, and the `limits` that a file must keep there.

    `variants` are those that must keep them; empty means every .tflite file. Raises ValueError when there is no limit.
    """

    name: str
    limits: tuple[Bound, ...] = ()
    variants: tuple[str, ...] = ()

    by: ClassVar[str] = ""
    """The key that tells this kind of target from the others, and what stands there."""
    of: ClassVar[str] = ""
    quantities: ClassVar[tuple[str, ...]] = ()
    """What can be bounded there."""
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    """The values that a setting may have, of those that are names."""

    def __post_init__(self) -> None:
        example = f"max_{self.quantities[0]}" if self.quantities else "a limit"
        require(bool(self.limits), f"it has no limit; give one, such as {example}")

    @property
    def gates(self) -> tuple[Gate, ...]:
        """Its limits as gates, in their order."""
        return tuple(self._gate(bound) for bound in self.limits)

    def _gate(self, bound: Bound) -> Gate:
        modes = (bound.of.mode,) if bound.of.mode else ()
        threads = (getattr(self, "threads", 1),) if bound.of.mode else ()
        low, high = (bound.limit, None) if bound.kind == "min" else (None, bound.limit)
        return Gate(
            metric=bound.of.metric,
            min=low,
            max=high,
            variants=self.variants,
            kind="tflite",
            modes=modes,
            threads=threads,
            target=self.name,
            runtime=self.of if bound.of.mode else "",
            origin=f"targets.{self.name}",
        )


@dataclass(frozen=True, kw_only=True)
class MicroTarget(Target):
    """A microcontroller with TensorFlow Lite Micro: `max_arena_bytes` of RAM for tensors, `max_flash_bytes`."""

    runtime: Literal["tflite_micro"] = "tflite_micro"

    by: ClassVar[str] = "runtime"
    of: ClassVar[str] = "tflite_micro"
    quantities: ClassVar[tuple[str, ...]] = (*("arena_bytes", "flash_bytes", "accuracy", "accuracy_drop", "score"),)


@dataclass(frozen=True, kw_only=True)
class LiteRTTarget(Target):
    """This machine's processor with LiteRT on `threads` threads. `max_peak_bytes` bounds what a call adds to memory."""

    runtime: Literal["litert"] = "litert"
    threads: int = 1

    by: ClassVar[str] = "runtime"
    of: ClassVar[str] = "litert"
    quantities: ClassVar[tuple[str, ...]] = (
        *("single_sample_us", "single_sample_ms", "single_batch_us", "single_batch_ms", "full_set_ms", "full_set_s"),
        *("peak_bytes", "flash_bytes"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.threads >= 1, f"threads is {self.threads}; expected 1 or more")


@dataclass(frozen=True, kw_only=True)
class MNNTarget(Target):
    """This machine's processor with MNN on `threads` threads. A variant that MNN runs has its own settings there."""

    runtime: Literal["mnn"] = "mnn"
    threads: int = 1

    by: ClassVar[str] = "runtime"
    of: ClassVar[str] = "mnn"
    quantities: ClassVar[tuple[str, ...]] = (
        "flash_bytes",
        "arena_bytes",
        *("accuracy", "accuracy_drop", "score"),
        *(name for name in LiteRTTarget.quantities if name != "flash_bytes"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.threads >= 1, f"threads is {self.threads}; expected 1 or more")


@dataclass(frozen=True, kw_only=True)
class VelaTarget(Target):
    """An Arm Ethos-U processor, as its compiler Vela estimates it. Nothing is run: the figures are estimates."""

    compiler: Literal["vela"] = "vela"
    accelerator: str = "ethos-u55-128"
    system_config: str = ""
    memory_mode: str = ""

    by: ClassVar[str] = "compiler"
    of: ClassVar[str] = "vela"
    quantities: ClassVar[tuple[str, ...]] = (
        *("sram_bytes", "flash_bytes", "npu_share", "cycles", "estimated_us", "estimated_ms"),
    )
    choices: ClassVar[dict[str, tuple[str, ...]]] = {
        "accelerator": ACCELERATORS,
        "system_config": SYSTEM_CONFIGS,
        "memory_mode": MEMORY_MODES,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        for key, known in self.choices.items():
            value = getattr(self, key)
            require(value in known, f"there is no {key} {value!r}; {nearest(value, [one for one in known if one])}")
        family = self.accelerator.split("-")[1].upper()
        require(
            not self.system_config or f"_{family}_" in f"{self.system_config}_",
            f"system_config {self.system_config} is not of {self.accelerator}; name one of Ethos_{family}",
        )
        dedicated = self.memory_mode.startswith("Dedicated_Sram")
        require(
            not (dedicated and family == "U55"),
            f"memory_mode {self.memory_mode} needs a second memory, which {self.accelerator} has not; "
            "use Shared_Sram or Sram_Only",
        )


KINDS: tuple[type[Target], ...] = (MicroTarget, LiteRTTarget, MNNTarget, VelaTarget)
"""Every kind of target. Adding one is a class here, and what measures it in `measure.targets`."""
