"""Evidence for model compression: build, measure and gate every optimized variant of a Keras model under TFLite.

Importing this imports neither TensorFlow nor a runtime.
"""

from __future__ import annotations

import optkit.interrupts  # noqa: F401 (first: the command handles signals from here on)
from optkit.ab import Design, Judgement, compare_pairs
from optkit.advise import Advice, advise
from optkit.build import Artifact, Progress, build_variants, ensure_variants, find_variants
from optkit.compare import Comparison, compare_runs
from optkit.convert import convert
from optkit.data import Dataset, load_dataset
from optkit.deltas import Delta, Rules
from optkit.errors import (
    ArtifactError,
    BuildError,
    DataError,
    OptkitError,
    RecordError,
    SchemaError,
    StoreError,
    SuiteError,
)
from optkit.gates import Verdict, check_run, judge
from optkit.history import History, Series, make_history, read_runs
from optkit.inspect import WeightFacts, weights_of
from optkit.measure import Evaluation, evaluate, set_up
from optkit.pairs import Pair, find_pairs
from optkit.predict import Prediction, predict
from optkit.preflight import Finding, preflight
from optkit.record import Run, VariantFacts, gather, make_run, read_run
from optkit.runtime import KerasWorkers, TFLiteRunner, dequantize, quantize
from optkit.spec import Conversion, Gate, Network, Step, Suite, Training, Variant, Workload
from optkit.store import Store
from optkit.suites import load_suite, open_suite
from optkit.timing import Timing

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "Artifact",
    "ArtifactError",
    "BuildError",
    "Comparison",
    "Conversion",
    "DataError",
    "Dataset",
    "Delta",
    "Design",
    "Evaluation",
    "Finding",
    "Gate",
    "History",
    "Judgement",
    "KerasWorkers",
    "Network",
    "OptkitError",
    "Pair",
    "Prediction",
    "Progress",
    "RecordError",
    "Rules",
    "Run",
    "SchemaError",
    "Series",
    "Step",
    "Store",
    "StoreError",
    "Suite",
    "SuiteError",
    "TFLiteRunner",
    "Timing",
    "Training",
    "Variant",
    "VariantFacts",
    "Verdict",
    "WeightFacts",
    "Workload",
    "advise",
    "build_variants",
    "check_run",
    "compare_pairs",
    "compare_runs",
    "convert",
    "dequantize",
    "ensure_variants",
    "evaluate",
    "find_pairs",
    "find_variants",
    "gather",
    "judge",
    "load_dataset",
    "load_suite",
    "make_history",
    "make_run",
    "open_suite",
    "predict",
    "preflight",
    "quantize",
    "read_run",
    "read_runs",
    "set_up",
    "weights_of",
]
