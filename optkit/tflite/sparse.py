"""Check a sparsely encoded .tflite file against its dense twin before it is handed out.

TensorFlow Lite's converter encodes any tensor with enough zeros, but the runtime lacks kernels for some of these
encodings and computes others wrongly; neither is reported when the file is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.errors import BuildError
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.interface import Array, Inputs, interface_of

_TOLERANCE = 0.02
"""Largest difference, as a share of the outputs' span. Other kernels round otherwise: an integer step or two."""
_INSTEAD = "convert without sparse: zip stores zeros as compactly"


def check_sparse(sparse: bytes, dense: bytes, x: Inputs) -> None:
    """Raise BuildError when `sparse` holds no sparse tensor, cannot be run, or differs from `dense` on samples `x`.

    `x`: (samples, *sample shape), or of several inputs a dict of such arrays by input name.
    """
    if not any(tensor.sparsity for graph in parse_flatbuffer(sparse).subgraphs for tensor in graph.tensors):
        raise BuildError("sparse: no weight tensor has enough zeros to encode; prune more, or convert without sparse")
    expected = _outputs(dense, x)
    try:
        got = _outputs(sparse, x)
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise BuildError(f"sparse: the runtime cannot run the sparse file ({reason}); {_INSTEAD}") from error
    span = float(expected.max() - expected.min())
    worst = float(np.abs(got - expected).max())
    if not worst <= _TOLERANCE * span:
        raise BuildError(
            f"sparse: the sparse file's outputs differ from the dense one's by up to {worst:.3g} of a span of "
            f"{span:.3g}; the runtime computes this encoding wrongly; {_INSTEAD}"
        )


def _outputs(model: bytes, x: Inputs) -> npt.NDArray[np.float64]:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model, num_threads=1)
    result = interpreter.get_output_details()[0]
    inputs = {details["index"]: details for details in interpreter.get_input_details()}
    specs = interface_of(parse_flatbuffer(model), "the converted file").inputs
    named = x if isinstance(x, Mapping) and len(specs) > 1 else {specs[0].name: _single(x)}
    for spec in specs:
        interpreter.resize_tensor_input(spec.index, named[spec.name].shape)
    interpreter.allocate_tensors()
    for spec in specs:
        interpreter.set_tensor(spec.index, _encoded(named[spec.name], inputs[spec.index]))
    interpreter.invoke()
    outputs: npt.NDArray[np.float64] = interpreter.get_tensor(result["index"]).astype(np.float64)
    if np.issubdtype(result["dtype"], np.integer):
        outputs = (outputs - result["quantization"][1]) * result["quantization"][0]
    return outputs


def _single(x: Inputs) -> Array:
    return next(iter(x.values())) if isinstance(x, Mapping) else x


def _encoded(x: Array, given: dict[str, Any]) -> Array:
    """Return real values as the input `given` takes them."""
    scale, zero = given["quantization"]
    if np.issubdtype(given["dtype"], np.integer) and scale:
        limits = np.iinfo(given["dtype"])
        x = np.clip(np.round(x / scale) + zero, limits.min, limits.max)
    return x.astype(given["dtype"])
