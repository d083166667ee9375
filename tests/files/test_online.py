"""Downloads: whole, with the known digest, once; or one line, and nothing left that could be taken for the file."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import platformdirs
import pytest

from optkit.files.online import DownloadError, download
from optkit.process.temporary import sweep

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Files(BaseHTTPRequestHandler):
    """/whole, /short (ends too early), /other, /slow (stops halfway); all else is not there."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path not in ("/whole", "/short", "/other", "/slow"):
            self.send_error(404)
            return
        content = CONTENT[::-1] if self.path == "/other" else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.path in ("/whole", "/other") else content[: len(content) // 2])
        if self.path == "/slow":
            time.sleep(60)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def asked() -> list[str]:
    return []


@pytest.fixture
def server(asked: list[str]) -> Iterator[str]:
    handler = type("Handler", (Files,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def path() -> Path:
    return cache() / "data" / "a file.npz"


def cache() -> Path:
    return platformdirs.user_cache_path("optkit")


def left() -> list[Path]:
    """Return what is in the cache beside locks."""
    return [path for path in cache().rglob("*") if path.is_file() and "lock" not in path.name]


@pytest.mark.parametrize("digest", [SHA256, None])
def test_it_is_fetched_once_and_then_served_from_the_cache(
    server: str, asked: list[str], path: Path, digest: str | None
) -> None:
    for _ in range(2):
        assert download(f"{server}/whole", digest, path).read_bytes() == CONTENT
    assert asked == ["/whole"]
    assert left() == [path]


@pytest.mark.parametrize(
    ("file", "digest", "told"),
    [
        ("other", SHA256, r"127\.0\.0\.1:\d+ sent has another sha256"),
        ("short", SHA256, r"the connection to 127\.0\.0\.1:\d+ broke"),
        ("short", None, r"the connection to 127\.0\.0\.1:\d+ broke"),
        ("none", SHA256, r"127\.0\.0\.1:\d+ answers 404"),
    ],
)
def test_what_is_not_whole_or_not_the_known_file_is_not_kept(
    file: str, digest: str | None, told: str, server: str, path: Path
) -> None:
    with pytest.raises(DownloadError, match=told) as caught:
        download(f"{server}/{file}", digest, path)
    assert "\n" not in str(caught.value)
    assert left() == []
    assert download(f"{server}/whole", SHA256, path).read_bytes() == CONTENT


def test_without_a_network_it_says_so_at_once(path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(DownloadError, match=r"^no connection to example\.org$"):
        download("https://example.org/whole", SHA256, path)
    assert time.monotonic() - began < 10


def test_a_cache_that_cannot_be_written_is_a_reason_too(server: str, path: Path) -> None:
    cache().parent.mkdir(parents=True, exist_ok=True)
    cache().touch()
    with pytest.raises(DownloadError, match=r"^(Not a directory|File exists)$"):
        download(f"{server}/whole", SHA256, path)


def test_what_a_killed_process_left_goes_at_the_next_start_and_is_never_served(server: str, path: Path) -> None:
    code = "import sys; from pathlib import Path; from optkit.files.online import download\n"
    code += f"download({f'{server}/slow'!r}, {SHA256!r}, Path({str(path)!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))
    until = time.monotonic() + 60
    while not any(one.stat().st_size for one in left()) and time.monotonic() < until:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert left(), "half of the file"
    assert not path.exists()
    sweep()
    assert left() == []
    assert download(f"{server}/whole", SHA256, path).read_bytes() == CONTENT


def test_the_process_that_times_fetches_without_tensorflow(server: str, path: Path) -> None:
    """Catches Keras' loaders: to fetch an .npz they brought TensorFlow into the process that times."""
    code = f"""
import sys
import numpy as np
from optkit import load_dataset
from optkit.data import sources
from optkit.files import online

def stand_in(url, sha256, path, real=online.download):
    real("{server}/whole", None, path.with_name("bytes"))
    shapes = {{"x_train": (2, 28, 28), "y_train": 2, "x_test": (2, 28, 28), "y_test": 2}}
    np.savez(path, **{{name: np.zeros(shape, np.uint8) for name, shape in shapes.items()}})
    return path

online.download = stand_in
print(load_dataset("mnist", "full").origin == str(sources.cache() / "mnist.npz"))
print({{"tensorflow", "keras", "tf_keras"}} & set(sys.modules) or "light")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True\nlight\n", done.stderr
