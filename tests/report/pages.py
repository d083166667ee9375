"""Runs for tests of the page: one with everything that a run may hold, and with names that try to be markup."""

import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from optkit import Run, make_run
from optkit.build.store import Store
from optkit.report.page.make import Source, make_page
from optkit.report.page.parts import Page, Section, Table
from optkit.tflite.weights import Tensor, WeightFacts
from tests.builders import benchmark, variant

EVIL = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">{{ 7*7 }}'`|*x*"
MACHINE = {
    "node": "here",
    "machine": EVIL,
    "system": "Linux",
    "python_version": "3.11",
    "cpu": {"brand_raw": EVIL, "count": 2},
}
MODES = (("single_sample", 1, 1e-5), ("single_batch", 32, 2e-4), ("full_set", 2000, 2e-2))


def tensors(*zeros: float) -> WeightFacts:
    found = [
        Tensor(
            name=EVIL,
            dtype="int8" if place else "float32",
            elements=1000,
            zeros=share,
            distinct=16,
            layers=(f"{EVIL}{place}",),
            distinct_in_scale=16,
            sparse_2_4=0.0,
        )
        for place, share in enumerate(zeros)
    ]
    return WeightFacts(tensors=tuple(found), leftovers=())


def full_run(variants: int = 4, *, sessions: int = 2, evil: bool = True) -> Run:
    """Return a run of so many variants in all modes, on one and two threads, with rounds, of several sessions."""
    rng = np.random.default_rng(0)
    spec = {
        "task": "multiclass",
        "network": {"name": EVIL if evil else "net", "params": {}},
        "training": {"epochs": 2},
        "steps": [{"technique": "prune", "final_sparsity": 0.8, "why": EVIL if evil else ""}],
    }
    made = []
    for place in range(variants):
        name = "baseline" if place == 0 else f"v{place}"
        own = variant(
            name, wrong=7 * place, size=max(100, 2000 - 1900 * place // variants), weights=tensors(0.1, 0.02 * place)
        )
        own = dataclasses.replace(own, spec={**spec, "steps": spec["steps"] if place else []})
        for session in range(sessions):
            for mode, batch, seconds in MODES:
                for threads in (1, 2):
                    rounds = seconds * (1 + 0.1 * place) / threads**0.5 * rng.lognormal(0, 0.02, 31)
                    one = benchmark(own, float(np.median(rounds)), mode, threads)
                    one["stats"]["data"] = rounds.tolist()
                    one["extra_info"]["optkit"] |= {"batch": batch, "samples": batch, "session": session}
                    made.append(one)
    found = make_run(json.loads(json.dumps(made)), MACHINE if evil else {}, "2026-01-01")
    return dataclasses.replace(found, commit={"id": EVIL if evil else "abc", "dirty": True})


def page_of(*runs: Run, store: Path, folders: list[Path] | None = None, dataset: Any = None) -> Page:
    sources = [Source("run.json", run, dataset) for run in runs]
    return make_page(sources, folders or [], Store(store), "0")


class Tags(HTMLParser):
    """Collects the tags of a page, their attributes, and the texts of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.within = tag

    def handle_data(self, data: str) -> None:
        if self.within == "script":
            self.scripts.append(data)

    def handle_endtag(self, tag: str) -> None:
        self.within = ""


def section(page: Page, name: str) -> Section:
    return next(one for one in page.runs[0].sections if one.name == name)


def table(page: Page, name: str, caption: str = "") -> dict[str, dict[str, str]]:
    """Return the cells of a table by row and column."""
    found = next(p for p in section(page, name).parts if isinstance(p, Table) and p.caption.startswith(caption))
    heads = [head.text for head in found.heads]
    return {row[0].text: {h: cell.text for h, cell in zip(heads, row, strict=True)} for row in found.rows}
