"""The error of a layer is what NumPy says it is."""

import numpy as np
import pytest

from optkit.doctor.layer_errors import errors_of, see_layers
from optkit.doctor.matching import match
from optkit.runtime import dequantize
from optkit.tflite.flatbuffer import parse_flatbuffer
from optkit.tflite.interface import interface_of
from tests.doctor import nets


def seen_in(folder, plain, quantized, x):
    models = parse_flatbuffer(plain), parse_flatbuffer(quantized)
    paths = folder / "a.tflite", folder / "b.tflite"
    for path, content in zip(paths, (plain, quantized), strict=True):
        path.write_bytes(content)
    ends = interface_of(models[0], "it"), interface_of(models[1], "it")
    return see_layers(paths, match(*models), ends, {"image": x})


def tensors(content, x, indices):
    """Run a file sample by sample with a plain interpreter and return the real values of tensors."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    one = Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    one.allocate_tensors()
    details = {d["index"]: d for d in one.get_tensor_details()}
    found: dict[int, list[np.ndarray]] = {index: [] for index in indices}
    for i in range(len(x)):
        one.set_tensor(one.get_input_details()[0]["index"], x[i : i + 1])
        one.invoke()
        for index in indices:
            raw = one.get_tensor(index)
            scale, zero = details[index]["quantization"]
            found[index].append(dequantize(raw, scale, zero) if scale else raw)
    return {index: np.concatenate(parts).astype(np.float64) for index, parts in found.items()}


def test_figures_are_those_of_numpy(tmp_path, plain, data, healthy):
    x = data.x_train[:20]
    seen = seen_in(tmp_path, plain, healthy, x)
    errors = {error.name: error for error in errors_of(seen)}
    for one in seen:
        if one.layer.kind not in ("CONV_2D", "FULLY_CONNECTED"):
            continue
        a = tensors(plain, x, [one.layer.output])[one.layer.output]
        b = tensors(healthy, x, [one.layer.twin])[one.layer.twin]
        error = errors[one.layer.name]
        assert error.sqnr_db == pytest.approx(10 * np.log10((a**2).sum() / ((a - b) ** 2).sum()), abs=1e-6)
        assert error.cosine == pytest.approx((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()), abs=1e-9)
        form = one.layer.form
        beyond = (a > form.high + form.scale / 2) | (a < form.low - form.scale / 2)
        assert error.clipped == pytest.approx(beyond.mean())
        assert error.used == pytest.approx((b.max() - b.min()) / (form.high - form.low))
        np.testing.assert_allclose(one.calls[:, 1], a.reshape(len(x), -1).max(axis=1))
        np.testing.assert_allclose(one.largest, np.abs(a).reshape(-1, a.shape[-1]).max(axis=0))


def test_a_file_against_itself_has_no_error(tmp_path, plain, data):
    for error in errors_of(seen_in(tmp_path, plain, plain, data.x_train[:5])):
        assert error.sqnr_db is None
        assert error.cosine == pytest.approx(1)
        assert error.own == 0


def test_layers_are_in_the_order_of_the_graph(tmp_path, plain, data, healthy):
    numbers = [error.number for error in errors_of(seen_in(tmp_path, plain, healthy, data.x_train[:2]))]
    assert numbers == sorted(numbers)


def test_per_tensor_weights_are_told(tmp_path, plain, data):
    quantized = nets.int8(plain, data.x_train, granularity="per_tensor")
    layers = match(parse_flatbuffer(plain), parse_flatbuffer(quantized)).layers
    assert [layer.per_channel for layer in layers if layer.stored] == [False] * 3
