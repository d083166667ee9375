"""HDF5 files and archives that others made: they hold their own values and nothing else, or they are refused unread."""

import io
import os
import signal
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optkit import ArtifactError, weights_of
from optkit.errors import BuildError
from optkit.files.archives import ArchiveError, read_keras, read_npy, read_npz
from optkit.files.hdf5 import open_hdf5
from optkit.files.regular import open_file
from optkit.keras import weights
from optkit.keras.files import load_model, save_model
from optkit.keras.tensorflow import load_keras
from optkit.keras.weights import load_weights

SHAPE = (3, 4)
SECRET = np.arange(12, dtype=np.float32)


class Weight:
    """What load_weights needs of a weight, without TensorFlow."""

    def __init__(self, name: str, shape: tuple[int, ...]) -> None:
        self.name, self.shape, self.dtype, self.value = name, shape, np.dtype(np.float32), None

    def assign(self, value: Any) -> None:
        self.value = value


class Model:
    name = "m"

    def __init__(self) -> None:
        self.weights = [Weight("d/kernel:0", SHAPE)]


def external(group: Any, folder: Path) -> None:
    (folder / "secret").write_bytes(SECRET.tobytes())
    group.create_dataset("kernel:0", SHAPE, np.float32, external=[(str(folder / "secret"), 0, SECRET.nbytes)])


def virtual(group: Any, folder: Path) -> None:
    with h5py.File(folder / "secret.h5", "w") as other:
        other["x"] = SECRET.reshape(SHAPE)
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "x", SHAPE)
    group.create_virtual_dataset("kernel:0", layout)


def external_link(group: Any, folder: Path) -> None:
    with h5py.File(folder / "secret.h5", "w") as other:
        other["x"] = SECRET.reshape(SHAPE)
    group["kernel:0"] = h5py.ExternalLink(str(folder / "secret.h5"), "/x")


def soft_link(group: Any, folder: Path) -> None:
    group["x"] = SECRET.reshape(SHAPE)
    group["kernel:0"] = h5py.SoftLink(f"{group.name}/x")


def loop(group: Any, folder: Path) -> None:
    group["kernel:0"] = SECRET.reshape(SHAPE)
    group["again"] = group.file["/"]


def deep(group: Any, folder: Path) -> None:
    group["kernel:0"] = SECRET.reshape(SHAPE)
    group.create_group("/".join("a" * 100))


def nothing_stored(group: Any, folder: Path) -> None:
    group.create_dataset("kernel:0", (10**12,), np.float32, chunks=(1024,))


def deflated_bomb(group: Any, folder: Path) -> None:
    group.create_dataset("kernel:0", (10**12,), np.float32, chunks=(1024,), compression="gzip")


def unknown_filter(group: Any, folder: Path) -> None:
    group.create_dataset("kernel:0", data=np.ones(SHAPE, np.int32), scaleoffset=0, chunks=SHAPE)


def named_type(group: Any, folder: Path) -> None:
    group["kernel:0"] = np.dtype(np.float32)


CRAFTED: dict[Callable[[Any, Path], None], str] = {
    external: "has external storage: its values are in other files",
    virtual: "is virtual: its values are in other files",
    external_link: "is an external link",
    soft_link: "is a soft link",
    loop: "is a second name of another object",
    deep: "deeper than 64 groups",
    nothing_stored: r"has 4000000000000 bytes, but 0 are stored",
    deflated_bomb: r"has 4000000000000 bytes, but 0 are stored",
    unknown_filter: "uses HDF5 filter 6",
    named_type: "is a Datatype",
}
crafted = pytest.mark.parametrize(
    ("craft", "message"), CRAFTED.items(), ids=lambda value: getattr(value, "__name__", "")
)


def write_h5(path: Path, craft: Callable[[Any, Path], None]) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [b"d"]
        layer = file.create_group("d")
        layer.attrs["weight_names"] = [b"d/kernel:0"]
        craft(layer.create_group("d"), path.parent)
    return path


def plain(group: Any, folder: Path) -> None:
    group["kernel:0"] = SECRET.reshape(SHAPE)


def archive(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def keras_members(folder: Path, craft: Callable[[Any, Path], None]) -> dict[str, bytes]:
    inner = folder / "inner.h5"
    with h5py.File(inner, "w") as file:
        craft(file.create_group("layers/d/vars"), folder)
        if "kernel:0" in file["layers/d/vars"]:
            file["layers/d/vars"].move("kernel:0", "0")
    config = b'{"config": {"layers": [{"class_name": "Dense", "config": {"name": "d"}}]}}'
    return {"config.json": config, "metadata.json": b"{}", "model.weights.h5": inner.read_bytes()}


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


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


@pytest.mark.parametrize("name", ["assets/x", "../config.json", "/config.json", "config.json/", "code.py", "x\x1b"])
def test_a_keras_archive_holds_only_what_is_expected(name: str, tmp_path: Path) -> None:
    path = archive(tmp_path / "w.keras", {**keras_members(tmp_path, plain), name: b"x"})
    with pytest.raises(ArchiveError, match=r"it holds .*; expected only config.json") as caught:
        read_keras(path)
    assert "\x1b" not in str(caught.value)


def test_a_keras_archive_with_more_is_one_clear_line(tmp_path: Path) -> None:
    path = archive(tmp_path / "w.keras", {**keras_members(tmp_path, plain), "assets/x": b"x"})
    with pytest.raises(BuildError, match=r"w\.keras cannot be read: it holds 'assets/x'; expected only config\.json"):
        load_weights(Model(), path)


@pytest.mark.parametrize("name", ["../x.npy", "/x.npy", "a//b.npy", "a\\b.npy", "x", "x.txt", "a/./b.npy", "a\x1b.npy"])
def test_an_npz_archive_holds_arrays_under_plain_names(name: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"it holds .*; expected arrays"):
        read_npz(archive(tmp_path / "w.npz", {"d/kernel.npy": npy(SECRET), name: npy(SECRET)}))


def test_a_member_twice_encrypted_or_compressed_in_another_way(tmp_path: Path) -> None:
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "twice.npz", "w") as file:
        warnings.simplefilter("ignore")
        file.writestr("x.npy", npy(SECRET))
        file.writestr("x.npy", npy(SECRET))
    with pytest.raises(ArchiveError, match=r"'x\.npy' twice"):
        read_npz(tmp_path / "twice.npz")
    path = archive(tmp_path / "x.npz", {"x.npy": npy(SECRET)})
    content = bytearray(path.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match=r"'x\.npy' is encrypted"):
        read_npz(path)
    with pytest.raises(ArchiveError, match="compressed in another way than deflate"):
        read_npz(archive(tmp_path / "b.npz", {"x.npy": npy(SECRET)}, zipfile.ZIP_BZIP2))


def test_sizes_that_the_bytes_cannot_hold(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.npz", {"x.npy": npy(SECRET)}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.rindex(b"PK\x01\x02") + 24, 0xF0000000)
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="more than 1032 times as many"):
        read_npz(path)
    claimed = npy(SECRET).replace(b"(12,), }" + b" " * 14, b"(99999999999999,), }"[:22].ljust(22))
    readers: dict[str, Callable[[Path], object]] = {"y.npz": read_npz, "y.npy": read_npy}
    for name, read in readers.items():
        if name == "y.npz":
            archive(tmp_path / name, {"y.npy": claimed})
        else:
            (tmp_path / name).write_bytes(claimed)
        with pytest.raises(ArchiveError, match=r"says that its shape is \(99999999999999,\)"):
            read(tmp_path / name)


def test_zeros_that_deflate_well_are_read(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "z.npz", x=np.zeros(10**7, np.uint8))
    assert not read_npz(tmp_path / "z.npz")["x"].any()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_archive_gives_one_kind_of_error(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(archive(tmp_path / "x.npz", {"x.npy": npy(SECRET)}, zipfile.ZIP_DEFLATED).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x.npz").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for read in (read_npz, read_keras):
        with suppress(ArchiveError):
            read(tmp_path / "x.npz")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})", r"was killed by SIGSEGV and said 'nothing'"),
        ("while True: pass", "HDF5 was not done with it after 1 s"),
    ],
)
def test_a_file_that_crashes_or_holds_up_hdf5_ends_its_own_process_alone(
    code: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "_READER", ("-c", code))
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
