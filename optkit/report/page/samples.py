"""Which samples a file gets wrong that the baseline got right: their numbers, and with the data their pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data import Dataset
from optkit.data.images import load_pillow
from optkit.errors import OptkitError
from optkit.record.run import Run
from optkit.record.samples import correct_samples
from optkit.report.page.parts import Chart, Head, Missing, Part, Shot, Shots, Table, figure, text

_SHOTS = 24
_NUMBERS = 12
_MOST_CLASSES = 20
_PATIENCE = 2.0
"""Seconds that running a file over the test set may take, by the times of the run."""

Array = npt.NDArray[Any]


def sample_parts(
    run: Run, name: str, dataset: Dataset | None, files: Mapping[str, Path], missing: Missing
) -> list[Part]:
    """Return the samples that flip, by number; with `dataset`, their pictures, accuracy by class, and confusion."""
    correct = {one: correct_samples(run, one) for one, facts in run.variants.items() if facts.correct is not None}
    if run.baseline not in correct:
        missing.add("No flipped samples: the run has not which samples were right.")
        return []
    parts: list[Part] = [_flips(run, correct)]
    if dataset is None:
        missing.add("No pictures of samples, accuracy by class and confusion: give the data with --data.")
        return parts
    if dataset.digest != run.dataset.digest:
        missing.add(
            f"No pictures of samples: the data have sha256 {dataset.digest[:12]}, and the run was measured on "
            f"{run.dataset.digest[:12]}."
        )
        return parts
    parts += _shots(run, dataset, correct, missing)
    labels = np.asarray(dataset.y_test)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or labels.max() >= 200:
        missing.add("No accuracy by class: the labels are no class numbers, or there are more than 200 classes.")
        return parts
    return [*parts, _by_class(correct, labels), *_confusions(run, name, dataset, labels, files, correct, missing)]


def _flips(run: Run, correct: Mapping[str, Array]) -> Table:
    heads = ("variant", "lost", "gained", "first of the lost samples")
    base = correct[run.baseline]
    rows = []
    for one, own in correct.items():
        lost, gained = np.flatnonzero(base & ~own), np.flatnonzero(own & ~base)
        numbers = ", ".join(map(str, lost[:_NUMBERS])) + (", …" if len(lost) > _NUMBERS else "")
        rows.append(
            (text(one), figure(len(lost), f"{len(lost):,}"), figure(len(gained), f"{len(gained):,}"), text(numbers))
        )
    caption = f"Samples that flip against {run.baseline}, by their number in the test set"
    return Table(caption, tuple(Head(h, h in heads[1:3]) for h in heads), tuple(rows))


def _shots(run: Run, dataset: Dataset, correct: Mapping[str, Array], missing: Missing) -> list[Part]:
    """Return pictures of the samples that most files lose."""
    x = dataset.x_test
    if isinstance(x, Mapping) or not _is_image(x):
        missing.add("No pictures of samples: they are no images of one or three channels.")
        return []
    losing = np.stack([correct[run.baseline] & ~own for own in correct.values()])
    places = [int(i) for i in np.argsort(-losing.sum(axis=0), kind="stable")[:_SHOTS] if losing[:, i].any()]
    if not places:
        missing.add("No pictures of samples: no file loses one that the baseline gets right.")
        return []
    names = list(correct)
    try:
        low, high = float(x.min()), float(x.max())
        shots = []
        for i in places:
            lost = [names[row] for row in np.flatnonzero(losing[:, i])]
            said = ", ".join(lost[:4]) + (f" and {len(lost) - 4} more" if len(lost) > 4 else "")
            shots.append(Shot(_png(x[i], low, high), f"sample {i}, {_label(dataset, i)}", (f"lost by {said}",)))
    except OptkitError as error:
        missing.add(f"No pictures of samples: {error}")
        return []
    return [Shots(f"Samples that {run.baseline} gets right and most others lose", tuple(shots))]


def _label(dataset: Dataset, place: int) -> str:
    label = np.asarray(dataset.y_test)[place]
    return f"label {label}" if np.ndim(label) == 0 else "its label is no single number"


def _is_image(x: Array) -> bool:
    has_channels = x.ndim == 3 or (x.ndim == 4 and x.shape[-1] in (1, 3))
    return has_channels and min(x.shape[1:3]) > 3 and max(x.shape[1:3]) < 1000


def _png(sample: Array, low: float, high: float) -> str:
    """Return a sample as a PNG, base64: `low` is black and `high` white; at most 96 pixels a side."""
    image, _ = load_pillow()
    pixels = (255 * (np.asarray(sample, np.float32) - low) / max(1e-9, high - low)).clip(0, 255).astype(np.uint8)
    picture = image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[-1] == 1 else pixels)
    picture.thumbnail((96, 96))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


def _by_class(correct: Mapping[str, Array], labels: Array) -> Table:
    classes = np.unique(labels)
    heads = (Head("class"), Head("samples"), *(Head(name) for name in correct))
    rows = []
    for one in classes:
        own = labels == one
        shares = [float(np.mean(found[own])) for found in correct.values()]
        cells = (figure(share, f"{share:.4f}") for share in shares)
        rows.append((figure(int(one), str(one)), figure(int(own.sum()), f"{int(own.sum()):,}"), *cells))
    return Table("Accuracy by class", heads, tuple(rows), folded=len(rows) * len(correct) > 120)


def _confusions(
    run: Run,
    name: str,
    dataset: Dataset,
    labels: Array,
    files: Mapping[str, Path],
    correct: Mapping[str, Array],
    missing: Missing,
) -> list[Part]:
    """Return which class is taken for which, of the float file and of the smallest one, run here and now."""
    classes = int(labels.max()) + 1
    tflite = [one for one in files if run.variants[one].kind == "tflite" and one in correct]
    if not tflite or classes > _MOST_CLASSES:
        why = "none of the files is in the store" if not tflite else f"there are {classes} classes"
        missing.add(f"No confusion of classes: {why}.")
        return []
    smallest = min(tflite, key=lambda one: run.variants[one].artifact.zip_bytes)
    parts: list[Part] = []
    for one in dict.fromkeys([*([run.float_file] if run.float_file in tflite else []), smallest]):
        found = _predicted(run, one, dataset, files[one], missing) if one else None
        if found is None or not np.array_equal(found == labels, correct[one]):
            if found is not None:
                missing.add(f"No confusion of {one}: it classifies other samples right here than in the run.")
            continue
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (labels, found), 1)
        parts += _confusion(one, f"{name}-{len(parts)}", counts)
    return parts


def _predicted(run: Run, name: str, dataset: Dataset, path: Path, missing: Missing) -> Array | None:
    """Return the class that a file gives each sample; None when it cannot be, or would take long."""
    from optkit.measure.accuracy import classify
    from optkit.runtime.samples import run_samples

    timing = next((one for one in run.benchmarks if one.variant == name), None)
    seconds = timing.seconds / timing.samples * run.dataset.test if timing else float("inf")
    if seconds > _PATIENCE:
        missing.add(f"No confusion of {name}: running it over the test set takes {seconds:.0f} s or more.")
        return None
    task = str(run.variants[name].spec.get("task"))
    try:
        outputs = list(run_samples(path, dataset.x_test, batch=100).values())
    except OptkitError as error:
        missing.add(f"No confusion of {name}: {error}")
        return None
    if len(outputs) != 1 or task not in ("multiclass", "binary"):
        missing.add(f"No confusion of {name}: its task is {task}.")
        return None
    return classify(outputs[0].reshape(len(outputs[0]), -1), "binary" if task == "binary" else "multiclass")


def _confusion(variant: str, name: str, counts: Array) -> list[Part]:
    labels = [str(one) for one in range(len(counts))]
    data = {"variant": variant, "labels": labels, "counts": counts.tolist()}
    about = f"Rows are labels, columns what {variant} says. The table has the same figures."
    rows = tuple(
        (text(label), *(figure(int(count), f"{count:,}") for count in row))
        for label, row in zip(labels, counts, strict=True)
    )
    heads = (Head("label", number=False), *(Head(label) for label in labels))
    return [
        Chart(f"{name}-confusion", "confusion", data, about),
        Table(f"What {variant} takes for what", heads, rows, folded=True),
    ]
