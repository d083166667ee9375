"""Where optkit keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def default_root() -> Path:
    """Return the store's folder: OPTKIT_STORE, else a folder in the user's cache."""
    return Path(os.environ.get("OPTKIT_STORE") or platformdirs.user_cache_dir("optkit"))
