import numpy as np
import pytest

from optkit.keras.tensorflow import make_deterministic
from optkit.models import NETWORKS
from optkit.spec import Training
from optkit.training.context import TrainingContext
from optkit.training.fit import fit


@pytest.mark.parametrize(
    ("name", "params", "parameters"),
    [
        ("mnist_conv", {}, 20_410),
        ("mnist_conv", {"width": 0.5}, 10_210),
        ("mnist_conv", {"width": 0.25}, 5_110),
        ("mnist_conv", {"width": 0.01}, 1_710),
        ("mnist_teacher", {}, 225_034),
    ],
)
def test_sizes_and_explicit_names(name, params, parameters):
    make_deterministic(1)
    model = NETWORKS[name].build(**params)
    assert model.count_params() == parameters
    assert model.output_shape == (None, 10)
    names = [layer.name for layer in model.layers]
    make_deterministic(1)
    NETWORKS[name].build(**params)
    assert names == [layer.name for layer in NETWORKS[name].build(**params).layers]


def test_no_epochs_leave_a_network_as_initialized():
    make_deterministic(1)
    model = NETWORKS["mnist_conv"].build(width=0.25)
    before = [value.copy() for value in model.get_weights()]
    x = np.zeros((4, 28, 28), np.float32)
    fit(model, Training(epochs=0), TrainingContext(x, np.zeros(4, np.int64), "multiclass"))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    with pytest.raises(ValueError, match="epochs is -1; expected 0 or more"):
        Training(epochs=-1)
