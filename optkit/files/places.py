"""Where things of the user's are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_root() -> Path:
    """Return the store's folder: OPTKIT_STORE, else a folder in the user's cache."""
    return local_root()


def local_root(place: str | Path | None = None) -> Path:
    """Return the folder of this machine for the store at `place`, a folder or a URL; of a URL the user's cache.

    Without a place it is that of OPTKIT_STORE, else the user's cache.
    """
    named = str(place) if place is not None else os.environ.get("OPTKIT_STORE", "")
    return Path(named) if named and "://" not in named else Path(platformdirs.user_cache_dir("optkit"))
