"""constraints.txt pins every library that optkit and its extras bring: with others, another day has another optkit."""

from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from tests.isolation import ROOT
from tests.wheels import EXTRAS, needed


@pytest.mark.parametrize("extra", EXTRAS)
def test_every_library_is_pinned(extra: str) -> None:
    """Catches a library that is installed in its newest version, which nobody has tried."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines}
    try:
        missing = needed(extra) - pinned
    except metadata.PackageNotFoundError as error:
        pytest.skip(f"{error.name} is not installed here")
    assert not missing


def test_what_is_enough_for_a_tflite_file() -> None:
    """Catches TensorFlow, or a missing library of reports, for those who have a .tflite file and no Keras model."""
    found = needed("quantize")
    assert {"litert-quantizer", "plotly", "jinja2", "pillow"} <= found
    assert not {"tensorflow", "tf-keras", "keras"} & found
    assert found <= needed("train")
