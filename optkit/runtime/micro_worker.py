"""The other end of `runtime.tflite_micro`: one JSON request a line on standard input, one JSON answer a line on output.

Law: whatever the interpreter prints, to either stream, is kept in a file and never shown; whatever a file does to it
ends this process alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from typing import Any

import numpy as np

from optkit.process.exchange import answering
from optkit.process.limits import limit_memory, limit_time

_MOST_ARENA = 1 << 29
_MOST_BESIDE = 1 << 16
_MOST_PRINTED = 1 << 16
_SECONDS_BESIDE = 30.0
_SLOWER = 10.0
"""How many times as long as the first call any other one may take."""
_TOO_SMALL = ("missing:", "too small", "Failed to allocate", "Failed to resize")


class _Printed:
    """What native code prints from now on, to standard output and error: `take` returns it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()
        self._end = 0
        os.dup2(self._file.fileno(), 1)
        os.dup2(self._file.fileno(), 2)

    def take(self) -> str:
        """Return what was printed since the last time, the last 64 KiB of it at most."""
        end = os.fstat(self._file.fileno()).st_size
        start = max(self._end, end - _MOST_PRINTED)
        text = os.pread(self._file.fileno(), end - start, start).decode(errors="replace")
        self._end = end
        return text


class _Model:
    """A file in an interpreter whose arena is large enough, or of the size that is asked for."""

    def __init__(self, path: str, arena: int, first: int, seconds: float, printed: _Printed) -> None:
        from tflite_micro import runtime

        with open(path, "rb") as file:
            data = file.read()
        self._printed, self._data = printed, data
        limit_time(seconds)
        limit_memory(len(data), 1)
        size = arena or first
        while True:
            try:
                self._interpreter = runtime.Interpreter.from_bytes(data, arena_size=size)
                break
            except RuntimeError as error:
                said = printed.take() or str(error)
                if arena or size >= _MOST_ARENA or not any(word in said for word in _TOO_SMALL):
                    raise RuntimeError(said) from error
            size *= 2
        self.arena = size
        began = time.perf_counter()
        for index, details in enumerate(self.inputs()):
            self._interpreter.set_input(np.zeros(details["shape"], details["dtype"]), index)
        self._invoke()
        self._seconds = time.perf_counter() - began
        limit_time(0)

    def least(self, total: int) -> int:
        """Return the smallest arena, in steps of 16 bytes, with which the file loads: at least `total`.

        While operators are prepared the library needs room that it gives back; its own total does not have it.
        """
        from tflite_micro import runtime

        def loads(size: int) -> bool:
            """Tell whether the file loads; in a process of its own, since a small arena may crash the library."""
            child = os.fork()
            if not child:
                try:
                    runtime.Interpreter.from_bytes(self._data, arena_size=size)
                    os._exit(0)
                except RuntimeError:
                    os._exit(1)
            return os.waitpid(child, 0)[1] == 0

        step, beyond = 16, 0
        while not loads(total + beyond) and beyond < total + _MOST_BESIDE:
            beyond = max(step, 2 * beyond)
        low, high = beyond // 2, beyond
        while high - low > step:
            middle = (low + high) // (2 * step) * step
            low, high = (low, middle) if loads(total + middle) else (middle, high)
        self._printed.take()
        return total + high

    def inputs(self) -> list[dict[str, Any]]:
        """Return what the interpreter says of each input."""
        return self._details(self._interpreter.get_input_details)

    def outputs(self) -> list[dict[str, Any]]:
        """Return what the interpreter says of each output."""
        return self._details(self._interpreter.get_output_details)

    def _details(self, get: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            try:
                found.append(get(len(found)))
            except IndexError:
                return found

    def _invoke(self) -> None:
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise RuntimeError(self._printed.take() or str(error)) from error

    def run(self, arrays: list[Any], calls: int) -> list[Any]:
        """Run `calls` calls: each array holds those of one input, one after the other along its first axis."""
        limit_time(_SECONDS_BESIDE + _SLOWER * self._seconds * calls)
        inputs, outputs = self.inputs(), self.outputs()
        found: list[list[Any]] = [[] for _ in outputs]
        for call in range(calls):
            for index, (details, array) in enumerate(zip(inputs, arrays, strict=True)):
                part = array.reshape(calls, *details["shape"])[call]
                self._interpreter.set_input(np.ascontiguousarray(part), index)
            self._invoke()
            for index, values in enumerate(found):
                values.append(np.array(self._interpreter.get_output(index)))
        limit_time(0)
        return [np.stack(values) for values in found]

    def allocations(self) -> str:
        """Return what the recording allocator prints."""
        self._printed.take()
        self._interpreter.print_allocations()
        return self._printed.take()


def _plain(details: dict[str, Any]) -> dict[str, Any]:
    quantization = details["quantization_parameters"]
    scales, zeros = quantization["scales"], quantization["zero_points"]
    return {
        "shape": [int(size) for size in details["shape"]],
        "dtype": np.dtype(details["dtype"]).name,
        "scale": float(scales[0]) if len(scales) else 0.0,
        "zero_point": int(zeros[0]) if len(zeros) else 0,
    }


def _answer(request: dict[str, Any], models: list[_Model], printed: _Printed) -> dict[str, Any]:
    op = request.pop("op")
    if op == "load":
        models.append(_Model(printed=printed, **request))
        model = models[-1]
        ends = {"inputs": list(map(_plain, model.inputs())), "outputs": list(map(_plain, model.outputs()))}
        return {**ends, "allocations": model.allocations(), "given": model.arena}
    if op == "least":
        limit_time(request["seconds"])
        found = models[-1].least(request["total"])
        limit_time(0)
        return {"bytes": found}
    arrays = [np.load(path, allow_pickle=False) for path in request["arrays"]]
    outputs = models[-1].run(arrays, request["calls"])
    for path, values in zip(request["to"], outputs, strict=True):
        np.save(path, values, allow_pickle=False)
    return {}


def main() -> None:
    """Serve requests until standard input ends."""
    answers = answering()
    printed = _Printed()
    models: list[_Model] = []
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line), models, printed)
        except MemoryError:
            answer = {"error": "it asks for over 4 GiB of memory"}
        except Exception as error:  # whatever is raised here is about the file: there is nothing else
            answer = {"error": str(error) or type(error).__name__}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
