"""Objects of a bucket by name: what a shared store needs of obstore, and its failures in words.

The address is a URL, such as s3://bucket/folder, gs://…, az://… or file:///…. Keys and endpoints come from the
environment variables of the service's own tools, such as AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL and
GOOGLE_APPLICATION_CREDENTIALS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from optkit.errors import StoreError

_CONNECT, _ANSWER, _TRANSFER = timedelta(seconds=5), timedelta(seconds=20), timedelta(minutes=20)
_RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_CHUNK = 4 << 20


class Unreachable(StoreError):
    """The shared store does not answer, or not as it should: the work can go on without it."""


class Refused(StoreError):
    """The shared store says no: to these credentials, or there is no such bucket."""


@dataclass(frozen=True)
class Remote:
    """An object as it is listed: its name, size in bytes, and when it was last written (by the service's clock)."""

    name: str
    bytes: int
    modified: datetime


class Bucket:
    """The objects under a URL. Raises StoreError when it is none that can be used, or obstore is not installed."""

    def __init__(self, url: str) -> None:
        try:
            import obstore
            from obstore.store import from_url
        except ImportError as error:
            raise StoreError(
                f"the store {url} is a shared one and needs obstore; pip install 'optkit[shared]'"
            ) from error
        self.url, self._obstore = url, obstore
        try:
            self._quick, self._patient = (
                from_url(url, client_options=_client(url, timeout), retry_config=_RETRIES, **_made(url))
                for timeout in (_ANSWER, _TRANSFER)
            )
        except Exception as error:
            raise StoreError(f"{url} cannot be a shared store: {_words(error)}; give s3://BUCKET/FOLDER") from error

    def read(self, name: str) -> tuple[bytes, str] | None:
        """Return a small object's bytes and its version; None when it is not there."""
        with self._telling("read"):
            try:
                found = self._obstore.get(self._quick, name)
                return bytes(found.bytes()), str(found.meta["e_tag"])
            except FileNotFoundError:
                return None

    def download(self, name: str, take: Callable[[Iterator[Any]], None]) -> bool:
        """Hand an object's bytes, in pieces, to `take`. Return False when it is not there."""
        with self._telling("read"):
            try:
                self._obstore.head(self._quick, name)  # this must answer soon; the transfer may take its time
                found = self._obstore.get(self._patient, name)
            except FileNotFoundError:
                return False
            take(found.stream(min_chunk_size=_CHUNK))
        return True

    def create(self, name: str, content: bytes | Path) -> str | None:
        """Write an object whole, and return its version; None when one of that name is there already."""
        with self._telling("write to"):
            try:
                client = self._patient if isinstance(content, Path) else self._quick
                put = self._obstore.put(client, name, content, mode="create", use_multipart=False)
                return str(put["e_tag"])
            except self._obstore.exceptions.AlreadyExistsError:
                return None

    def overwrite(self, name: str, content: Path) -> None:
        """Write an object whole, whatever was there."""
        with self._telling("write to"):
            self._obstore.put(self._patient, name, content, use_multipart=False)

    def replace(self, name: str, content: bytes, version: str) -> str | None:
        """Write a small object in place of this version of it; return the new version, None when it is another now."""
        with self._telling("write to"):
            try:
                return str(self._obstore.put(self._quick, name, content, mode={"e_tag": version})["e_tag"])
            except (self._obstore.exceptions.PreconditionError, FileNotFoundError):
                return None

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._telling("write to"):
            try:
                self._obstore.delete(self._quick, name)
            except FileNotFoundError:
                pass

    def listed(self, under: str) -> Iterator[Remote]:
        """Yield the objects whose names begin with the folder `under`."""
        with self._telling("list"):
            for some in self._obstore.list(self._quick, under):
                yield from (Remote(one["path"], one["size"], one["last_modified"]) for one in some)

    @contextmanager
    def _telling(self, action: str) -> Iterator[None]:
        """Turn what obstore raises into Refused or Unreachable."""
        refusals = self._obstore.exceptions
        try:
            yield
        except StoreError:
            raise
        except (refusals.PermissionDeniedError, refusals.UnauthenticatedError, FileNotFoundError) as error:
            raise Refused(
                f"cannot {action} the shared store {self.url}: {_words(error)}; check its name and your credentials, "
                "or set OPTKIT_STORE_READ_ONLY=1 where you may only read"
            ) from error
        except (refusals.BaseError, OSError, ValueError) as error:
            raise Unreachable(f"cannot {action} the shared store {self.url}: {_words(error)}") from error


def _client(url: str, timeout: timedelta) -> Any:
    return {"connect_timeout": _CONNECT, "timeout": timeout, "allow_http": True}


def _made(url: str) -> dict[str, Any]:
    return {"mkdir": True} if url.startswith("file:") else {}


def _words(error: BaseException) -> str:
    """Return the first line of what `error` says, in at most 200 characters: services answer with pages of XML."""
    text = (str(error) or type(error).__name__).split("\n")[0]
    return text if len(text) <= 200 else f"{text[:199]}…"
