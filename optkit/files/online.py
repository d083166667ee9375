"""Whether a host can be reached: asked before a download, which without a network may hang for minutes."""

from __future__ import annotations

import socket

KERAS_HOST = "storage.googleapis.com"
"""Where Keras' own loaders and applications download from."""


def reachable(host: str) -> bool:
    """Tell, within 3 s, whether `host` answers on the HTTPS port."""
    try:
        socket.create_connection((host, 443), timeout=3).close()
    except OSError:
        return False
    return True
