"""What a diagnosis is made of: two files that were verified and tried, and data that fit them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optkit.data import DATASETS, Dataset, load_dataset
from optkit.data.dataset import count
from optkit.data.fit import fitted
from optkit.data.own import OwnData, make_own, read_own
from optkit.data.tasks import work_out_task
from optkit.errors import ArtifactError, DataError
from optkit.files.regular import read_bytes
from optkit.measure.metrics import Scorer, choose_scorer
from optkit.models.look import Look, look_at_model
from optkit.spec.metrics import Task
from optkit.suites.own import image_size, input_specs
from optkit.tflite.flatbuffer import DAMAGE, is_quantized, operator_name, read_flatbuffer, tensor_type, weight_operators
from optkit.tflite.interface import Interface, interface_of
from optkit.tflite.mend import mend
from optkit.tflite.tensors import listed
from optkit.tflite.trial import check_runs


@dataclass(frozen=True, kw_only=True, eq=False)
class File:
    """A .tflite file that was verified and ran in a process of its own: its bytes, object tree and interface."""

    name: str
    content: bytes
    model: Any
    interface: Interface


def read_file(path: Path, *, floating: bool, seconds: float | None = None) -> File:
    """Read the float file, or the quantized one. Raises ArtifactError when it is damaged, cannot run, or is not that.

    The float file comes back mended (`tflite.mend`): with names and a signature.
    """
    if path.suffix != ".tflite":
        raise ArtifactError(f"{path} is no .tflite file; build one first (optkit build), or name a suite")
    try:
        model = read_flatbuffer(path)
        interface = interface_of(model, str(path))
        check = _check_float if floating else _check_quantized
        check(model, str(path))
        check_runs(path, batch=interface.batch or 1, seconds=seconds)
        content = read_bytes(path)
        if floating and (mended := mend(content)) is not content:
            content = mended
            model = _parsed(content)
            interface = interface_of(model, str(path))
    except DAMAGE as error:
        raise ArtifactError(f"{path} is damaged ({error}); build it again") from error
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror or error}; give a .tflite file") from error
    return File(name=str(path), content=content, model=model, interface=interface)


def _parsed(content: bytes) -> Any:
    from optkit.tflite.flatbuffer import parse_flatbuffer

    return parse_flatbuffer(content)


def _check_float(model: Any, name: str) -> None:
    for graph in model.subgraphs:
        for operator, stored in weight_operators(model, graph):
            if (kind := tensor_type(stored)) != "float32":
                raise ArtifactError(
                    f"{name}, the first file, is quantized: the weights of {operator_name(model, operator)} are {kind}"
                    "; give the float file first, then the quantized one"
                )
        if any(is_quantized(tensor) for tensor in listed(graph.tensors)):
            raise ArtifactError(
                f"{name}, the first file, is quantized: it has integers with a scale; give the float file first, then "
                "the quantized one"
            )
        if any(operator_name(model, operator) == "FAKE_QUANT" for operator in listed(graph.operators)):
            raise ArtifactError(
                f"{name} carries FAKE_QUANT operators of quantization-aware training; give the float file that the "
                "training began with"
            )


def _check_quantized(model: Any, name: str) -> None:
    for graph in model.subgraphs:
        if any(is_quantized(tensor) for tensor in listed(graph.tensors)):
            return
        if any(tensor_type(stored) != "float32" for _, stored in weight_operators(model, graph)):
            return
    raise ArtifactError(
        f"{name}, the second file, is not quantized: all its weights and activations are floats; give a quantized file"
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Data:
    """Data as the float file takes them, their task (empty: not known), how they are scored, and notes on that."""

    dataset: Dataset
    task: str
    scorer: Scorer | None
    notes: tuple[str, ...] = ()


def open_data(
    model: Path, interface: Interface, data: Any, task: Task | None = None, allowed: tuple[str, ...] = ()
) -> Data:
    """Read data for the float file at `model`: a path, a data set's name, a function's, arrays, a Dataset.

    Without labels, or with several outputs, there is no scorer: files are then compared with the float one. Raises
    DataError when they cannot be read or do not fit.
    """
    look = look_at_model(model)
    if data is None:
        raise DataError("there are no data; give an .npz file, a folder of images, or the name of a data set")
    raw, labels, shape = _read(look, data, allowed)
    notes: list[str] = []
    scorer = None
    if len(interface.outputs) > 1:
        notes.append(f"the model has {len(interface.outputs)} outputs; files are compared with the float one")
    elif labels is None:
        notes.append("the data have no labels; files are compared with the float one")
    else:
        assert look.output is not None
        found = task or work_out_task(look.output, look.activation, labels, input_shape=shape)[0]
        dataset = _made(look, raw, found)
        scorer = choose_scorer(None, found, labelled=dataset.labelled_by_sample)
        return Data(dataset=fitted(dataset, input_specs(look)), task=found, scorer=scorer)
    dataset = _made(look, _without_labels(raw), "reconstruction")
    dataset = dataclasses.replace(dataset, y_train=dataset.y_train[:0], y_test=dataset.y_test[:0])
    return Data(dataset=fitted(dataset, input_specs(look)), task="", scorer=None, notes=tuple(notes))


def _read(look: Look, data: Any, allowed: tuple[str, ...]) -> tuple[Dataset | OwnData, Any, tuple[int, ...] | None]:
    """Return the data, their raw labels (None: there are none), and the shape of a sample of a single input."""
    shape = next(iter(look.inputs.values())) if len(look.inputs) == 1 else None
    known = tuple(size or 1 for size in shape) if shape else None
    if isinstance(data, str) and data in DATASETS:
        data = load_dataset(data)
    if isinstance(data, Dataset):
        return data, data.y_test if data.labelled else None, known
    raw = read_own(data, allowed=allowed, **image_size(look))
    return raw, raw.labels if raw.labels is not None and len(raw.labels) else None, known


def _without_labels(raw: Dataset | OwnData) -> Dataset | OwnData:
    """Return data without labels: any that has none can be split and scaled as for a reconstruction."""
    if isinstance(raw, Dataset):
        return raw
    parts = {split: dataclasses.replace(part, y=None, groups=None) for split, part in raw.parts.items()}
    return dataclasses.replace(raw, parts=parts)


def _made(look: Look, raw: Dataset | OwnData, task: Task) -> Dataset:
    """Return the data with their labels checked for `task`; a data set that was made already as it is."""
    if isinstance(raw, Dataset):
        return dataclasses.replace(raw, task=task)
    known = task in ("multiclass", "sequence") and look.output is not None and look.output[-1] > 1
    return make_own(raw, task, classes=look.output[-1] if known and look.output else None)


def check_samples(dataset: Dataset) -> None:
    """Raise DataError when there is nothing to look at or to test with."""
    for split in ("train", "test"):
        x = dataset.x_train if split == "train" else dataset.x_test
        if (isinstance(x, Mapping) and not x) or not count(x):
            raise DataError(f"{dataset.origin} has no samples to {split} with; give one or more")
