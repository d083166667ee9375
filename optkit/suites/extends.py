"""A suite file that begins from another one, and a suite on other data than its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.data import DATA_MODES, DATASETS
from optkit.errors import SuiteError, nearest
from optkit.files.functions import is_function
from optkit.suites.form import read_toml_text
from optkit.suites.tables import merged

_MOST = 8
"""How many files may extend each other in a row."""


@dataclass(frozen=True)
class Document:
    """The tables of a suite file, laid over those of the file that it `extends` (empty: none); its own `text`."""

    tables: dict[str, Any]
    text: str
    extends: str = ""


def read_document(path: Path, find: Callable[[str], Path]) -> Document:
    """Read a suite file, and the files that it extends.

    What it extends is a built-in suite's name, which `find` resolves, or a path relative to the file. Tables are merged
    key by key; a list, such as `gates`, takes the place of the other's.
    """
    chain: list[Path] = []
    texts: list[str] = []
    names: list[str] = []
    documents: list[dict[str, Any]] = []
    while True:
        if path.absolute() in chain or len(chain) == _MOST:
            raise SuiteError(f"{path.name} extends itself, or more than {_MOST} files in a row; drop an extends")
        chain.append(path.absolute())
        document, text = read_toml_text(path)
        texts.append(text)
        extends = document.pop("extends", None)
        documents.append(document)
        if extends is None:
            break
        if not isinstance(extends, str) or not extends:
            raise SuiteError(
                f"{path.name}: extends is {extends!r}; expected a suite's name, or the path of a .toml file"
            )
        names.append(extends)
        path = path.parent / extends if extends.endswith(".toml") else find(extends)
    found: dict[str, Any] = {}
    for document in reversed(documents):
        found = merged(_without_source(found, document), document)
    return Document(found, texts[0], next(iter(names), ""))


def _without_source(below: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` without its data set when `over` brings other data: its parameters are of the old one."""
    own = over.get("workload")
    brings = "data" in over or (isinstance(own, Mapping) and {"dataset", "data"} & set(own))
    workload = below.get("workload")
    if not brings or not isinstance(workload, Mapping):
        return below
    return {**below, "workload": {key: item for key, item in workload.items() if key not in ("dataset", "data")}}


def with_data(document: dict[str, Any], data: str | None) -> dict[str, Any]:
    """Return a document whose data set is `data` instead: the name of a data set, or a path of the user's own data."""
    if data is None:
        return document
    if data in DATASETS:
        new: dict[str, Any] = {"dataset": data}
    elif is_function(data):
        new = {"data": data}
    elif data.endswith(".npz") or Path(data).is_dir():
        new = {"data": str(Path(data).absolute())}
    else:
        raise SuiteError(
            f"there is no data set {data!r}; {nearest(data, (*DATA_MODES, *DATASETS))}; or give an .npz file, a folder "
            "of images, or 'package.module:function'"
        )
    found = {key: value for key, value in document.items() if key != "data"}
    workload = found.get("workload", {})
    workload = workload if isinstance(workload, Mapping) else {}
    kept = {key: value for key, value in workload.items() if key not in ("dataset", "data")}
    return {**found, "workload": {**kept, **new}}
