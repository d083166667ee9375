"""Means and deviations that cannot be are refused in one line, before any image is read."""

from typing import Any

import pytest

from optkit import DataError
from optkit.data import DATASETS
from optkit.data.preprocessing import Preprocessing

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"mean": (NAN,)}, r"mean is \[nan\]; expected finite numbers"),
        ({"mean": (0.5, NAN, 0.5)}, r"mean is \[0.5, nan, 0.5\]; expected finite"),
        ({"mean": (-INF,)}, "mean is .*; expected finite"),
        ({"mean": (10**400,)}, "expected finite"),
        ({"mean": ("0.5",)}, "expected finite"),
        ({"mean": (True,)}, "expected finite"),
        ({"mean": ()}, "mean has 0 values"),
        ({"std": (INF,)}, r"std is \[inf\]; expected finite"),
        ({"std": (0.5, NAN, 0.5)}, "std is .*; expected finite"),
        ({"std": (0.5, 0.0, 0.5)}, "std is .*; expected numbers above 0"),
        ({"std": (-1.0,)}, "std is .*; expected numbers above 0"),
        ({"std": (1e-320,)}, "beyond what float32 holds"),
        ({"mean": (1e37,), "std": (1e-3,)}, "beyond what float32 holds"),
    ],
)
@pytest.mark.parametrize("name", ["cifar10", "imagenet", "image_folder", "direct"])
def test_values_that_cannot_be(name: str, params: dict[str, Any], message: str) -> None:
    look: Any = Preprocessing if name == "direct" else DATASETS[name].preprocessing
    with pytest.raises(DataError, match=message) as error:
        look(**({"shape": (4, 4, 3)} if name == "direct" else {}), **params)
    assert "\n" not in str(error.value)


def test_values_that_can_be() -> None:
    assert Preprocessing(shape=(4, 4), mean=(0,), std=(1,)).mean == (0,)
    assert Preprocessing(shape=(4, 4, 3), mean=(-3.0,), std=(1e-3, 1.0, 255.0)).channels == 3
