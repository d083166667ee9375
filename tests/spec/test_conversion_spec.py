"""What a Conversion refuses, and what it promises."""

import pytest

from optkit.spec import Conversion


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"mode": "dynamic_range", "calibration": "kl"}, "for mode 'int8'"),
        ({"mode": "int16x8", "calibration": "l2"}, "for mode 'int8'"),
        ({"mode": "int8", "calibration": "percentile", "percentile": 20.0}, "above 50"),
        ({"mode": "float32", "granularity": "per_tensor"}, "no integer weights"),
        ({"mode": "int4_weights", "input_type": "int8"}, "allows float32"),
        ({"mode": "int16x8", "sparse": True}, "sparse goes with"),
        ({"mode": "int8", "sparse": True, "calibration": "kl"}, "sparse goes with"),
        ({"sparse": True, "layers": {"conv": "int4"}}, "sparse goes with"),
        ({"calibration_samples": 0}, "1 or more"),
    ],
)
def test_what_does_not_go_together_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Conversion(**fields)


@pytest.mark.parametrize(
    ("fields", "metrics"),
    [
        ({}, []),
        ({"mode": "float16"}, []),
        ({"mode": "dynamic_range"}, ["integer_large_weights"]),
        ({"mode": "int8"}, ["integer_weights"]),
        ({"mode": "int4_weights"}, ["integer_weights"]),
        ({"mode": "int8", "layers": {"logits": "int4"}}, ["integer_weights"]),
        ({"mode": "int8", "layers": {"conv": "float32"}}, []),
    ],
)
def test_integer_weights_are_promised_where_every_layer_has_them(fields, metrics):
    promised = [gate.metric for gate in Conversion(**fields).promises()]
    assert promised == ["leftover_wrappers", *metrics]
