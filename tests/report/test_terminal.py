"""One place decides width and colour: COLUMNS, NO_COLOR, FORCE_COLOR, terminals and pipes."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from optkit.names import shown_lines
from optkit.report import terminal
from optkit.report.terminal import is_coloured, painted, wrapped

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
MODEL = Path(__file__).parent.parent / "judge" / "mnist_run.json"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("columns", "expected"), [("60", 60), ("137", 137), ("7", 40), ("", 100), ("0", 100), ("x", 100), ("9" * 5000, 100)]
)
def test_columns_decide_and_a_pipe_has_a_hundred(
    columns: str, expected: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.width() == expected


@pytest.mark.parametrize(
    ("environment", "to_terminal", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"FORCE_COLOR": "1"}, False, True),
        ({"FORCE_COLOR": "0"}, False, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours(
    environment: dict[str, str], to_terminal: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert is_coloured(Terminal() if to_terminal else io.StringIO()) == expected


def test_a_closed_stream_has_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    stream = io.StringIO()
    stream.close()
    assert not is_coloured(stream)
    assert not is_coloured(None)


def test_a_colour_only_repeats_a_word() -> None:
    text = (
        "int8  9.86 µs◀  1.93  pass\nbad   10.0 µs   1.90  fail\n"
        "fail: bad: zip_bytes is 9, must be <= 8\n"
        "gates: 13 passed, 2 failed, 0 inconclusive, 1 not comparable\n"
        "int8  file_bytes  1  2  FAIL: larger\n"
    )
    found = painted(text)
    assert ESCAPE.sub("", found) == text
    for word in ("9.86 µs◀", "pass", "fail", "13 passed", "2 failed", "FAIL: larger"):
        assert re.search(rf"\x1b\[[0-9;]+m{word}\x1b\[0m", found), word
    assert "\x1b[33m1 " in found
    assert not re.search(r"\x1b\[[0-9;]+m0 inconclusive", found), "none is not worth a colour"


@given(st.text(max_size=200))
def test_paint_changes_no_text(text: str) -> None:
    """Catches markup taken from a name, such as `[bold]`, and lines that rich would break or strip."""
    safe = shown_lines(text)
    assert ESCAPE.sub("", painted(safe)) == safe


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=300))
def test_wrapped_lines_fit_and_lose_nothing(text: str) -> None:
    lines = wrapped(text, 40)
    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        assert cell_len(line) <= 40 or any(word.lstrip("('\"")[:1] in "/.~" for word in line.split())


def test_a_path_is_never_broken_and_a_long_name_is() -> None:
    path = "/home/someone/" + "a" * 60
    assert f"  {path}" in wrapped(f"the file is there: {path} and more words stand after it", 40)
    assert max(map(len, wrapped("x" * 100, 40))) <= 40


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    command = [sys.executable, "-m", "optkit", *arguments]
    return subprocess.run(command, env={**kept, **environment}, capture_output=True, text=True, timeout=120)


def test_a_pipe_gets_no_control_codes_and_the_same_width_always() -> None:
    plain = run("compare", str(MODEL), str(MODEL))
    assert "\x1b" not in plain.stdout + plain.stderr
    assert max(map(len, plain.stdout.splitlines())) <= 100
    assert run("compare", str(MODEL), str(MODEL), TERM="dumb").stdout == plain.stdout
    coloured = run("compare", str(MODEL), str(MODEL), FORCE_COLOR="1")
    assert "\x1b[" in coloured.stdout
    assert ESCAPE.sub("", coloured.stdout) == plain.stdout
    narrow = run("compare", str(MODEL), str(MODEL), COLUMNS="60")
    assert max(map(len, narrow.stdout.splitlines())) <= 60


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_terminal_gets_its_own_width_and_colours() -> None:
    import fcntl
    import pty
    import struct
    import termios

    def shown(**more: str) -> str:
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 72, 0, 0))
        command = [sys.executable, "-m", "optkit", "compare", str(MODEL), str(MODEL)]
        process = subprocess.Popen(command, env={**kept, "TERM": "xterm", **more}, stdout=theirs, stderr=theirs)
        os.close(theirs)
        parts = []
        try:
            while part := os.read(ours, 65536):
                parts.append(part)
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        process.wait(60)
        return b"".join(parts).decode().replace("\r\n", "\n")

    found = shown()
    assert "\x1b[" in found
    assert 60 < max(map(len, ESCAPE.sub("", found).splitlines())) <= 72
    assert "\x1b" not in shown(NO_COLOR="1")
