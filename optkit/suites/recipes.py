"""Recipes by name: what `variants = ["int8", "pruned_int8"]` stands for, as the tables that a suite file may hold.

A name is the steps' words in their order, then a conversion's: `pruned_clustered_int8`. Without a conversion the file
is a float one. The defaults suit a model that is trained already, and data of some thousand samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_type_hints

from optkit.errors import SuiteError, nearest
from optkit.spec import Conversion
from optkit.techniques import TECHNIQUES
from optkit.techniques.base import Property

Table = dict[str, Any]

CONVERSIONS: tuple[str, ...] = get_args(get_type_hints(Conversion)["mode"])
"""The modes of a conversion: each is the word for itself."""

_TRAINING: dict[str, Table] = {
    "prune": {"epochs": 10, "learning_rate": 1e-3},
    "cluster": {"epochs": 4, "learning_rate": 1e-4},
    "quantize_aware": {"epochs": 4, "learning_rate": 1e-4},
    "low_bit": {"epochs": 10, "learning_rate": 1e-3, "learning_rate_schedule": "cosine"},
    "sparse_train": {"epochs": 10, "learning_rate": 1e-3},
    "finetune": {"epochs": 6, "learning_rate": 1e-3},
}
"""How each technique trains. With large batches, or half the epochs, small data give too few steps: docs/suites.md."""
_OF_ALL: Table = {"batch_size": 32, "validation_split": 0.0}

_STEPS: dict[str, tuple[Table, ...]] = {
    "pruned": ({"technique": "prune"},),
    "pruned_2_4": ({"technique": "prune", "pattern": "2:4"},),
    "clustered": ({"technique": "cluster"},),
    "qat": ({"technique": "quantize_aware"},),
    "low_bit4": ({"technique": "low_bit", "bits": 4},),
    "low_bit2": ({"technique": "low_bit", "bits": 2},),
    "low_entropy": ({"technique": "low_bit", "bits": 4, "entropy_penalty": 0.1},),
    "folded": ({"technique": "fold"},),
    "slimmed": ({"technique": "sparse_train"}, {"technique": "slim"}, {"technique": "finetune"}),
}
"""The steps that a word stands for. What they take so that earlier ones are not undone, the techniques say."""
_TO_INT8 = ("qat", "low_bit4", "low_bit2", "low_entropy")
"""Words after which int8 follows unless another conversion does."""

KNOWN = (
    *CONVERSIONS,
    *(f"{step}_int8" for step in _STEPS if step not in _TO_INT8),
    *_TO_INT8,
    "pruned_qat",
    "pruned_clustered_int8",
)
"""Names to choose from, for messages and help. Any other combination of the words is a recipe, too."""


def recipe(name: str, training: Mapping[str, Any] | None = None) -> Table:
    """Return the table of the variant that `name` stands for: its `steps` and `conversion`, as in a suite file.

    `training` are keys of a training recipe that replace the defaults in every step that trains. Raises SuiteError
    when `name` is none.
    """
    words, conversion = _conversion(name)
    made: frozenset[Property] = frozenset()
    steps: list[Table] = []
    for step in (step for word in _words(words, name) for step in _STEPS[word]):
        technique = TECHNIQUES[step["technique"]]
        trained = _TRAINING.get(step["technique"])
        own = {**_OF_ALL, **trained, **(training or {})} if trained else {}
        steps.append({**step, **technique.keeping(made), **own})
        made |= technique.makes
    if made & {"fake_quant", "grid"} and conversion is None:
        conversion = "int8"
    return {**({"steps": steps} if steps else {}), "conversion": {"mode": conversion or "float32"}}


def _conversion(name: str) -> tuple[str, str | None]:
    """Take the conversion off the end of `name`."""
    for word in sorted(CONVERSIONS, key=len, reverse=True):
        if name == word or name.endswith(f"_{word}"):
            return name[: -len(word)].rstrip("_"), word
    return name, None


def _words(text: str, name: str) -> Sequence[str]:
    found: list[str] = []
    while text:
        fitting = [word for word in _STEPS if text == word or text.startswith(f"{word}_")]
        if not fitting:
            raise SuiteError(
                f"there is no recipe {name!r}; {nearest(name, KNOWN)}; or write it as a table, [variants.{name}]"
            )
        word = max(fitting, key=len)
        found.append(word)
        text = text[len(word) + 1 :]
    return found
