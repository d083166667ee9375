"""Evidence for model compression: build, measure and gate every optimized variant of a Keras model under TFLite.

Importing this imports neither TensorFlow nor a runtime.
"""

from __future__ import annotations

from optkit.advise import Advice, advise
from optkit.build import Artifact, Progress, build_variants, ensure_variants, find_variants
from optkit.convert import convert
from optkit.data import Dataset, load_dataset
from optkit.errors import (
    ArtifactError,
    BuildError,
    DataError,
    OptkitError,
    RecordError,
    StoreError,
    SuiteError,
)
from optkit.gates import Verdict, check_run, judge
from optkit.inspect import WeightFacts, weights_of
from optkit.measure import Evaluation, evaluate, set_up
from optkit.predict import Prediction, predict
from optkit.preflight import Finding, preflight
from optkit.record import Run, Timing, VariantFacts, gather, make_run, read_run
from optkit.runtime import KerasWorkers, TFLiteRunner, dequantize, quantize
from optkit.spec import Conversion, Gate, Network, Step, Suite, Training, Variant, Workload
from optkit.store import Store
from optkit.suites import load_suite, open_suite

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "Artifact",
    "ArtifactError",
    "BuildError",
    "Conversion",
    "DataError",
    "Dataset",
    "Evaluation",
    "Finding",
    "Gate",
    "KerasWorkers",
    "Network",
    "OptkitError",
    "Prediction",
    "Progress",
    "RecordError",
    "Run",
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
    "convert",
    "dequantize",
    "ensure_variants",
    "evaluate",
    "find_variants",
    "gather",
    "judge",
    "load_dataset",
    "load_suite",
    "make_run",
    "open_suite",
    "predict",
    "preflight",
    "quantize",
    "read_run",
    "set_up",
    "weights_of",
]
