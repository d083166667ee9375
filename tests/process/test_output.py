"""What is printed, where the stream lacks characters, is closed, full, or read by a program that ends first."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def shell(line: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "OPTKIT": f"{sys.executable} -m optkit", **environment}
    return subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True)


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_encoding_that_lacks_a_character(encoding: str) -> None:
    done = shell("$OPTKIT list mnist", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "train mnist_conv \\u2192 prune" in done.stdout


def test_json_in_ascii_reads_back_as_the_same(tmp_path: Path) -> None:
    from optkit.process import output

    text = json.dumps(["→", "é", "\U0001f600"], ensure_ascii=False)
    assert json.loads(text.encode("ascii", output._HANDLER)) == json.loads(text)


@pytest.mark.parametrize("command", ["list mnist", "list --help", "list mnist --json"])
def test_a_reader_that_ends_first_changes_nothing(command: str) -> None:
    done = shell(f"$OPTKIT {command} | true; echo ${{PIPESTATUS[0]}}")
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(closed: str) -> None:
    done = shell(f"$OPTKIT list mnist {closed}; echo code $?")
    assert done.stdout.endswith("code 0\n")
    assert done.stderr == ""


def test_a_full_disk_is_one_line() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    done = shell("$OPTKIT list mnist >/dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith("optkit: error: standard output cannot be written (No space left on device)")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("where", ["2>/dev/full", ">/dev/full 2>&1"])
def test_an_error_that_cannot_be_told_keeps_its_code(where: str) -> None:
    """Catches a full disk that turns bad input into exit code 1, which means that a gate failed."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    assert shell(f"$OPTKIT gate missing.json {where}").returncode == 2
    assert shell(f"$OPTKIT gate missing.json --json {where}").returncode == 2
