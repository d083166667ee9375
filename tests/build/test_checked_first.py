"""All recipes are looked at before the first of them is built."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optkit.build.builder import build_variants
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import BuildError
from optkit.models import NETWORKS, NetworkEntry
from optkit.spec import DataSource, Network, Suite, Training, Variant, Workload
from optkit.techniques.prune import Prune
from tests.build.test_preflight import ending


def test_all_recipes_are_looked_at_before_the_first_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Catches a build that trains one variant for hours before it finds that another one cannot be built."""
    made: list[str] = []
    monkeypatch.setattr("optkit.build.builder.make_stage", lambda build, stage: made.append(stage.label))
    monkeypatch.setitem(NETWORKS, "ends_plainly", NetworkEntry(ending))
    common: dict[str, Any] = {"network": Network(name="ends_plainly"), "training": Training(epochs=1)}
    good, bad = Variant(name="good", **common), Variant(name="bad", steps=(Prune(include=("nope",)),), **common)
    workload = Workload(dataset=DataSource(name="mnist"), task="multiclass", **common)
    suite = Suite(name="tiny", workload=workload, variants=(good, bad), baseline="good")
    x, y = np.zeros((20, 4), np.float32), np.zeros(20, np.int64)
    data = Dataset(name="mnist", origin="test", digest="0" * 64, classes=3, x_train=x, y_train=y, x_test=x, y_test=y)
    with pytest.raises(BuildError, match="'bad' cannot be built: prune: no layer's name fits 'nope'"):
        build_variants(suite, suite.variants, data, Store(tmp_path))
    assert made == []
