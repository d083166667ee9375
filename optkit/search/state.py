"""What a search keeps of itself: enough to go on after it was killed, and to show what it did.

The questions are not kept: with the same seed and answers the sampler asks them again. A trial's answer is kept once it
is known, under its values, so what was asked before is neither built nor measured again.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from optkit.errors import OptkitError
from optkit.files.documents import DocumentError, decode_json
from optkit.files.regular import read_bytes

SCHEMA = 1
NAME = "search.json"


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What a trial gave after a part of its training: figures by quantity, on the samples that choose."""

    part: float
    variant: str
    figures: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One recipe: what was chosen, what came of it; `refused` says why it was not tried."""

    number: int
    values: dict[str, Any]
    rungs: tuple[Rung, ...] = ()
    refused: str = ""

    @property
    def whole(self) -> Rung | None:
        """What it gave after all of its training; None when it was given up before, or refused."""
        return self.rungs[-1] if self.rungs and self.rungs[-1].part == 1.0 and not self.refused else None


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search as it is saved. `asked` is what it was begun with: it goes on only with the same."""

    schema: int = SCHEMA
    asked: dict[str, Any]
    trials: tuple[Trial, ...] = ()
    winner: str = ""
    certificate: dict[str, Any] | None = None


def read_search(folder: Path) -> Search | None:
    """Return the search in `folder`; None when there is none. Raises OptkitError when it cannot be read."""
    path = folder / NAME
    try:
        found = decode_json(read_bytes(path), Search)
    except FileNotFoundError:
        return None
    except DocumentError as error:
        raise OptkitError(f"{path} is no search of optkit's ({error}); give another folder with -o") from error
    if found.schema != SCHEMA:
        raise OptkitError(
            f"{path} is of schema {found.schema}; this optkit reads {SCHEMA}: give another folder with -o"
        )
    return found


def write_search(folder: Path, search: Search) -> None:
    """Write `search` to `folder`, at once."""
    part = folder / f"{NAME}.part"
    part.write_bytes(msgspec.json.format(msgspec.json.encode(search), indent=1))
    part.replace(folder / NAME)
