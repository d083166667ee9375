"""The guard of all tests: neither they, nor fixtures of a session, nor child processes reach what is the user's."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from optkit.process.children import run
from tests.ci.steps import Job, stand_in
from tests.conftest import Command
from tests.isolation import PRIVATE, USERS_DATA

LOOK = """
import json, os, socket, tempfile
from pathlib import Path
from optkit.build.store import default_root
from optkit.data.sources import cache, keras_cache, data_folder

def refused(call):
    try:
        call()
    except OSError as error:
        return str(error)
    return "let through"

def connect():
    with socket.socket() as one:
        one.settimeout(1)
        one.connect(("192.0.2.1", 443))

def send():
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("192.0.2.1", 443))

print(json.dumps({
    "places": [str(p) for p in (Path.home(), default_root(), cache(), keras_cache(), tempfile.gettempdir())],
    "data": str(data_folder()),
    "refused": [refused(call) for call in (connect, send, lambda: socket.getaddrinfo("example.org", 443))],
}))
"""
"""Python code that says where it would write, and what became of three ways to another machine (RFC 5737)."""


def look(**options: Any) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=True, **options)
    return dict(json.loads(done.stdout))


def check(found: dict[str, Any], *folders: Path) -> None:
    assert found["refused"] == ["tests have no network"] * 3
    assert found["data"] == "None"
    for place in map(Path, found["places"]):
        assert any(place.is_relative_to(folder) for folder in folders), place


@pytest.fixture(scope="session")
def seen_by_a_session(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return look()


def test_a_fixture_of_the_session_and_its_child_are_kept_out(seen_by_a_session: dict[str, Any]) -> None:
    """Catches isolation by a fixture of each test alone: what a session builds once was built in the user's home."""
    check(seen_by_a_session, PRIVATE)


def test_this_process_is_kept_out(tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]) -> None:
    exec(LOOK, {})
    check(json.loads(capsys.readouterr().out), tmp_path_factory.getbasetemp(), PRIVATE)


def by_optkit() -> dict[str, Any]:
    return dict(json.loads(run(["-c", LOOK], stdout=subprocess.PIPE).stdout))


def by_a_workflow(folder: Path) -> dict[str, Any]:
    folder.mkdir()
    (folder / "look.py").write_text(LOOK)
    job = Job(folder, {})
    (folder / "pyproject.toml").touch()
    stand_in(folder)
    (folder / "optkit").symlink_to(Path(__file__).parent.parent / "optkit")
    job.run([{"run": ".venv/bin/python look.py > found.json"}])
    assert not job.failed, job.log
    return dict(json.loads((folder / "found.json").read_text()))


@pytest.mark.parametrize("how", ["a child", "a child of optkit", "a child of a thread", "a step of a workflow"])
def test_child_processes_are_kept_out(how: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    found: list[dict[str, Any]] = []
    if how == "a child of a thread":  # it is started in another way
        thread = threading.Thread(target=lambda: found.append(by_optkit()))
        thread.start()
        thread.join()
    else:
        ways: dict[str, Callable[[], dict[str, Any]]] = {
            "a child": look,
            "a child of optkit": by_optkit,
            "a step of a workflow": lambda: by_a_workflow(tmp_path / "work"),
        }
        found.append(ways[how]())
    check(found[0], tmp_path_factory.getbasetemp(), PRIVATE)


def test_the_command_is_kept_out(command: Command, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (tmp_path / "look.py").write_text(LOOK)
    found = json.loads(command("look", OPTKIT_DATA="").stdout)
    check(found, tmp_path_factory.getbasetemp(), PRIVATE)


def test_no_test_meets_what_another_left() -> None:
    assert not any(Path.home().iterdir())
    (Path.home() / "left").touch()


test_nor_does_this_one = test_no_test_meets_what_another_left


def test_the_users_data_are_known_to_those_that_ask_and_hidden_from_all_others() -> None:
    assert "OPTKIT_DATA" not in os.environ
    assert USERS_DATA is None or Path(USERS_DATA).is_dir()


def test_this_machine_may_be_reached() -> None:
    class Hello(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hello) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        with socket.create_connection(("localhost", server.server_port), timeout=20) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert b" 204 " in connection.recv(100)
