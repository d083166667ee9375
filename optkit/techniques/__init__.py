"""Techniques: one file each, one line each in `TECHNIQUES`. Importing them imports no TensorFlow."""

from __future__ import annotations

from typing import Any

from optkit.techniques import cluster, distill, finetune, fold, prune, quantize_aware, slim, sparse_train
from optkit.techniques.base import Technique

__all__ = ["TECHNIQUES", "Technique"]

TECHNIQUES: dict[str, Technique[Any]] = {
    "cluster": Technique(cluster.Cluster, cluster.apply),
    "distill": Technique(distill.Distill, distill.apply),
    "finetune": Technique(finetune.Finetune, finetune.apply),
    "fold": Technique(fold.Fold, fold.apply),
    "prune": Technique(prune.Prune, prune.apply),
    "quantize_aware": Technique(quantize_aware.QuantizeAware, quantize_aware.apply),
    "slim": Technique(slim.Slim, slim.apply),
    "sparse_train": Technique(sparse_train.SparseTrain, sparse_train.apply),
}
