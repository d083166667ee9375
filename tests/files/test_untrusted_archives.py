"""Archives from outside (.keras, .npz) that hold more than they should, or claim more than they hold."""

import struct
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optkit.errors import BuildError
from optkit.files.archives import ArchiveError, read_keras, read_npy, read_npz
from optkit.keras.weights import load_weights
from tests.files.crafted import (
    SECRET,
    Model,
    archive,
    keras_members,
    npy,
    plain,
)


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
