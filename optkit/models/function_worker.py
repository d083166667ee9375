"""The process that calls a function of the user's for a model: the request as JSON in the argument, the answer as JSON.

What the function prints goes to standard error. The request says which function, what is allowed, the folder that
modules are looked for in, the seed, and the folder `to` which the model and what it was made of are written.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import site
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optkit.errors import BuildError, OptkitError, first_line
from optkit.files.functions import UserFunction, load_function, looked_for_in
from optkit.keras.files import save_model
from optkit.keras.keras3 import load_own_keras
from optkit.keras.tensorflow import load_keras, make_deterministic
from optkit.models.function import write_about
from optkit.process.exchange import answering

_DATE = (1980, 1, 1, 0, 0, 0)
"""The earliest that a ZIP archive can say: the same model is kept as the same bytes on every day."""


def main() -> int:
    """Answer the one request."""
    answers = answering()
    request = json.loads(sys.argv[1])
    answer = {}
    try:
        make_model(request["text"], request["allowed"], Path(request["folder"]), Path(request["to"]), request["seed"])
    except OptkitError as error:
        answer = {"error": str(error)}
    except OSError as error:
        why = f"the model of {request['text']} cannot be kept: {first_line(error)}"
        answer = {"error": f"{why}; free space, or give rights to write there"}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    return 0


def make_model(text: str, allowed: list[str], folder: Path, to: Path, seed: int) -> Path:
    """Call the function, write its model to the folder `to` with what it was made of, and return the model's file."""
    load_own_keras()  # what loading it reads belongs to no model
    watched = _watched()
    model = returned(text, allowed, folder, seed)
    read = set(watched)  # not what saving the model reads
    file = save_returned(text, model, to)
    write_about(to, file, [*_of_the_user(read), *_sources(text.split(":")[0].split(".")[0])])
    return file


def returned(text: str, allowed: list[str], folder: Path, seed: int) -> Any:
    """Return what the function `text` returns. Raises OptkitError when it cannot be called without arguments."""
    keras3 = load_own_keras()  # `import keras` is Keras 3 on TensorFlow now, and `tf.keras` is tf-keras
    with looked_for_in(folder):
        function = load_function(text, allowed, folder)
        _check_arguments(function)
        make_deterministic(seed)
        keras3.utils.clear_session()
        keras3.utils.set_random_seed(seed)
        return function()


def _check_arguments(function: UserFunction) -> None:
    try:
        parameters = inspect.signature(function.call).parameters.values()
    except (TypeError, ValueError):  # it does not say
        return
    needed = [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]
    if needed:
        raise OptkitError(
            f"{function.text} needs the arguments {', '.join(needed)}; give a function that takes none, such as one "
            "that calls it with yours"
        )


def save_returned(text: str, model: Any, to: Path) -> Path:
    """Write the model as tf-keras' .h5 or Keras 3's .keras. Raises OptkitError when it is no model of either."""
    own, keras3 = load_keras(), load_own_keras()
    if not isinstance(model, (own.Model, keras3.Model)):
        raise OptkitError(
            f"{text} returned a value of type {type(model).__name__}; expected a Keras model, of tf-keras or Keras 3"
        )
    listed = getattr(model, "_is_graph_network", False) if isinstance(model, own.Model) else _is_listed(model)
    if not listed or not model.inputs:
        raise OptkitError(
            f"{text} returned a {type(model).__name__} whose layers and inputs cannot be listed; expected a Functional "
            "model, or a Sequential one that begins with an Input"
        )
    try:
        if isinstance(model, own.Model):
            save_model(model, file := to / "model.h5")
        else:
            model.save(file := to / "model.keras")
            _without_dates(file)
    except OSError:
        raise
    except Exception as error:  # Keras raises many kinds, from every layer's own code
        raise BuildError(f"the model that {text} returned cannot be saved by Keras: {first_line(error)}") from error
    return file


def _is_listed(model: Any) -> bool:
    names = {base.__name__ for base in type(model).__mro__}
    known = bool({"Functional", "Sequential"} & names) and bool(model.built)
    return known and getattr(model, "inputs", None) is not None


def _without_dates(file: Path) -> None:
    """Take out of a .keras archive what differs from one saving to the next, so that the same model has the same bytes.

    That is when it was made, how it was compiled, which nothing here uses, and where its objects were in memory.
    """
    with zipfile.ZipFile(file) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    for name, key in (("metadata.json", "date_saved"), ("config.json", "compile_config")):
        document = json.loads(entries[name])
        document.pop(key, None)
        entries[name] = json.dumps(_numbered(document, {})).encode()
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
    file.write_bytes(made.getvalue())


def _numbered(document: Any, seen: dict[int, int]) -> Any:
    """Return `document` with its objects' ids, by which two places share one object, counted from 0 as they come."""
    if isinstance(document, list):
        return [_numbered(one, seen) for one in document]
    if not isinstance(document, dict):
        return document
    return {
        key: seen.setdefault(value, len(seen)) if key == "shared_object_id" else _numbered(value, seen)
        for key, value in document.items()
    }


def _watched() -> set[str]:
    """Return the set of files that are opened for reading from now on: by Python, and by h5py."""
    seen: set[str] = set()

    def note(path: Any) -> None:
        if isinstance(path, (str, bytes, os.PathLike)):
            seen.add(os.path.abspath(os.fsdecode(path)))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = set(mode) & set("wax+") if mode else (flags or 0) & (os.O_WRONLY | os.O_RDWR)
            if not writes:
                note(path)

    sys.addaudithook(hook)  # there is no way back, so this is for a process of one call
    import h5py

    opened = h5py.File.__init__

    def remembered(self: Any, name: Any, *arguments: Any, **options: Any) -> None:
        note(name)
        opened(self, name, *arguments, **options)

    h5py.File.__init__ = remembered
    return seen


def _of_the_user(read: set[str]) -> Iterator[Path]:
    """Yield those files that are the user's own: not of Python, of what is installed, or of the system."""
    places = {sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages(), site.getusersitepackages()}
    itself = Path(__file__).parents[1]
    others = [Path(place).resolve() for place in (*places, str(itself), "/proc", "/sys", "/dev", "/etc") if place]
    for name in read:
        path = Path(name)
        if path.suffix == ".pyc" or any(path.resolve().is_relative_to(other) for other in others):
            continue
        if path.is_file():
            yield path


def _sources(package: str) -> Iterator[Path]:
    """Yield the source files of the modules of `package` that were imported."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if name.split(".")[0] == package and file and Path(file).is_file():
            yield Path(file).resolve()
