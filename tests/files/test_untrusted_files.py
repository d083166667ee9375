"""HDF5 files and archives that others made: they hold their own values and nothing else, or they are refused unread."""

import os
import signal
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from optkit import ArtifactError, weights_of
from optkit.errors import BuildError
from optkit.files.hdf5 import open_hdf5
from optkit.files.regular import open_file
from optkit.keras import weights
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras
from optkit.keras.weights import load_weights
from tests.files.crafted import (
    CRAFTED,
    SECRET,
    SHAPE,
    Model,
    archive,
    crafted,
    external,
    external_link,
    keras_members,
    npy,
    plain,
    soft_link,
    virtual,
    write_h5,
)


def test_a_plain_file_of_each_kind_is_read(tmp_path: Path) -> None:
    files = [
        write_h5(tmp_path / "w.h5", plain),
        archive(tmp_path / "w.keras", keras_members(tmp_path, plain)),
        archive(tmp_path / "w.npz", {"d/kernel.npy": npy(SECRET.reshape(SHAPE))}),
    ]
    for path in files:
        model = Model()
        load_weights(model, path)
        np.testing.assert_array_equal(model.weights[0].value, SECRET.reshape(SHAPE))


@crafted
def test_hdf5_that_takes_from_elsewhere_or_claims_too_much(
    craft: Callable[[Any, Path], None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ArtifactError, match=message), open_hdf5(write_h5(tmp_path / "w.h5", craft)):
        pass


@pytest.mark.parametrize(
    ("kind", "craft"),
    [("w.h5", external), ("w.h5", virtual), ("w.h5", external_link), ("w.keras", external), ("w.keras", soft_link)],
)
def test_weights_are_not_taken_from_other_files(craft: Callable[[Any, Path], None], kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    if kind == "w.h5":
        write_h5(path, craft)
    else:
        archive(path, keras_members(tmp_path, craft))
    model = Model()
    with pytest.raises(BuildError, match=f"cannot be read: .*{CRAFTED[craft]}"):
        load_weights(model, path)
    assert model.weights[0].value is None


@pytest.mark.parametrize("craft", [external, virtual, external_link])
def test_a_model_file_takes_no_values_from_other_files(craft: Callable[[Any, Path], None], tmp_path: Path) -> None:
    keras = load_keras()
    path = tmp_path / "model.h5"
    save_model(keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, name="d", use_bias=False)]), path)
    with h5py.File(path, "a") as file:
        group = file["model_weights/d/d"]
        del group["kernel:0"]
        craft(group, tmp_path)
    for read in (load_model, weights_of):
        with pytest.raises(ArtifactError, match=CRAFTED[craft]):
            read(path)


@pytest.mark.parametrize("version", [2, 3])
def test_what_keras_saves_is_what_is_expected(version: int, tmp_path: Path) -> None:
    load_keras()
    if version == 2:
        import tf_keras as keras
    else:
        import keras
    model = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(4, name="d", use_bias=False)])
    model.save(tmp_path / "m.keras")
    own = Model()
    load_weights(own, tmp_path / "m.keras")
    np.testing.assert_array_equal(own.weights[0].value, model.get_weights()[0])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("kind", ["w.h5", "w.npz"])
def test_values_that_are_no_numbers_are_refused_with_the_layer(value: float, kind: str, tmp_path: Path) -> None:
    array = np.ones(SHAPE)
    array[1, 2] = value
    path = tmp_path / kind
    if kind == "w.h5":
        write_h5(path, lambda group, folder: group.create_dataset("kernel:0", data=array))
    else:
        np.savez(path, **dict[str, Any]({"d/kernel": array}))
    with pytest.raises(BuildError, match="1 of the 12 values of d/kernel are NaN or infinite as float32"):
        load_weights(Model(), path)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})", r"was killed by SIGSEGV and said 'nothing'"),
        ("while True: pass", "HDF5 was not done with it after 1 s"),
    ],
)
def test_a_file_that_crashes_or_holds_up_hdf5_ends_its_own_process_alone(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module_of: Callable[[str], str]
) -> None:
    monkeypatch.setattr(weights, "_READER", module_of(code))
    monkeypatch.setattr(weights, "_READ_SECONDS", 1.0)
    with pytest.raises(BuildError, match=f"cannot be read: .*{message}.*; it is damaged; save them again"):
        load_weights(Model(), write_h5(tmp_path / "w.h5", plain))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_values_that_would_take_all_memory_end_the_reader_alone(tmp_path: Path) -> None:
    """Zeros deflate a thousandfold, so 6 MB of a file that keeps to the rules may stand for 6 GB."""
    count, chunks = 1 << 24, 96
    deflated = zlib.compress(bytes(4 * count), 9)
    with h5py.File(tmp_path / "w.h5", "w") as file:
        group = file.create_group("d")
        made = group.create_dataset("kernel:0", (chunks * count,), np.float32, chunks=(count,), compression="gzip")
        for i in range(chunks):
            made.id.write_direct_chunk((i * count,), deflated)
        file.attrs["layer_names"], group.attrs["weight_names"] = [b"d"], [b"kernel:0"]
    assert (tmp_path / "w.h5").stat().st_size < 10e6
    with pytest.raises(BuildError, match=r"w\.h5 cannot be read: its values take over 4 GiB more memory"):
        load_weights(Model(), tmp_path / "w.h5")


def test_only_a_regular_file_is_opened_and_nothing_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "loop", tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(OSError, match=r"."):
            open_file(path)
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with open_file(tmp_path / "link") as file:
        assert file.read() == b"x"
