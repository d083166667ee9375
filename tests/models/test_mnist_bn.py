from __future__ import annotations

import pytest

from optkit.models import NETWORKS


@pytest.mark.parametrize(("width", "parameters"), [(1.0, 17178), (0.5, 5138), (0.01, 139)])
def test_width_scales_the_network(width: float, parameters: int) -> None:
    model = NETWORKS["mnist_bn"].build(width=width)

    assert (model.input_shape, model.output_shape) == ((None, 28, 28), (None, 10))
    assert model.count_params() == parameters
    assert {"conv1", "bn1", "add", "logits"} <= {layer.name for layer in model.layers}
