"""What a session measures of one suite: data, variants, threads, store, and what it found; the summary at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import pytest

from optkit.build.artifact import Artifact
from optkit.build.builder import ensure_variants
from optkit.build.shared import open_store
from optkit.build.store import Store
from optkit.data import Dataset
from optkit.errors import OptkitError, nearest
from optkit.files.configuration import allowed_packages
from optkit.judge.fits import fits
from optkit.judge.gates import Verdict
from optkit.plugin.files import SuiteModule
from optkit.plugin.options import cores
from optkit.record.compressed import Compressed
from optkit.record.facts import VariantFacts
from optkit.record.gather import gather
from optkit.record.machine import Machine, read_machine
from optkit.record.run import Run, read_run
from optkit.record.timing import Timing
from optkit.report import terminal, text
from optkit.report.gates import gate_notes
from optkit.report.targets import targets_text
from optkit.runtime import KerasWorkers
from optkit.runtime.chosen import check_variants
from optkit.spec import Suite, Variant
from optkit.spec.running import Running
from optkit.suites import open_suite, place_of


@dataclass
class Bench:
    """The session's choices for one suite and, as it goes on, what it found.

    `variants`: the chosen ones, and what they need.
    """

    suite: Suite
    dataset: Dataset
    variants: tuple[Variant, ...]
    threads: tuple[int, ...]
    store: Store
    data: str
    config: pytest.Config
    like: Run | None = None
    made: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    timings: list[Timing] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    tuned: dict[tuple[str, str, int], Running] = field(default_factory=dict)
    """What tuning found, by variant, mode and threads."""
    keras_workers: KerasWorkers = field(default_factory=KerasWorkers)
    """Processes that run Keras files, one per thread count, started when first needed."""

    @cached_property
    def artifacts(self) -> dict[str, Artifact]:
        """The built artifacts by variant name. What the store lacks is built first, with its progress shown."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            return ensure_variants(self.suite, self.variants, self.dataset, self.store, self.data)

    @cached_property
    def facts(self) -> dict[str, VariantFacts]:
        """Size, accuracy and weights of each artifact, by variant name."""
        return gather(self.suite, self.artifacts, self.dataset, self.store, self.keras_workers)

    @cached_property
    def machine(self) -> Machine:
        """The machine, as pytest-benchmark saves it: what passed here is compared with runs read from its JSON."""
        with ending():
            return read_machine(self.config.hook.pytest_benchmark_generate_machine_info(config=self.config))

    def strategy(self, variant: str, threads: int) -> str | None:
        """Return how the run given by --optkit-like ran the full set of `variant`; None when it does not say."""
        timing = self.like.timing(variant, "full_set", threads) if self.like else None
        return timing.strategy if timing else None

    def run(self) -> Run:
        """Return what was found so far as a Run."""
        facts = next(iter(self.facts.values()))
        return Run(
            suite=self.suite.title,
            baseline=self.suite.baseline,
            dataset=facts.dataset,
            variants=self.facts,
            timings=tuple(self.timings),
            machine=self.machine,
            made=self.made,
        )


class _Telling:
    """Turn an OptkitError within the block into what `tell` does with its message."""

    def __init__(self, tell: Callable[[str], NoReturn]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Tell of an OptkitError."""
        if isinstance(error, OptkitError):
            self._tell(f"optkit: error: {error}")


def ending() -> _Telling:
    """Return a block in which an OptkitError ends the session, with exit code 2."""
    return _Telling(lambda message: pytest.exit(message, returncode=2))


def failing() -> _Telling:
    """Return a block in which an OptkitError fails the test that runs, in one line."""
    return _Telling(lambda message: pytest.fail(message, pytrace=False))


class Variants(dict[str, Compressed]):
    """The variants of a suite by name."""

    def __missing__(self, name: str) -> Compressed:
        """Fail the test, naming the nearest."""
        pytest.fail(f"optkit: error: there is no variant {name!r}; {nearest(name, self)}", pytrace=False)


_KEY = pytest.StashKey[dict[str, Bench]]()
_MIXED = pytest.StashKey[str]()


def bench_of(config: pytest.Config, node: Any = None) -> Bench:
    """Return the Bench of the suite file that `node` is, else of --optkit-suite. Raises OptkitError for bad options."""
    given = config.option.optkit_suite
    if isinstance(node, SuiteModule):
        return _bench(config, given if given and _names(given, node.path) else str(node.path))
    if not given:
        raise OptkitError("no suite was named; give --optkit-suite, or name a suite file as a test file")
    return _bench(config, given)


def _names(given: str, path: Path) -> bool:
    """Tell whether --optkit-suite is the suite file at `path`, perhaps with one of its profiles."""
    return place_of(given).resolve() == path.resolve()


def _bench(config: pytest.Config, place: str) -> Bench:
    benches = config.stash.setdefault(_KEY, {})
    if place not in benches:
        options = config.option
        threads = thread_counts(options.optkit_threads)
        allowed = allowed_packages(names(options.optkit_allow))
        store = options.optkit_store
        if store is not None and not store.strip():
            raise OptkitError("--store is empty; name a folder, or leave it out for the default")
        kept = open_store(store or None)
        suite, dataset = open_suite(place, options.optkit_data, allowed=allowed, store=store or None)
        variants = suite.measured(names(options.optkit_variants))
        check_variants(variants)
        like = read_run(Path(options.optkit_like)) if options.optkit_like else None
        benches[place] = Bench(suite, dataset, variants, threads, kept, options.optkit_data, config, like)
    return benches[place]


def thread_counts(value: str) -> tuple[int, ...]:
    """Turn `1,2` into (1, 2); an empty text into one thread and all. Raises OptkitError when a count is none."""
    if not value:
        return tuple(dict.fromkeys((1, cores())))
    try:
        counts = tuple(dict.fromkeys(int(part) for part in value.split(",")))
    except ValueError:
        counts = (0,)
    if min(counts) < 1:
        raise OptkitError(f"--threads is {value!r}; expected whole numbers from 1, with commas between them")
    return counts


def names(value: str) -> tuple[str, ...]:
    """Turn `a,b` into ("a", "b")."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def built(config: pytest.Config, place: str) -> Variants:
    """Return what is known of each variant of a suite, built first where the store lacks it.

    What is wrong with the suite fails the test that asks, and no other.
    """
    path = Path(place)
    if place.endswith(".toml") and not path.exists():
        path = config.rootpath / place
    with failing():
        bench = _bench(config, str(path) if place.endswith(".toml") else place)
        paths = {name: artifact.path for name, artifact in bench.artifacts.items()}
        return Variants({n: Compressed(name=n, path=paths[n], facts=facts) for n, facts in bench.facts.items()})
    raise AssertionError("the test has failed")


def note_mixed(config: pytest.Config, benchmarks: list[dict[str, Any]]) -> None:
    """Keep a line for the end of the session when the saved `benchmarks` are not all of one suite."""
    infos = [benchmark["extra_info"].get("optkit") for benchmark in benchmarks]
    suites = sorted({info["suite"] for info in infos if info})
    others = infos.count(None)
    if len(suites) > 1 or (suites and others):
        more = f" and {others} benchmarks without a record" if others else ""
        config.stash[_MIXED] = (
            f"optkit: what was saved holds suites {', '.join(suites)}{more}; optkit gate, compare and history read one "
            "suite a file: run pytest for each by itself to save them"
        )


def header(config: pytest.Config) -> str:
    """Return a line that says which suite, data and store --optkit-suite names."""
    with ending():
        bench = bench_of(config)
    threads = ", ".join(map(str, bench.threads))
    return f"optkit: suite {bench.suite.title}, data {bench.dataset}, threads {threads}, store {bench.store.place}"


def summaries(config: pytest.Config) -> Iterator[str]:
    """Yield the lines to be shown at the end: a table of everything that was timed, and what no gate judged."""
    for bench in config.stash.get(_KEY, {}).values():
        if bench.timings:
            yield ""
            yield text.summary(bench.run(), bench.verdicts)
        if "facts" in vars(bench) and bench.suite.targets:
            yield ""
            yield targets_text(bench.suite, bench.run(), fits(bench.suite, bench.run()))
        if "facts" in vars(bench) and not config.option.benchmark_only:
            for note in gate_notes(bench.suite, bench.run(), bench.verdicts):
                yield from terminal.paragraph(note, terminal.width())
    if _MIXED in config.stash:
        yield config.stash[_MIXED]


def close(config: pytest.Config) -> None:
    """Remember what passed, so that a later failure can say what changed since; end the processes of Keras files."""
    from optkit.plugin.judging import keep_passed

    for bench in config.stash.get(_KEY, {}).values():
        keep_passed(bench)
        bench.keras_workers.close()
