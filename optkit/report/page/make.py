"""Put a page together from runs: what a run cannot say is left out, with one line that says why."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import OptkitError
from optkit.inspect.kept import make_profiles, read_profiles
from optkit.record.card import find_file
from optkit.record.run import NOT_MEASURED, Run
from optkit.report.page.about import build_section, environment_section, reproduce_section
from optkit.report.page.answer import answer_section
from optkit.report.page.figures import Figures, accuracy_parts, intervals, metric_of, table_section
from optkit.report.page.fronts import front_section
from optkit.report.page.inside import look_inside
from optkit.report.page.latency import latency_section
from optkit.report.page.operators import operators_section
from optkit.report.page.parts import Missing, Page, RunPage, Section
from optkit.report.page.past import past_section
from optkit.report.page.samples import sample_parts
from optkit.report.page.targets import targets_sections
from optkit.report.page.weights import size_section, weights_section


@dataclass(frozen=True)
class Source:
    """A run to report, the text that names it (its file), and its data where they are at hand.

    `profile`: time the operators of its files, here and now, where that was not done before.
    """

    label: str
    run: Run
    dataset: Dataset | None = None
    profile: bool = False


def make_page(sources: Sequence[Source], folders: Sequence[Path], store: Store, version: str) -> Page:
    """Return the page of these runs; `folders` hold saved runs for the history. Raises RecordError as a figure does."""
    runs = tuple(_run_page(source, f"run{place}", folders, store) for place, source in enumerate(sources, 1))
    titles = list(dict.fromkeys(source.run.suite for source in sources))
    return Page(f"optkit: {', '.join(titles)}", runs, f"optkit {version}")


def _run_page(source: Source, name: str, folders: Sequence[Path], store: Store) -> RunPage:
    run, data = source.run, source.run.dataset
    files = files_of(run, store)
    missing, unseen = Missing(), Missing()
    drops, scores = intervals(run, missing)
    inside = look_inside(files, unseen)
    own = {variant: files[variant] for variant in inside}
    reasons = make_profiles(own, store) if source.profile else {}
    operators = operators_section(run, name, inside, read_profiles(own, store), reasons)
    memory = {variant: one.memory for variant, one in inside.items()}
    sections = (
        answer_section(run),
        front_section(run, name, drops, scores, memory),
        table_section(run, memory),
        *targets_sections(run),
        latency_section(run, name),
        dataclasses.replace(operators, missing=(*unseen.lines, *operators.missing)),
        _accuracy(source, name, (drops, scores), files, missing),
        size_section(run, name, inside),
        weights_section(run, name),
        build_section(run, store),
        past_section(run, name, list(folders)),
        environment_section(run),
        reproduce_section(run),
    )
    about = (
        f"{len(run.variants)} files on {data.name} ({data.train:,} samples to train, {data.test:,} to test)",
        f"{run.machine}; {run.sessions} session{'s' if run.sessions != 1 else ''}; {run.made or 'at an unknown time'}",
        *([source.label] if source.label else []),
    )
    return RunPage(name, run.suite, about, sections)


def _accuracy(
    source: Source, name: str, found: tuple[Figures, Figures], files: Mapping[str, Path], missing: Missing
) -> Section:
    """Return the section of accuracy: intervals, and the samples behind them."""
    drops, scores = found
    metric = metric_of(source.run)
    title = "Accuracy" if metric == "accuracy" else metric
    if not scores:
        missing.add(f"{NOT_MEASURED[0].upper()}{NOT_MEASURED[1:]}.")
        return Section("accuracy", title, (), tuple(missing.lines))
    parts = [
        *accuracy_parts(source.run, drops, scores, name),
        *sample_parts(source.run, name, source.dataset, files, missing),
    ]
    return Section("accuracy", title, tuple(parts), tuple(missing.lines))


def files_of(run: Run, store: Store) -> dict[str, Path]:
    """Return the files of the run that are in the store and are those that were measured."""
    found = {}
    for name, facts in run.variants.items():
        try:
            found[name] = find_file(facts, store, "")
        except OptkitError:
            continue
    return found
