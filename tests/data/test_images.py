"""Image files become 8-bit pixels by their full range; what is no image file is refused, and nothing waits for it."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from optkit import DataError
from optkit.data.images import FORMATS, read_image


def png(path: Path, pixels: np.ndarray, colour_type: int) -> Path:
    """Write 16-bit `pixels`, (height, width, channels), as a PNG file, by the format's own description."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (256, 1), (32768, 128), (65535, 255)])
def test_16_bits_become_8_by_the_full_range(tmp_path: Path, value: int, expected: int) -> None:
    grey = png(tmp_path / "grey.png", np.full((3, 4, 1), value, np.uint16), 0)
    colour = png(tmp_path / "colour.png", np.full((3, 4, 3), value, np.uint16), 2)
    for path in (grey, colour):
        assert set(read_image(path, 3, 4, 1).flat) == {expected}
        assert set(read_image(path, 3, 4, 3).flat) == {expected}


def test_16_bits_keep_their_gradient(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :, None]
    found = read_image(png(tmp_path / "ramp.png", np.repeat(ramp, 2, axis=0), 0), 2, 256, 1)
    assert list(found[0]) == list(range(256))


def test_transparency_is_dropped_and_palettes_and_cmyk_become_colours(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    clear.save(tmp_path / "rgba.png")
    Image.new("LA", (4, 4), (77, 0)).save(tmp_path / "la.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    palette.save(tmp_path / "p.png", transparency=1)
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "cmyk.jpg", quality=95)
    assert {tuple(pixel) for pixel in read_image(tmp_path / "rgba.png", 4, 4, 3).reshape(-1, 3)} == {(10, 20, 30)}
    assert {tuple(pixel) for pixel in read_image(tmp_path / "p.png", 4, 4, 3).reshape(-1, 3)} == {(10, 20, 30)}
    assert set(read_image(tmp_path / "la.png", 4, 4, 1).flat) == {77}
    np.testing.assert_allclose(read_image(tmp_path / "cmyk.jpg", 4, 4, 3)[0, 0], [255, 0, 0], atol=4)


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("L", (4, 4), value) for value in (40, 200)]
    frames[0].save(tmp_path / "two.gif", save_all=True, append_images=frames[1:])
    assert set(read_image(tmp_path / "two.gif", 4, 4, 1).flat) == {40}


@pytest.mark.parametrize("kind", ["TIFF", "PPM", "EPS", "TGA", "PCX"])
def test_other_formats_are_refused_whatever_the_name(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*arguments: Any, **options: Any) -> Any:
        raise AssertionError("another program was called")

    monkeypatch.setattr("subprocess.check_call", run)
    monkeypatch.setattr("subprocess.Popen", run)
    content = io.BytesIO()
    Image.new("RGB", (4, 4)).save(content, kind)
    (tmp_path / "named.png").write_bytes(content.getvalue())
    with pytest.raises(DataError, match=f"named.png is not a readable image .it is none of {', '.join(FORMATS)}"):
        read_image(tmp_path / "named.png", 4, 4, 3)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "fifo.png")
    for path in (tmp_path / "fifo.png", tmp_path / "folder.png", tmp_path / "link.png", Path("/dev/zero")):
        with pytest.raises(DataError, match=r"a pipe or a device|Is a directory"):
            read_image(path, 4, 4, 3)
    with pytest.raises(DataError, match=r"missing\.png is not a readable image .*No such file"):
        read_image(tmp_path / "missing.png", 4, 4, 3)
    with pytest.raises(DataError, match="embedded null"):
        read_image(Path("a\0b"), 4, 4, 3)


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(DataError, match=r"bomb\.png is not a readable image .*decompression bomb"):
        read_image(tmp_path / "bomb.png", 4, 4, 1)
