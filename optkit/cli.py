"""The `optkit` command: parse, call, print, set the exit code.

Exit codes: 0 good, 1 a gate failed, 2 bad usage or bad input, 3 not comparable, or no advice fits.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from optkit import __version__
from optkit.advise import DATA, TARGETS, WISHES, advise, suite_with
from optkit.build import build_variants
from optkit.data import DATA_MODES
from optkit.errors import OptkitError, SuiteError
from optkit.gates import check_run, exit_code, explain
from optkit.keys import canonical
from optkit.predict import predict, read_labels
from optkit.record import read_run
from optkit.report import text
from optkit.report.progress import shown_progress
from optkit.store import Store
from optkit.suites import built_in, load_suite, open_suite


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    options = _parser().parse_args(arguments)
    warnings.showwarning = _show_warning
    try:
        result, shown, code = options.run(options)
    except OptkitError as error:
        if options.json:
            print(json.dumps({"error": str(error)}))
        print(f"optkit: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("optkit: interrupted; nothing half-made was kept", file=sys.stderr)
        return 130
    print(msgspec.json.format(msgspec.json.encode(result), indent=1).decode() if options.json else shown)
    return int(code)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"optkit: warning: {message}", file=sys.stderr)


def _list(options: argparse.Namespace) -> tuple[Any, str, int]:
    if options.suite is None:
        suites = [load_suite(name) for name in built_in()]
        result = [
            {"suite": s.name, "description": s.description, "variants": [v.name for v in s.variants]} for s in suites
        ]
        return result, text.suites_table(suites), 0
    suite = load_suite(options.suite)
    result = [
        {
            "variant": variant.name,
            "kind": variant.kind,
            "steps": canonical(variant.steps),
            "conversion": canonical(variant.conversion),
            "gates": canonical(suite.gates_of(variant)),
        }
        for variant in suite.variants
    ]
    return result, text.variants_table(suite), 0


def _build(options: argparse.Namespace) -> tuple[Any, str, int]:
    load_suite(options.suite).select(options.variants)  # before any data is read
    suite, dataset = open_suite(options.suite, options.data)
    variants = suite.select(options.variants)
    store = Store(options.store)
    with shown_progress() as progress:
        built = build_variants(suite, variants, dataset, store, progress, options.tensorboard)
    artifacts = list(built.values())
    result = [
        {
            "variant": a.variant,
            "path": str(a.path),
            "key": a.key,
            "sha256": a.sha256,
            "file_bytes": a.file_bytes,
            "zip_bytes": a.zip_bytes,
            "notes": a.notes,
        }
        for a in artifacts
    ]
    return result, f"{suite.name} on {dataset}\n\n{text.artifacts_table(artifacts)}", 0


def _gate(options: argparse.Namespace) -> tuple[Any, str, int]:
    run = read_run(options.run_file)
    recorded = next(iter(run.variants.values())).suite_path
    suite = load_suite(options.suite or recorded or run.suite, run.dataset.name)
    store = Store(options.store)
    verdicts = [explain(store, run, verdict) for verdict in check_run(suite, run)]
    result = [{**msgspec.to_builtins(v), "bound": v.gate.bound_text} for v in verdicts]
    return result, text.verdicts_text(verdicts, passed=options.all), exit_code(verdicts)


def _run(options: argparse.Namespace) -> tuple[Any, str, int]:
    labels = read_labels(options.labels) if options.labels else None
    found = predict(
        options.model, options.images, suite=options.suite, top=options.top, labels=labels, threads=options.threads
    )
    result = [{"image": str(p.image), "top": msgspec.to_builtins(p.top)} for p in found]
    return result, text.predictions_text(found), 0


def _advise(options: argparse.Namespace) -> tuple[Any, str, int]:
    advice = advise(options.data, options.target, options.wish)
    if options.write:
        content = suite_with(advice, options.suite)
        try:
            with options.write.open("x", encoding="utf-8") as file:  # never over a file that is there
                file.write(content)
        except OSError as error:
            raise SuiteError(f"{options.write} cannot be written ({error.strerror}); give a new .toml file") from error
    return msgspec.to_builtins(advice), text.advice_text(advice), 0 if advice.scheme else 3


def _names(value: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names:
        raise argparse.ArgumentTypeError(f"{value!r} names nothing; expected names with commas between them")
    return names


def _parser() -> argparse.ArgumentParser:
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--json", action="store_true", help="print the result as JSON and nothing else")
    store = argparse.ArgumentParser(add_help=False)
    store.add_argument(
        "--store",
        type=Path,
        metavar="DIR",
        help="artifact store (default: OPTKIT_STORE, else the user's cache)",
    )

    parser = argparse.ArgumentParser(
        prog="optkit",
        description="Evidence for model compression: which optimized form of a model to ship, and is it worse today?",
        epilog="Exit codes: 0 good, 1 a gate failed, 2 bad usage or bad input, 3 not comparable, or no advice fits.",
    )
    parser.add_argument("--version", action="version", version=f"optkit {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(
        name: str, run: Any, about: str, example: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            parents=[shared, *parents],
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"Example: {example}",
        )
        sub.set_defaults(run=run)
        return sub

    sub = command("list", _list, "list the suites, or the variants and gates of one", "optkit list mnist")
    sub.add_argument("suite", nargs="?", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")

    sub = command(
        "build",
        _build,
        "build variants and print where they are",
        "optkit build mnist --variants baseline,int8",
        store,
    )
    sub.add_argument("suite", metavar="SUITE", help="a built-in suite's name, or the path of a .toml file")
    sub.add_argument("--variants", type=_names, default=(), metavar="A,B", help="only these (default: all)")
    sub.add_argument(
        "--data",
        choices=DATA_MODES,
        default="auto",
        help="full data, the small embedded set, or what there is",
    )

    sub.add_argument(
        "--tensorboard",
        type=Path,
        metavar="DIR",
        help="log each layer's sparsity while pruning (needs tensorboard)",
    )

    sub = command("gate", _gate, "judge a saved run by its suite's gates", "optkit gate out/run.json", store)
    sub.add_argument("run_file", type=Path, metavar="RUN.json", help="saved by pytest --benchmark-json or make bench")
    sub.add_argument("--suite", metavar="SUITE", help="the suite whose gates to use (default: the one the run names)")
    sub.add_argument("--all", action="store_true", help="also print the gates that passed")

    sub = command(
        "run",
        _run,
        "classify image files with a .tflite file",
        "optkit run model.tflite photo.jpg --suite cifar10.toml --top 3 --labels names.txt",
    )
    sub.add_argument("model", type=Path, metavar="MODEL.tflite")
    sub.add_argument("images", type=Path, nargs="+", metavar="IMAGE", help="an image file; Pillow reads it")
    sub.add_argument(
        "--suite", metavar="SUITE", help="preprocess as this suite (default: by the model's input, pixels from 0 to 1)"
    )
    sub.add_argument("--top", type=int, default=5, metavar="N", help="show the N best classes (default: 5)")
    sub.add_argument("--labels", type=Path, metavar="FILE", help="class names, one a line, class 0 first")
    sub.add_argument("--threads", type=int, default=1, metavar="N", help="threads of the runtime (default: 1)")

    sub = command(
        "advise",
        _advise,
        "name the recipe to start with, and the command that builds it; exit code 3 when no scheme fits",
        "optkit advise --data unlabelled --target edge_tpu --wish smallest",
    )
    sub.add_argument("--data", choices=DATA, required=True, help="the data at hand to train or calibrate with")
    sub.add_argument("--target", choices=TARGETS, required=True, help="the hardware the model will run on")
    sub.add_argument("--wish", choices=WISHES, required=True, help="what matters most")
    sub.add_argument("--write", type=Path, metavar="NEW.toml", help="write a suite with the recipe as a variant of it")
    sub.add_argument("--suite", default="mnist", metavar="SUITE", help="the suite to add it to (default: mnist)")
    return parser
