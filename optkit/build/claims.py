"""Claims on what is being made, in a shared store: two machines do not train the same stage.

A claim is a small object that its holder writes anew every few seconds. Whoever waits watches whether it changes, by
its own clock alone, so clocks that disagree do no harm. One that has not changed for `LEASE` seconds is of a machine
that has died, or is cut off: it is taken over, by a write on the condition that it is still the same.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from optkit.build.remote import Bucket
from optkit.errors import StoreError

LEASE = 60.0
"""Seconds without a sign of life after which a claim is taken over."""
_BEATS = 4


@dataclass
class Watched:
    """A claim of somebody else's, as it was last seen: its version, and since when it has been that."""

    version: str
    since: float


def claim(bucket: Bucket, name: str, watched: Watched | None, lease: float = LEASE) -> str | Watched:
    """Try once to get the claim `name`: return its version when it is ours now, else what to watch until next time."""
    if version := bucket.create(name, _sign()):
        return version
    found = bucket.read(name)
    now = time.monotonic()
    if found is None:  # given back at this moment
        return Watched("", now)
    if watched is None or watched.version != found[1]:
        return Watched(found[1], now)
    if now - watched.since < lease:
        return watched
    return bucket.replace(name, _sign(), watched.version) or Watched("", now)


@contextmanager
def held(bucket: Bucket, name: str, version: str, lease: float = LEASE) -> Iterator[None]:
    """Keep a claim that is ours alive while the block runs, and give it back at the end.

    Where it cannot be kept alive, another machine may make the same; whose file comes first is kept.
    """
    ended = threading.Event()
    mine: list[str | None] = [version]

    def live() -> None:
        while mine[0] and not ended.wait(lease / _BEATS):
            with suppress(StoreError):
                mine[0] = bucket.replace(name, _sign(), mine[0])

    thread = threading.Thread(target=live, name="claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if mine[0]:
            with suppress(StoreError):
                bucket.delete(name)


def _sign() -> bytes:
    """Return the content of a claim: never the same twice, since a version may be a digest of it."""
    return json.dumps({"schema": 1, "sign": uuid.uuid4().hex}).encode()
