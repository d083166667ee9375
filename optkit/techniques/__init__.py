"""Techniques: one file each, one line each in `TECHNIQUES`. Importing them imports no TensorFlow."""

from __future__ import annotations

from typing import Any

from optkit.techniques import cluster, distill, finetune, fold, low_bit, prune, quantize_aware, slim, sparse_train
from optkit.techniques.base import Technique, keeping_by_preserve, kept_by_preserve, put_first, set_preserve

__all__ = ["TECHNIQUES", "Technique"]

TECHNIQUES: dict[str, Technique[Any]] = {
    "cluster": Technique(
        cluster.Cluster,
        cluster.apply,
        frozenset({"clusters"}),
        keeps=cluster.keeps,
        keeping=cluster.keeping,
        remedy=cluster.remedy,
        check=cluster.check,
    ),
    "distill": Technique(
        distill.Distill, distill.apply, keeps=kept_by_preserve, keeping=keeping_by_preserve, remedy=set_preserve
    ),
    "finetune": Technique(
        finetune.Finetune, finetune.apply, keeps=kept_by_preserve, keeping=keeping_by_preserve, remedy=set_preserve
    ),
    "fold": Technique(fold.Fold, fold.apply, keeps=fold.keeps, remedy=fold.remedy, leaves=fold.apply),
    "low_bit": Technique(
        low_bit.LowBit,
        low_bit.apply,
        frozenset({"grid"}),
        keeps=low_bit.keeps,
        keeping=low_bit.keeping,
        remedy=low_bit.remedy,
        check=low_bit.check,
        bits=low_bit.bits_of,
    ),
    "prune": Technique(
        prune.Prune, prune.apply, frozenset({"zeros"}), keeps=prune.keeps, remedy=prune.remedy, check=prune.check
    ),
    "quantize_aware": Technique(
        quantize_aware.QuantizeAware,
        quantize_aware.apply,
        frozenset({"fake_quant"}),
        keeps=kept_by_preserve,
        keeping=keeping_by_preserve,
        remedy=set_preserve,
        check=quantize_aware.check,
    ),
    "slim": Technique(slim.Slim, slim.apply, remedy=put_first, check=slim.check),
    "sparse_train": Technique(sparse_train.SparseTrain, sparse_train.apply, remedy=put_first, check=sparse_train.check),
}
