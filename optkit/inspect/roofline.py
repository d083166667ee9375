"""What one core can do here in a type, measured once and kept; and how near to it an operator comes.

The most that LiteRT's own fastest kernel does is taken for what the core can do: large dense layers, of which the best
counts. An operator can be no faster than its multiply-adds at that rate, and than its bytes at the rate at which memory
gives them (Williams, Waterman and Patterson 2009, "Roofline").
"""

from __future__ import annotations

import json
import os
import platform
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
import numpy as np

from optkit.errors import ArtifactError
from optkit.files.regular import read_bytes
from optkit.inspect.inspection import Inspection
from optkit.inspect.memory import tensor_bytes
from optkit.inspect.operators import Operator
from optkit.inspect.profile import Profile, Timed
from optkit.inspect.small_models import product
from optkit.inspect.turns import Job, take_turns
from optkit.process.temporary import temporary_folder
from optkit.runtime.litert import runtime_version

_SCHEMA = 2
_PRODUCTS = ((64, 512, 512), (256, 512, 512), (512, 1024, 256))
_TYPES = ("float32", "int8")
_SECONDS = 1.0
_MOVED = (1 << 18, 1 << 20, 1 << 22, 1 << 24, 1 << 27)
"""Bytes that a copy reads and writes together: from what the nearest cache holds to what only memory does."""


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """What this machine can do on `threads` threads: multiply-adds a second by type, and bytes a second.

    `moves` has pairs of bytes moved and bytes a second: what is moved at once decides which cache it comes from.
    """

    threads: int
    float32: float
    int8: float
    moves: tuple[tuple[int, float], ...]

    def moved_a_second(self, size: int) -> float:
        """Return bytes a second where so many are moved: the rate of the next larger size, else of the largest."""
        return next((rate for moved, rate in self.moves if size <= moved), self.moves[-1][1])


@dataclass(frozen=True, kw_only=True)
class Speed:
    """How fast an operator is: multiply-adds a second (`rate`), and the share of what its `dtype` allows here.

    `bound` is what its least time comes from: `compute` or `memory`.
    """

    operators: tuple[int, ...]
    dtype: str
    rate: float
    share: float
    bound: str


def ceiling(threads: int = 1) -> Ceiling:
    """Return what this machine can do, from the user's cache; measured when it is not there. Raises ArtifactError."""
    place, key = _place(), f"{processor()} / ai-edge-litert {runtime_version()} / {threads}"
    kept = _kept(place)
    if key not in kept:
        kept[key] = _measured(threads)
        _keep(place, kept)
    return kept[key]


def speeds(found: Inspection, profile: Profile, most: Ceiling) -> tuple[Speed, ...]:
    """Return how fast the operators are that multiply and add, in the order of the profile."""
    made = (_speed(found, timed, most) for timed in profile.timed if timed.seconds > 0 and not timed.guessed)
    return tuple(one for one in made if one)


def _speed(found: Inspection, timed: Timed, most: Ceiling) -> Speed | None:
    operators = [found.main.operators[index] for index in timed.operators]
    macs = sum(operator.macs or 0 for operator in operators) * found.running.batch
    dtype = computes_in(operators[0], timed) if operators else ""
    if not macs or dtype not in _TYPES:
        return None
    moved = sum(_moved(found, operator) for operator in operators)
    compute = macs / getattr(most, dtype)
    memory = moved / most.moved_a_second(moved)
    least = max(compute, memory)
    return Speed(
        operators=timed.operators,
        dtype=dtype,
        rate=macs / timed.seconds,
        share=least / timed.seconds,
        bound="compute" if compute >= memory else "memory",
    )


def computes_in(operator: Operator, timed: Timed) -> str:
    """Return the type that an operator multiplies in, by its kernel, else its tensors; empty if another."""
    names = " ".join(timed.kernels)
    if any(sign in names for sign in ("QC8", "QS8", "QU8", "QD8")):
        return "int8"
    if "F32" in names or operator.dtype == "float32":
        return "float32"
    return operator.dtype if operator.dtype == "int8" else "int8" if operator.dtype == "uint8" else ""


def _moved(found: Inspection, operator: Operator) -> int:
    """Return the bytes that an operator reads and writes, each tensor once."""
    tensors, batch = found.main.tensors, found.running.batch
    indices = {index for index in (*operator.inputs, *operator.outputs) if index >= 0}
    return sum(tensors[i].bytes if tensors[i].constant else tensor_bytes(tensors[i]) * batch for i in sorted(indices))


def _measured(threads: int) -> Ceiling:
    with temporary_folder("roofline") as folder:
        jobs, work = [], []
        for dtype in _TYPES:
            for number, (rows, inputs, outputs) in enumerate(_PRODUCTS):
                path = folder / f"{dtype}_{number}.tflite"
                path.write_bytes(product(dtype, rows, inputs, outputs))
                jobs.append(Job(str(path), threads))
                work.append((dtype, rows * inputs * outputs))
        rounds = take_turns(jobs, _SECONDS)
    rates = dict.fromkeys(_TYPES, 0.0)
    for (dtype, macs), one in zip(work, rounds, strict=True):
        if one.seconds:
            rates[dtype] = max(rates[dtype], macs / float(np.quantile(one.seconds, 0.1)))
    if not all(rates.values()):
        reason = next((one.error for one in rounds if one.error), "it ran nothing")
        raise ArtifactError(f"what this machine can do cannot be measured: {reason}")
    return Ceiling(threads=threads, **rates, moves=tuple((moved, _copied(moved // 2)) for moved in _MOVED))


def _copied(size: int) -> float:
    """Return bytes a second of a copy: as many are read as are written."""
    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    best = float("inf")
    for _ in range(7):
        began = time.perf_counter()
        calls = max(1, (1 << 26) // size)
        for _ in range(calls):
            np.copyto(target, source)
        best = min(best, (time.perf_counter() - began) / calls)
    return 2 * size / best


def _place() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("optkit") / "roofline.json"


def processor() -> str:
    """Return the name of this machine's processor."""
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith(("model name", "Model")):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


class _Kept(msgspec.Struct):
    schema: int
    ceilings: dict[str, Ceiling]


def _kept(place: Path) -> dict[str, Ceiling]:
    """Return what was kept; nothing when there is none, or it is of another form."""
    try:
        found = msgspec.json.decode(read_bytes(place), type=_Kept)
    except (OSError, msgspec.MsgspecError):
        return {}
    return found.ceilings if found.schema == _SCHEMA else {}


def _keep(place: Path, ceilings: dict[str, Ceiling]) -> None:
    """Write what was measured; where that cannot be done, it is measured again the next time."""
    content = json.dumps({"schema": _SCHEMA, "ceilings": {key: asdict(one) for key, one in ceilings.items()}})
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=place.parent, suffix=".part", delete=False) as file:
            file.write(content)
        os.replace(file.name, place)
