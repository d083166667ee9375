"""Files that take from elsewhere, or claim too much: HDF5, archives of Keras, arrays."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

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
