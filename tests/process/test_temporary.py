"""Temporary folders: gone at the end; those of killed processes at the next start; those in use never."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from optkit.errors import OptkitError
from optkit.process.temporary import sweep, temporary_folder

HOLD = """
from optkit.process.temporary import temporary_folder
with temporary_folder("held") as folder:
    print(folder, flush=True)
    input()
"""


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def hold(tmp_path: Path) -> "tuple[subprocess.Popen[str], Path]":
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    pipe, command = subprocess.PIPE, [sys.executable, "-c", HOLD]
    process = subprocess.Popen(command, text=True, env=env, stdin=pipe, stdout=pipe)
    assert process.stdout
    return process, Path(process.stdout.readline().strip())


def test_it_goes_with_all_in_it(tmp_path: Path) -> None:
    with temporary_folder("a") as folder:
        (folder / "x").write_text("x")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["lock"]
    assert not folder.exists()


def test_a_killed_process_leaves_it_to_the_next_start_and_a_living_one_keeps_it(tmp_path: Path) -> None:
    (dead, left), (living, used) = hold(tmp_path), hold(tmp_path)
    dead.kill()
    dead.communicate()
    assert left.is_dir()
    sweep()
    assert (left.exists(), used.is_dir()) == (False, True)
    living.communicate("\n")
    assert not used.exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="goes by the user's number")
def test_a_place_that_somebody_else_took_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / f"optkit-{os.getuid()}").symlink_to(tmp_path / "theirs")
    with temporary_folder("a"):
        sweep()
        assert not list((tmp_path / "theirs").iterdir())


def test_without_a_place_for_temporary_files_only_what_needs_one_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    sweep()
    with pytest.raises(OptkitError, match="set TMPDIR"), temporary_folder("x"):
        pass
