"""LiteRT's C interface by ctypes: run a file, and read what its profiler noted.

The Python classes of ai-edge-litert do not expose the profiler; `libLiteRt.so` in the same wheel does. Its structures
may change from version to version, so only versions that they were read for are used (`VERSIONS`): their layouts are
those of litert/c/litert_profiler_event.h, litert_layout.h and litert_model_types.h, and the sizes were checked against
the library itself.

Law: this is called in a process of its own. A wrong layout can crash it.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from optkit.inspect.loading import Kernels

VERSIONS = ("2.3",)
"""Versions of ai-edge-litert, by their first two numbers, whose structures are known."""
OPERATOR, DELEGATED = 2, (4, 8)
"""Types of events: an operator of the graph, and one inside a delegate (litert_profiler_event.h)."""
_NAMES = ("libLiteRt.so", "libLiteRt.dylib", "LiteRt.dll", "libLiteRt.dll")
_CPU = 1  # kLiteRtHwAcceleratorCpu
_WRITE = 1  # kLiteRtTensorBufferLockModeWrite
_MOST_RANK = 8  # LITERT_TENSOR_MAX_RANK
# numpy's types by LiteRtElementType, of those that inputs have.
_TYPES = {1: "f4", 2: "i4", 3: "u1", 4: "i8", 6: "?", 7: "i2", 9: "i1", 10: "f2", 11: "f8", 16: "u4", 17: "u2"}
_KERNEL_MODES = {"built-in": "builtin", "reference": "reference"}


class Failed(Exception):
    """A function of the C interface did not return success. The text says which, and its status."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("tag", ctypes.c_char_p),
        ("kind", ctypes.c_int),
        ("start_us", ctypes.c_uint64),
        ("elapsed_us", ctypes.c_uint64),
        ("begin_memory", ctypes.c_int64 * 3),
        ("end_memory", ctypes.c_int64 * 3),
        ("node", ctypes.c_uint64),
        ("subgraph", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )


class _Layout(ctypes.Structure):
    _fields_ = (
        ("rank", ctypes.c_uint32, 7),
        ("has_strides", ctypes.c_uint32, 1),
        ("dimensions", ctypes.c_int32 * _MOST_RANK),
        ("strides", ctypes.c_uint32 * _MOST_RANK),
    )


class _TensorType(ctypes.Structure):
    _fields_ = (("element", ctypes.c_int), ("layout", _Layout))


def library_path() -> Path | None:
    """Return LiteRT's C library in the installed package; None when it has none."""
    found = importlib.util.find_spec("ai_edge_litert")
    for folder in (found.submodule_search_locations or []) if found else []:
        for name in _NAMES:
            if (path := Path(folder) / name).is_file():
                return path
    return None


def why_not(version: str) -> str:
    """Return why the profiler of this version of ai-edge-litert is not used; empty when it is."""
    if not version.startswith(tuple(f"{known}." for known in VERSIONS)):
        return f"its C interface is known for ai-edge-litert {', '.join(VERSIONS)}, and {version} is installed"
    if library_path() is None:
        return "this package of ai-edge-litert has no libLiteRt"
    return ""


class Session:
    """One file, compiled for one way to run it; its inputs hold values. `run` runs it once."""

    def __init__(self, path: str, *, threads: int, batch: int, kernels: Kernels = "default", profiled: bool = False):
        library = library_path()
        if library is None:
            raise Failed("there is no libLiteRt")
        self._library = ctypes.CDLL(str(library))
        self._kept: list[Any] = []
        self._environment, self._model = ctypes.c_void_p(), ctypes.c_void_p()
        self._compiled, self._profiler = ctypes.c_void_p(), ctypes.c_void_p()
        self._do("LiteRtCreateEnvironment", 0, None, ctypes.byref(self._environment))
        self._do("LiteRtCreateModelFromFile", self._environment, path.encode(), ctypes.byref(self._model))
        options = self._options(threads, kernels, profiled)
        self._do("LiteRtCreateCompiledModel", self._environment, self._model, options, ctypes.byref(self._compiled))
        self._number, signature = self._main_signature()
        inputs = self._tensor_types(signature, "Input")
        self._inputs = self._input_buffers(inputs, batch)
        self._outputs = self._output_buffers(self._tensor_types(signature, "Output"))
        self._run = self._library.LiteRtRunCompiledModel
        self._arguments = (
            *(self._compiled, ctypes.c_size_t(self._number)),
            *(ctypes.c_size_t(len(self._inputs)), _array(self._inputs)),
            *(ctypes.c_size_t(len(self._outputs)), _array(self._outputs)),
        )
        if profiled:
            self._do("LiteRtCompiledModelGetProfiler", self._compiled, ctypes.byref(self._profiler))

    def run(self) -> None:
        """Run the file once. Raises Failed."""
        if status := self._run(*self._arguments):
            raise Failed(f"LiteRtRunCompiledModel returned {status}")

    def close(self) -> None:
        """Give back what the file took; the session cannot be used any more."""
        for buffer in (*self._inputs, *self._outputs):
            self._library.LiteRtDestroyTensorBuffer(buffer)
        self._library.LiteRtDestroyCompiledModel(self._compiled)
        self._library.LiteRtDestroyModel(self._model)

    def call_nothing(self) -> None:
        """Call a function of the library that does next to nothing: what a call from Python costs."""
        self._library.LiteRtHasTensorBufferEvent(self._inputs[0], ctypes.byref(ctypes.c_bool()))

    def start(self) -> None:
        """Forget what was noted, and note from now on."""
        self._do("LiteRtStartProfiler", self._profiler)

    def stop(self) -> None:
        """Note no more; what was noted stays."""
        self._do("LiteRtStopProfiler", self._profiler)

    def events(self) -> list[tuple[str, int, int, int, int]]:
        """Return what was noted: tag, type, number of the node, of the subgraph, and microseconds."""
        count = ctypes.c_int()
        self._do("LiteRtGetNumProfilerEvents", self._profiler, ctypes.byref(count))
        found = (_Event * max(1, count.value))()
        self._do("LiteRtGetProfilerEvents", self._profiler, count, found)
        return [
            ((one.tag or b"").decode("utf-8", "replace"), one.kind, one.node, one.subgraph, one.elapsed_us)
            for one in found[: count.value]
        ]

    def _do(self, name: str, *arguments: Any) -> None:
        if status := getattr(self._library, name)(*arguments):
            raise Failed(f"{name} returned {status}")

    def _options(self, threads: int, kernels: Kernels, profiled: bool) -> ctypes.c_void_p:
        options = ctypes.c_void_p()
        self._do("LiteRtCreateOptions", ctypes.byref(options))
        self._do("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
        cpu = f"num_threads = {threads}\n"
        if kernels != "default":
            cpu += f'kernel_mode = "{_KERNEL_MODES[kernels]}"\n'
        self._add(options, b"xnnpack", cpu.encode())
        if profiled:
            self._add(options, b"runtime_options_string", b"enable_profiling = true\n")
        return options

    def _add(self, options: ctypes.c_void_p, name: bytes, text: bytes) -> None:
        """Add options that LiteRT reads as text. They are kept till the end."""
        payload = ctypes.create_string_buffer(text)
        done = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)
        opaque = ctypes.c_void_p()
        self._kept += [payload, done]
        self._do("LiteRtCreateOpaqueOptions", name, payload, done, ctypes.byref(opaque))
        self._do("LiteRtAddOpaqueOptions", options, opaque)

    def _main_signature(self) -> tuple[int, ctypes.c_void_p]:
        """Return the first signature of the main subgraph. LiteRT makes one for a file that has none."""
        count, main, graph = ctypes.c_size_t(), ctypes.c_size_t(), ctypes.c_void_p()
        self._do("LiteRtGetNumModelSignatures", self._model, ctypes.byref(count))
        self._do("LiteRtGetMainModelSubgraphIndex", self._model, ctypes.byref(main))
        self._do("LiteRtGetModelSubgraph", self._model, main, ctypes.byref(graph))
        for number in range(count.value):
            signature, its = ctypes.c_void_p(), ctypes.c_void_p()
            self._do("LiteRtGetModelSignature", self._model, ctypes.c_size_t(number), ctypes.byref(signature))
            self._do("LiteRtGetSignatureSubgraph", signature, ctypes.byref(its))
            if its.value == graph.value:
                return number, signature
        raise Failed("no signature is of the main subgraph")

    def _tensor_types(self, signature: ctypes.c_void_p, end: str) -> list[_TensorType]:
        count = ctypes.c_size_t()
        self._do(f"LiteRtGetNumSignature{end}s", signature, ctypes.byref(count))
        found = []
        for number in range(count.value):
            tensor, kind = ctypes.c_void_p(), _TensorType()
            self._do(f"LiteRtGetSignature{end}TensorByIndex", signature, ctypes.c_size_t(number), ctypes.byref(tensor))
            self._do("LiteRtGetRankedTensorType", tensor, ctypes.byref(kind))
            found.append(kind)
        return found

    def _input_buffers(self, types: Sequence[_TensorType], batch: int) -> list[ctypes.c_void_p]:
        for number, kind in enumerate(types):
            shape = list(kind.layout.dimensions[: kind.layout.rank])
            if any(size < 0 for size in shape):
                shape = [(batch if place == 0 else 1) if size < 0 else size for place, size in enumerate(shape)]
                self._resize(number, shape)
                kind.layout.dimensions[: len(shape)] = shape
        if types:
            return [self._buffer("Input", number, kind, fill=True) for number, kind in enumerate(types)]
        raise Failed("it takes no inputs")

    def _resize(self, number: int, shape: list[int]) -> None:
        sizes = (ctypes.c_int * len(shape))(*shape)
        self._do(
            "LiteRtCompiledModelResizeInputTensorNonStrict",
            *(self._compiled, ctypes.c_size_t(self._number), ctypes.c_size_t(number), sizes),
            ctypes.c_size_t(len(shape)),
        )

    def _output_buffers(self, types: Sequence[_TensorType]) -> list[ctypes.c_void_p]:
        layouts = (_Layout * max(1, len(types)))()
        self._do(
            "LiteRtGetCompiledModelOutputTensorLayouts",
            *(self._compiled, ctypes.c_size_t(self._number), ctypes.c_size_t(len(types)), layouts),
            ctypes.c_bool(True),
        )
        for kind, layout in zip(types, layouts, strict=False):
            kind.layout = layout
        return [self._buffer("Output", number, kind) for number, kind in enumerate(types)]

    def _buffer(self, end: str, number: int, kind: _TensorType, fill: bool = False) -> ctypes.c_void_p:
        needs, buffer = ctypes.c_void_p(), ctypes.c_void_p()
        where = (self._compiled, ctypes.c_size_t(self._number), ctypes.c_size_t(number))
        self._do(f"LiteRtGetCompiledModel{end}BufferRequirements", *where, ctypes.byref(needs))
        made = (self._environment, ctypes.byref(kind), needs, ctypes.byref(buffer))
        self._do("LiteRtCreateManagedTensorBufferFromRequirements", *made)
        if fill:
            self._fill(buffer, kind)
        return buffer

    def _fill(self, buffer: ctypes.c_void_p, kind: _TensorType) -> None:
        from optkit.inspect.loading import values

        if kind.element not in _TYPES:
            raise Failed(f"an input is of type {kind.element}, which is no number")
        content = values(kind.layout.dimensions[: kind.layout.rank], _TYPES[kind.element]).tobytes()
        size, address = ctypes.c_size_t(), ctypes.c_void_p()
        self._do("LiteRtGetTensorBufferPackedSize", buffer, ctypes.byref(size))
        self._do("LiteRtLockTensorBuffer", buffer, ctypes.byref(address), _WRITE)
        ctypes.memmove(address, content, min(len(content), size.value))
        self._do("LiteRtUnlockTensorBuffer", buffer)


def _array(pointers: Sequence[ctypes.c_void_p]) -> Any:
    return (ctypes.c_void_p * max(1, len(pointers)))(*[one.value for one in pointers])
