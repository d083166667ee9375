"""One network, its data and its healthy int8 file, for all tests of a session."""

import numpy as np
import pytest

from tests.doctor import nets


@pytest.fixture(scope="session")
def plain():
    return nets.network()


@pytest.fixture(scope="session")
def data(plain):
    return nets.labelled(plain)


@pytest.fixture(scope="session")
def healthy(plain, data):
    return nets.int8(plain, data.x_train)


@pytest.fixture(scope="session")
def files(tmp_path_factory, plain, data, healthy):
    """A folder with float.tflite, int8.tflite and data.npz."""
    folder = tmp_path_factory.mktemp("doctor")
    (folder / "float.tflite").write_bytes(plain)
    (folder / "int8.tflite").write_bytes(healthy)
    np.savez(folder / "data.npz", **nets.arrays(data))
    return folder
