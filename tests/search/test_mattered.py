"""Which choices mattered, and the page of a search."""

import json
from pathlib import Path

import numpy as np
import pytest

from optkit.cli import main
from optkit.report.page.searches import _axis
from optkit.search.mattered import what_mattered
from optkit.search.state import Rung, Search, Trial, write_search
from optkit.search.wanted import Wanted, expected, front
from optkit.spec.bounds import read_bounds

HOSTILE = "</script><img src=x onerror=alert(1)>"


def rung(size: float, drop: float, part: float = 1.0) -> Rung:
    return Rung(part=part, variant="trial", figures={"zip_bytes": size, "drop": drop})


def trials(count: int = 40) -> list[Trial]:
    """Return trials whose size follows one choice, and has nothing to do with two others."""
    rng = np.random.default_rng(3)
    found = []
    for number in range(count):
        sparsity, kind, noise = float(rng.uniform()), str(rng.choice(["int8", "int4"])), float(rng.uniform())
        values = {"sparsity": sparsity, "mode": kind, "noise": noise, "only": 1} if number else {"sparsity": sparsity}
        whole = rung(5000 * (1 - sparsity) + 10 * rng.normal(), 0.01 * float(rng.uniform()))
        found.append(Trial(number=number, values=values, rungs=(whole,)))
    return found


def test_the_choice_that_a_figure_follows_is_told_from_those_it_does_not() -> None:
    found = {one.hole: one.share for one in what_mattered(trials(), "zip_bytes")}
    assert next(iter(found)) == "sparsity"
    assert found["sparsity"] > 0.85
    assert found["mode"] < 0.15
    assert found["noise"] < 0.2
    assert "only" not in found, "what never differs explains nothing"
    assert what_mattered(trials(7), "zip_bytes") == []


def test_the_front_has_what_fits_and_no_other_beats() -> None:
    wanted = Wanted(bounds=read_bounds({"max_drop": 0.02}), minimize=("zip_bytes", "drop"), trials=9)
    sizes = [(3000, 0.01), (2000, 0.015), (2500, 0.016), (1000, 0.5), (2000, 0.015), (4000, 0.0)]
    found = [Trial(number=n, values={}, rungs=(rung(*figures),)) for n, figures in enumerate(sizes)]
    assert [trial.number for trial in front(found, wanted)] == [1, 0, 5]


def test_a_recipe_trained_in_part_is_judged_by_what_others_gained() -> None:
    part = rung(2000, 0.03, 0.25)
    done = [
        Trial(number=n, values={}, rungs=(rung(1, 0.02 + gain, 0.25), rung(1, 0.02)))
        for n, gain in enumerate((0.01, 0.02, 0.9))
    ]
    assert expected(part, done).figures == {"zip_bytes": 2000, "drop": pytest.approx(0.01)}
    assert expected(part, []) == part
    assert expected(rung(1, 0.5), done) == rung(1, 0.5), "what was trained whole is taken as it is"


def test_each_axis_says_which_way_is_better() -> None:
    wanted = {"zip_bytes": "lower", "drop": "lower", "accuracy": "higher", "mse": "lower", "auc": "higher"}
    assert {name: _axis(name)["better"] for name in wanted} == wanted


def test_the_page_of_a_search_says_what_was_found_and_runs_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="plotly is not installed: pip install 'optkit[report]'")
    wanted = Wanted(bounds=read_bounds({"max_drop": 0.02}), minimize=("zip_bytes",), trials=40)
    odd = Trial(number=40, values={"sparsity": 0.5, "mode": HOSTILE}, rungs=(rung(700, 0.001),))
    certificate = {
        "fits": True,
        "drop": 0.001,
        "low": -0.002,
        "high": 0.004,
        "data": "10,000 test samples",
        "held_out_drop": 0.0,
        "zip_bytes": 700,
        "size_ratio": 30.0,
        "table": {"conversion": {"mode": "int8"}},
    }
    found = Search(
        asked={"suite": HOSTILE, **wanted.asked}, trials=(*trials(), odd), winner="trial_40", certificate=certificate
    )
    write_search(tmp_path, found)
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "page"), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 3
    page = (tmp_path / "page/report.html").read_text()
    assert HOSTILE not in page
    for text in ("The best so far", "Which choices mattered", "All trials", "The drop is within 0.02, at 95 %"):
        assert text in page
    markdown = (tmp_path / "page/report.md").read_text()
    assert "| sparsity | " in markdown
    assert "<img" not in markdown.replace("\\<", "")
    assert main(["report", str(tmp_path), str(tmp_path / "run.json"), "-o", str(tmp_path / "page")]) == 2
    assert "make a page of each kind by itself" in capsys.readouterr().err
