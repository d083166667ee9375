"""What a technique may use besides the model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from optkit.data.dataset import Inputs
from optkit.spec.metrics import Task


@dataclass(frozen=True, eq=False)
class TrainingContext:
    """What a technique may use besides the model: training samples, the task, and whom to tell of progress.

    `x`: float32, (samples, *sample shape), or of several inputs a dict of such arrays by input name; `y`: int64,
    (samples,), or as `data.labels` says for other tasks.
    `activation` is what the user's own model ends in, such as `softmax`; None: logits of a multiclass task, a
    probability of a binary one. `on_epoch(epoch, epochs, logs)` is called
    after each epoch. `outputs[name]` gives the outputs, float32 (samples, outputs), that another variant's model
    (one of the step's `needs`) has for `x`; they are computed once and kept in the store. A step with augmentation
    gets `models[name]`, the Keras file of that model, in their place. `note(text)` keeps a line that the user should
    see of the result. `log_dir`: where pruning logs for TensorBoard, if anywhere. `callbacks` are Keras callbacks of
    the caller's own. `seed` is for what is drawn anew after a checkpoint; `checkpoints`: the folder for them, if any.
    """

    x: Inputs
    y: npt.NDArray[np.int64]
    task: Task
    on_epoch: Callable[[int, int, dict[str, float]], None] = lambda epoch, epochs, logs: None
    outputs: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    note: Callable[[str], None] = lambda text: None
    log_dir: Path | None = None
    callbacks: Sequence[Any] = ()
    models: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 1
    checkpoints: Path | None = None
    activation: str | None = None
