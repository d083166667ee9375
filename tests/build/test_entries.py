"""entry.json: every bit of it is covered, whatever stands in its place is damage, and schema 1 is still read."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from optkit import Store
from optkit.build.entries import read_entry
from optkit.build.store import DamagedEntryWarning

KEY = "ab" * 32
ABOUT = {"spec": {"rate": 0.001}, "zip_bytes": 5310, "notes": ["µ"]}


def make(path: Path) -> dict[str, Any]:
    path.write_bytes(b"content")
    return ABOUT


def stored(root: Path) -> tuple[Store, Path]:
    store = Store(root)
    return store, store.path(store.get(KEY, make, "model.h5")).parent / "entry.json"


def as_schema_1(path: Path, **changes: Any) -> None:
    """Write an entry as optkit wrote it before entry.json had a digest."""
    content = json.loads(path.read_text())
    del content["digest"]
    path.write_text(json.dumps({**content, "schema": 1, **changes}, indent=1, sort_keys=True))


def flip(path: Path, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ 1 << bit % 8]))


def again(path: Path, old: Any) -> dict[str, Any]:
    notes = old.get("notes")
    return {**ABOUT, "notes": notes if isinstance(notes, list) else []}


def test_every_flipped_bit_is_damage_or_changes_nothing(tmp_path: Path) -> None:
    store, path = stored(tmp_path)
    entry, content = store.find(KEY), path.read_bytes()
    harmless = 0  # the other case of a digit in an escape
    for place in range(8 * len(content)):
        flip(path, place)
        found = store.find(KEY)
        assert found in (None, entry), f"bit {place} is served: {found}"
        harmless += found is not None
        if found is None and place % 400 == 0:
            with pytest.warns(DamagedEntryWarning, match="is damaged: .*set aside in .* and made again"):
                assert store.get(KEY, make, "model.h5") == entry
        else:
            flip(path, place)
    assert path.read_bytes() == content
    assert harmless < 0.02 * 8 * len(content)


def test_no_flipped_bit_of_schema_1_is_served(tmp_path: Path) -> None:
    """What it says of the file's size is said anew; of the rest, only notes for the reader can differ."""
    store, path = stored(tmp_path)
    entry = store.find(KEY)
    assert entry is not None
    as_schema_1(path)
    content = path.read_bytes()
    for place in range(0, 8 * len(content), 7):
        flip(path, place)
        found = store.find(KEY, again)
        if found:
            assert (found.file, found.sha256, found.bytes) == (entry.file, entry.sha256, entry.bytes)
            assert {**found.about, "notes": 0} == {**ABOUT, "notes": 0}
            path.write_bytes(content)
        else:
            flip(path, place)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe{}",
        b'{"about":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"schema": 2, "bytes": ' + b"9" * 5000 + b"}",
        b'{"schema": 1e999}',
        b'{"schema": 2, "key": "\\ud800"}',
        b"null",
        b"",
    ],
    ids=["utf-8", "nesting", "huge", "infinite", "surrogate", "null", "empty"],
)
def test_what_is_no_entry_is_damage(tmp_path: Path, content: bytes) -> None:
    store, path = stored(tmp_path)
    path.write_bytes(content)
    assert store.find(KEY) is None
    with pytest.warns(DamagedEntryWarning):
        assert store.get(KEY, make, "model.h5").about == ABOUT


def _replaced(path: Path, by: Callable[[Path], object]) -> None:
    path.unlink()
    by(path)


def made(path: Path) -> Path:
    path.write_bytes(b"content")
    return path


KINDS: dict[str, Callable[[Path], object]] = {
    "link": lambda path: path.symlink_to("/etc/hostname"),
    "copy behind a link": lambda path: path.symlink_to(made(path.with_name("b"))),
    "folder": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("name", ["model.h5", "entry.json"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_of_its_own_is_damage(tmp_path: Path, name: str, kind: str) -> None:
    store, path = stored(tmp_path)
    _replaced(path.with_name(name), KINDS[kind])
    assert store.find(KEY) is None
    with pytest.warns(DamagedEntryWarning):
        assert store.path(store.get(KEY, make, "model.h5")).read_bytes() == b"content"


def test_a_file_in_place_of_the_entry_is_damage(tmp_path: Path) -> None:
    store, path = stored(tmp_path)
    path.parent.rename(tmp_path / "gone")
    path.parent.write_text("no folder")
    with pytest.warns(DamagedEntryWarning, match="is no folder"):
        assert store.get(KEY, make, "model.h5").about == ABOUT


@pytest.mark.parametrize(
    "file", ["../other/model.h5", "/etc/hostname", "..", "", "entry.json", "a\0b", "b\\c", "x" * 300]
)
def test_it_names_a_file_beside_it_and_no_other(tmp_path: Path, file: str) -> None:
    store, path = stored(tmp_path)
    other = path.parent.parent / "other"
    other.mkdir()
    (other / "model.h5").write_bytes(b"content")
    as_schema_1(path, file=file)
    assert store.find(KEY, again) is None
    assert store.damage(KEY)


def test_schema_1_is_read_and_written_anew(tmp_path: Path) -> None:
    store, path = stored(tmp_path)
    entry = store.find(KEY)
    as_schema_1(path, about={**ABOUT, "zip_bytes": 1})
    plain = store.find(KEY)
    assert plain is not None
    assert plain.about == {}, "nothing vouches for it"
    assert store.find(KEY, again) == entry
    assert read_entry(path.parent, KEY) == entry, "it has a digest from now on"
    assert store.find(KEY) == entry


def test_schema_1_in_a_store_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, path = stored(tmp_path)
    entry = store.find(KEY)
    as_schema_1(path)
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr("optkit.build.store.write_entry", refuse)
    assert store.find(KEY, again) == entry
    assert path.read_bytes() == before


def test_what_its_reader_cannot_read_is_damage(tmp_path: Path) -> None:
    store, _ = stored(tmp_path)

    def check(path: Path) -> None:
        json.loads(path.read_bytes())

    def good(path: Path) -> dict[str, Any]:
        path.write_bytes(b"{}")
        return {}

    assert store.find(KEY, check=check) is None
    with pytest.warns(DamagedEntryWarning, match=r"model\.h5 cannot be read"):
        assert store.path(store.get(KEY, good, "model.h5", check=check)).read_bytes() == b"{}"


@pytest.mark.parametrize("content", [b"\xff", b"[" * 100_000, b"{", b"[]"])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "n.json").write_bytes(content)
    assert Store(tmp_path).read_note("n") == {}


def test_what_killed_processes_began_goes_and_what_living_ones_make_stays(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dead, living = "de" * 32, "1f" * 32
    for key in (dead, living):
        (tmp_path / "making" / key).mkdir(parents=True)
    with store._locked(living):
        store.get(KEY, make, "model.h5")
    assert [path.name for path in (tmp_path / "making").iterdir()] == [living]
