"""The store: whole or not at all, made once, damage noticed, one clear error where it cannot write."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import Store, StoreError
from optkit.build.store import DamagedEntryWarning

KEY = "ab" * 32


def maker(content: bytes = b"content"):
    def make(path: Path) -> dict[str, object]:
        path.write_bytes(content)
        return {"made": "yes"}

    return make


def never(path: Path) -> dict[str, object]:
    raise AssertionError("made again")


def test_made_once_then_found(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.find(KEY) is None
    entry = store.get(KEY, maker(), "file.bin")
    assert store.path(entry).read_bytes() == b"content"
    assert (entry.bytes, entry.about) == (7, {"made": "yes"})
    assert store.get(KEY, never, "file.bin") == entry == store.find(KEY)


def test_a_failed_make_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> dict[str, object]:
        path.write_bytes(b"half")
        raise ValueError("no")

    store = Store(tmp_path)
    with pytest.raises(ValueError, match="no"):
        store.get(KEY, fail, "file.bin")
    assert store.find(KEY) is None
    assert not any((tmp_path / "making").iterdir())
    assert store.get(KEY, maker(), "file.bin")


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove file", "remove json", "garble json", "swap key"])
def test_damage_is_noticed_set_aside_said_and_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    path = store.path(store.get(KEY, maker(), "file.bin"))
    about = path.parent / "entry.json"
    ways: dict[str, Callable[[], object]] = {
        "truncate": lambda: path.write_bytes(b"conte"),
        "flip": lambda: path.write_bytes(b"cOntent"),
        "remove file": path.unlink,
        "remove json": about.unlink,
        "garble json": lambda: about.write_text("{"),
        "swap key": lambda: about.write_text(about.read_text().replace("ab", "cd")),
    }
    ways[damage]()
    assert store.find(KEY) is None
    with pytest.warns(DamagedEntryWarning, match="is damaged: .*set aside in .* and made again"):
        entry = store.get(KEY, maker(), "file.bin")
    assert store.path(entry).read_bytes() == b"content"
    assert len(list((tmp_path / "damaged").iterdir())) == 1


@given(st.binary(min_size=1, max_size=50), st.data())
def test_any_changed_byte_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.mktemp("store"))
    path = store.path(store.get(KEY, maker(content), "f"))
    place = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(changed))
    assert store.find(KEY) is None


SLOW = """
import sys, time
from pathlib import Path
from optkit import Store
def make(path):
    with open(sys.argv[2], "a") as log: log.write("made\\n")
    path.write_bytes(b"half"); time.sleep(float(sys.argv[3])); path.write_bytes(b"whole")
    return {}
store = Store(Path(sys.argv[1]))
print(store.path(store.get("cd" * 32, make, "f")).read_bytes().decode())
"""


def start(store: Path, log: Path, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(store), str(log), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def test_eight_processes_make_it_once(tmp_path: Path) -> None:
    running = [start(tmp_path / "store", tmp_path / "log", 0.5) for _ in range(8)]
    assert [process.communicate(timeout=60)[0] for process in running] == ["whole\n"] * 8
    assert (tmp_path / "log").read_text() == "made\n"


def test_a_killed_process_leaves_nothing_that_is_taken_for_good(tmp_path: Path) -> None:
    process = start(tmp_path / "store", tmp_path / "log", 60)
    partial = tmp_path / "store" / "making" / ("cd" * 32) / "f"
    while not (partial.exists() and partial.read_bytes() == b"half"):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert Store(tmp_path / "store").find("cd" * 32) is None
    assert start(tmp_path / "store", tmp_path / "log", 0).communicate(timeout=60)[0] == "whole\n"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_or_read_only_store_gets_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(StoreError, match=f"cannot write to the store {tmp_path}: {os.strerror(code)}; free space"):
        Store(tmp_path).get(KEY, maker(), "f")


def test_a_disk_that_fills_up_while_making(tmp_path: Path) -> None:
    def fill(path: Path) -> dict[str, object]:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device"):
        Store(tmp_path).get(KEY, fill, "f")
    assert Store(tmp_path).find(KEY) is None


def test_a_whole_store_is_read_without_writing(tmp_path: Path) -> None:
    Store(tmp_path).get(KEY, maker(), "f")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert Store(tmp_path).get(KEY, never, "f")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_notes_are_replaced_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.read_note("n") == {}
    store.write_note("n", {"a": 1})
    store.write_note("n", {"b": 2})
    assert store.read_note("n") == {"b": 2}
    assert len(list((tmp_path / "notes").iterdir())) == 1


@pytest.mark.parametrize("name", ["x/../../../../pwned", "../pwned", "/pwned", "a\x00b", "n" * 5000])
def test_a_note_of_any_name_stays_in_the_store(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path / "store")
    store.write_note(f"{tmp_path}{name}" if name.startswith("/") else name, {"a": 1})
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path.parent for path in found] == [tmp_path / "store" / "notes"]
    assert store.read_note("other") == {}


def test_a_note_of_an_older_version_is_read_until_it_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "passed-mnist:quick-ab.json").write_text('{"a": 1}')
    (tmp_path / "outside.json").write_text('{"secret": 1}')
    store = Store(tmp_path)
    assert store.read_note("passed-mnist:quick-ab") == {"a": 1}
    assert store.read_note("../outside") == {}
    store.write_note("passed-mnist:quick-ab", {"a": 2})
    assert store.read_note("passed-mnist:quick-ab") == {"a": 2}


@pytest.mark.parametrize("key", ["../x", "ab", "AB" * 32, f"{'ab' * 32}\n", ""])
def test_what_is_no_key_builds_no_path(tmp_path: Path, key: str) -> None:
    for use in (Store(tmp_path).find, Store(tmp_path).scratch, lambda key: Store(tmp_path).get(key, maker(), "f")):
        with pytest.raises(StoreError, match="is not a key of the store"):
            use(key)
    assert not any(tmp_path.iterdir())


def test_an_entry_that_names_a_file_elsewhere_is_damaged(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    folder = store.path(store.get(KEY, maker(), "f")).parent
    outside = tmp_path / "f"
    outside.write_bytes(b"content")
    about = folder / "entry.json"
    about.write_text(about.read_text().replace('"f"', f'"{outside}"'))
    assert store.find(KEY) is None


def test_an_empty_text_or_a_link_in_a_circle_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is an empty text"):
        Store("")  # type: ignore[arg-type]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StoreError, match="Too many levels of symbolic links"):
        Store(tmp_path / "loop").get(KEY, maker(), "f")


def test_what_hdf5_says_of_a_full_disk_is_one_line(tmp_path: Path) -> None:
    def fill(path: Path) -> dict[str, object]:
        raise OSError(
            28, "Can't close file (file write failed: time = now\n, errno = 28, error message = 'No space', buf = 0)"
        )

    with pytest.raises(StoreError, match=f"cannot write to the store {tmp_path}: No space left on device; free space"):
        Store(tmp_path).get(KEY, fill, "f")


def test_an_entry_appears_by_one_rename(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Path, target: Path) -> None:
        assert not target.exists()
        assert {path.name for path in self.iterdir()} == {"f", "entry.json"}, "all is written before the rename"
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(StoreError, match="Input/output error"):
        Store(tmp_path).get(KEY, maker(), "f")
    assert Store(tmp_path).find(KEY) is None
    assert not list((tmp_path / "entries").rglob("f"))
