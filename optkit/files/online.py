"""Files from the network: whole and with a known digest, or not there at all."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from optkit.errors import OptkitError
from optkit.process.temporary import temporary_folder

KERAS_HOST = "storage.googleapis.com"
"""Where Keras' own loaders and applications download from."""
_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = 30.0


class DownloadError(Exception):
    """A file cannot be downloaded. The message is the reason, for a sentence that says what to do."""


def reachable(host: str) -> bool:
    """Tell, within 3 s, whether `host` answers on the HTTPS port."""
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True


def download(url: str, sha256: str | None, path: Path) -> Path:
    """Return `path`. When it is not there, the file at `url` is put there first, in one step and whole.

    `path` must be on the same disk as optkit's cache. `sha256` is the digest that the file must have, in hex; None
    for one whose digest nobody published. What a killed process left of a download goes at the next start. Raises
    DownloadError, within seconds where there is no network.
    """
    if path.exists():
        return path
    import pooch
    import requests

    host = urlsplit(url).netloc
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_folder("download", cached=True) as folder, _progress(path.name) as bar, _quiet():
            limits = (_CONNECT_SECONDS, _SILENCE_SECONDS)
            http = pooch.HTTPDownloader(progressbar=bar, chunk_size=1 << 16, timeout=limits)
            pooch.retrieve(url, known_hash=sha256, fname="file", path=folder, downloader=http)
            (folder / "file").replace(path)
    except requests.HTTPError as error:
        raise DownloadError(f"{host} answers {error.response.status_code}") from error
    except (requests.ConnectionError, requests.Timeout) as error:
        raise DownloadError(f"no connection to {host}") from error
    except requests.RequestException as error:
        raise DownloadError(f"the connection to {host} broke") from error
    except ValueError as error:  # so pooch says it
        raise DownloadError(f"what {host} sent has another sha256 than the known file") from error
    except OSError as error:
        raise DownloadError(error.strerror or type(error).__name__) from error
    except OptkitError as error:  # there is no place for it
        raise DownloadError(str(error)) from error
    return path


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep pooch from logging each download: the bar shows it."""
    import pooch

    logger = pooch.get_logger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextmanager
def _progress(name: str) -> Iterator[_Bar]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        yield _Bar(progress, name)


class _Bar:
    """A bar of rich in the form that pooch asks for: it sets `total` in bytes, then calls the rest."""

    def __init__(self, progress: Any, name: str) -> None:
        self.total = 0
        self._progress, self._task = progress, progress.add_task(name, total=None)

    def update(self, count: int) -> None:
        self._progress.update(self._task, total=self.total or None, advance=count)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        """The bar ends with its context."""
