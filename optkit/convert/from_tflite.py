"""Convert a float .tflite file, whoever made it, to the bytes of a quantized one: without TensorFlow.

Law: the file is somebody else's. It is verified, and tried in a process of its own, before LiteRT runs it in this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from optkit.convert.activations import Feeds
from optkit.convert.quantizer import quantize, scopes
from optkit.errors import ArtifactError, BuildError, DataError
from optkit.names import shown
from optkit.process.temporary import temporary_folder
from optkit.spec import Conversion
from optkit.tflite.flatbuffer import (
    is_quantized,
    operator_name,
    tensor_name,
    tensor_type,
    weight_operators,
)
from optkit.tflite.interface import Array, Inputs, Interface, fit, interface_of
from optkit.tflite.mend import mend
from optkit.tflite.simplify import fold, simplify
from optkit.tflite.smallest import reduced
from optkit.tflite.tensors import listed
from optkit.tflite.trial import check_runs
from optkit.tflite.verify import verify

_CUSTOM = ("TFLite_Detection_PostProcess", "AudioSpectrogram", "Mfcc", "NumericVerify")
"""The custom operators that LiteRT's interpreter brings."""


def convert_tflite(
    content: bytes,
    conversion: Conversion,
    calibration: Inputs | None,
    signature: str | None = None,
    *,
    name: str = "the model",
    tried: bool = False,
) -> bytes:
    """Return the float .tflite file `content` as `conversion` says.

    `calibration` are training samples: an array (samples, *sample shape), or one for each input by its name in
    `signature` (default: the file's first). Modes int8 and int16x8, algorithms gptq and oscar, and bias_correction need
    it. `name` is what messages call the file. It is tried in a process of its own unless it was `tried` already. Mode
    float32 gives the file itself, mended (`optkit.tflite.mend`) and stripped; its outputs stay the same.

    Raises ArtifactError when the file is damaged, crashes LiteRT, is quantized already or has an operator that LiteRT
    does not know; DataError when the samples do not fit; BuildError when it cannot be converted so.
    """
    model = verify(content, Path(name))
    interface = interface_of(model, name, signature)
    _check_operators(model, name)
    _check_float(model, name)
    if conversion.sparse:
        raise BuildError(f"sparse is for Keras models, and {name} is a .tflite file; drop sparse")
    if not tried:
        _try(content, name, interface.batch or 1)
    data = mend(content)
    if conversion.mode != "float32" or conversion.layers:
        data = fold(data, quantized_next=True)  # what the quantizer takes for weights must be constant
        feeds = _feeds(calibration, interface, conversion) if conversion.needs_samples else lambda: iter(())
        data = quantize(data, conversion, scopes(data), feeds)
    return reduced(simplify(data), conversion.strip)


def _check_operators(model: Any, name: str) -> None:
    """Refuse operators that LiteRT cannot run, by name, before it says so in its own words."""
    for operator in (operator for graph in model.subgraphs for operator in listed(graph.operators)):
        kind = operator_name(model, operator)
        custom = bool(model.operatorCodes[operator.opcodeIndex].customCode)
        if custom and kind.startswith("Flex"):
            raise ArtifactError(
                f"{name} has the operator {shown(kind)}, TensorFlow's own {shown(kind[4:])}, which LiteRT has not; "
                "export the model again with built-in operators only (TFLITE_BUILTINS), or replace the layer"
            )
        if custom and kind not in _CUSTOM:
            raise ArtifactError(
                f"{name} has the custom operator {shown(kind)}, which LiteRT has not; export the model again without "
                "it: replace the layer by built-in operators, or cut it off and compute it after the model"
            )
        if kind.startswith("UNKNOWN_"):
            raise ArtifactError(
                f"{name} has an operator of number {kind[8:]}, which this LiteRT does not know; update ai-edge-litert, "
                "or export the model again for an older one"
            )


def _check_float(model: Any, name: str) -> None:
    """Refuse a file that has been quantized: its float weights are gone."""
    if part := quantized_part(model):
        raise ArtifactError(
            f"{name} is quantized already: {part}; give the float file that it was made from, and name this one among "
            "its variants to measure both"
        )


def quantized_part(model: Any, floats: tuple[str, ...] = ("float32",)) -> str | None:
    """Say which part of a verified ModelT is quantized; None when all of it is float. `floats` are types of weights."""
    for graph in model.subgraphs:
        for operator, stored in weight_operators(model, graph):
            if (kind := tensor_type(stored)) not in floats:
                return f"the weights of {operator_name(model, operator)} ({shown(tensor_name(stored))!r}) are {kind}"
        for tensor in listed(graph.tensors):
            if is_quantized(tensor):
                return f"tensor {shown(tensor_name(tensor))!r} is {tensor_type(tensor)} with a scale"
        if any(operator_name(model, operator) == "FAKE_QUANT" for operator in listed(graph.operators)):
            return "it carries FAKE_QUANT operators of quantization-aware training"
    return None


def _try(content: bytes, name: str, batch: int) -> None:
    with temporary_folder("trial") as folder:
        path = folder / "model.tflite"
        path.write_bytes(content)
        try:
            check_runs(path, batch=batch)
        except ArtifactError as error:
            raise ArtifactError(str(error).replace(str(path), name)) from None


def _feeds(calibration: Inputs | None, interface: Interface, conversion: Conversion) -> Feeds:
    """Return what yields the calls of the calibration: samples drawn by the seed, as many a call as the file takes."""
    if calibration is None:
        who = f"mode {conversion.mode!r}"
        if conversion.algorithm in ("gptq", "oscar"):
            who = f"algorithm {conversion.algorithm!r}"
        elif conversion.bias_correction:
            who = "bias_correction"
        raise DataError(f"{who} needs samples to calibrate on; give training samples")
    arrays = fit(calibration, interface, "the calibration data")
    count = len(next(iter(arrays.values())))
    if not count:
        raise DataError("the calibration data has no samples; give one or more")
    return lambda: _calls(arrays, interface, conversion, count)


def _calls(
    arrays: Mapping[str, Array], interface: Interface, conversion: Conversion, count: int
) -> Iterator[dict[int, Array]]:
    rng = np.random.default_rng(conversion.calibration_seed)
    chosen = rng.permutation(count)[: conversion.calibration_samples]
    size = interface.batch or 1
    for start in range(0, len(chosen), size):
        # where a call takes several samples, the last one is filled up with those it has
        rows = np.resize(chosen[start : start + size], size)
        yield {spec.index: np.ascontiguousarray(arrays[spec.name][rows]) for spec in interface.inputs}
