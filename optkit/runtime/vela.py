"""Compile a .tflite file for an Arm Ethos-U processor with Vela, and read its estimates. Nothing is run.

Source: Vela's own summary (a CSV file) and its list of operators (another one), as written by ethos-u-vela 5.2. Cycles
and time are of the processor alone: operators that fall back to the CPU cost nothing in them. Vela is native code that
meets files from elsewhere: it runs in a process of its own, with its output in a temporary folder.
"""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import math
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.errors import ArtifactError
from optkit.names import shown
from optkit.process.children import run
from optkit.process.temporary import temporary_folder
from optkit.tflite.trial import crashed
from optkit.tflite.verify import verify_file

_KIB = 1024
_SECONDS = 120.0
_MOST_BYTES = 1 << 20
_NAME = "model"
_MEMORIES = ("sram", "dram", "on_chip_flash", "off_chip_flash")
_REASON = re.compile(r"^Warning \(supported operators\) operator: (\w+), ofm: .*\n(?:Reason: )?(.*)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Fallback:
    """An operator that stays on the CPU, by its kind as Vela calls it, and why, where Vela says it."""

    operator: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What Vela says of a file on an accelerator: all of it estimates, but for the share of operators and the bytes.

    `memory_bytes` are of each memory, by name: sram, dram, on_chip_flash, off_chip_flash. `flash_bytes` is the size of
    the compiled file. `operators` is how many there are after Vela's own rewriting, of which `npu_operators` are on the
    accelerator. `cycles` and `seconds` are of those alone, at `clock_hz`.
    """

    accelerator: str
    system_config: str
    memory_mode: str
    clock_hz: float
    memory_bytes: Mapping[str, int]
    flash_bytes: int
    cycles: int
    seconds: float
    macs: int
    operators: int
    npu_operators: int
    fallbacks: tuple[Fallback, ...]

    @property
    def npu_share(self) -> float:
        """The share of operators on the accelerator."""
        return self.npu_operators / self.operators if self.operators else 0.0


def version() -> str:
    """Return the version of Vela."""
    return importlib.metadata.version("ethos-u-vela")


def need() -> None:
    """Raise ArtifactError, which names the extra, when Vela is not installed."""
    if importlib.util.find_spec("ethosu") is None:
        raise ArtifactError("compiler 'vela' is not installed; pip install 'optkit[ethos]'")


def estimate(
    path: Path, accelerator: str, *, system_config: str = "", memory_mode: str = "", seconds: float = _SECONDS
) -> Estimate:
    """Compile the .tflite file at `path` and return Vela's estimates.

    Raises ArtifactError when the file is damaged, Vela is not installed, refuses it, crashes on it, or takes over
    `seconds`.
    """
    verify_file(path)
    need()
    with temporary_folder("vela") as folder:
        (folder / f"{_NAME}.tflite").symlink_to(path.absolute())
        arguments = ["-m", "ethosu.vela", f"{_NAME}.tflite", "--output-dir", "out", "--accelerator-config", accelerator]
        arguments += ["--verbose-performance", "--show-cpu-operations", *_chosen(system_config, memory_mode)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        try:
            done = run(arguments, timeout=seconds, cwd=folder, **pipes)
        except subprocess.TimeoutExpired:
            raise ArtifactError(f"Vela took over {seconds:g} s to compile {path}; give a smaller model") from None
        if done.returncode:
            raise ArtifactError(_failure(path, done.returncode, done.stderr))
        return _read(folder / "out", path, accelerator, done.stdout + "\n" + done.stderr)


def _chosen(system_config: str, memory_mode: str) -> list[str]:
    """Return the options for what is named, with Vela's own configuration file."""
    named = {"--system-config": system_config, "--memory-mode": memory_mode}
    found = [word for option, value in named.items() if value for word in (option, value)]
    return [*found, "--config", "Arm/vela.ini"] if found else []


def _failure(path: Path, code: int, errors: str) -> str:
    if code < 0:
        return crashed(path, code, errors).replace("the runtime", "Vela")
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    said = re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1]) if lines else "nothing"
    return f"Vela refuses {path}: {shown(said)}; give another model or accelerator"


def _read(folder: Path, path: Path, accelerator: str, printed: str) -> Estimate:
    summaries = sorted(folder.glob(f"{_NAME}_summary_*.csv"))
    layers = folder / f"{_NAME}_per-layer.csv"
    if len(summaries) != 1 or not layers.is_file():
        raise ArtifactError(f"Vela {version()} wrote no summary of {path} in a form that is known; use another version")
    try:
        return _estimate(_rows(summaries[0])[0], _rows(layers), folder, accelerator, printed)
    except (KeyError, ValueError, IndexError, OSError) as error:
        raise ArtifactError(
            f"Vela {version()} wrote a summary of {path} in an unknown form ({error!r:.80}); use another version"
        ) from error


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return list(csv.DictReader(file))


def _estimate(
    summary: Mapping[str, str], layers: list[dict[str, str]], folder: Path, accelerator: str, printed: str
) -> Estimate:
    targets = [(row["Original Operator"], row["Target"]) for row in layers if row["Target"] in ("CPU", "NPU")]
    seconds = float(summary["inference_time"])
    return Estimate(
        accelerator=accelerator,
        system_config=shown(summary["system_config"]),
        memory_mode=shown(summary["memory_mode"]),
        clock_hz=float(summary["core_clock"]),
        memory_bytes={name: round(float(summary[f"{name}_memory_used"]) * _KIB) for name in _MEMORIES},
        flash_bytes=(folder / f"{_NAME}_vela.tflite").stat().st_size,
        cycles=round(float(summary["cycles_total"])),
        seconds=seconds if math.isfinite(seconds) else 0.0,
        macs=round(float(summary["nn_macs"])),
        operators=len(targets),
        npu_operators=sum(target == "NPU" for _, target in targets),
        fallbacks=tuple(_fallbacks([kind for kind, target in targets if target == "CPU"], printed)),
    )


def _fallbacks(kinds: list[str], printed: str) -> list[Fallback]:
    """Return the operators on the CPU in their order; Vela gives the reason by the name that TensorFlow Lite has."""
    reasons: dict[str, str] = {}
    for kind, reason in _REASON.findall(printed[:_MOST_BYTES]):
        reasons.setdefault(_plain(kind), shown(reason.strip())[:200])
    return [Fallback(operator=shown(kind), reason=reasons.get(_plain(kind), "")) for kind in kinds]


def _plain(kind: str) -> str:
    return kind.replace("_", "").removesuffix("2D").upper()
