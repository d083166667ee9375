"""Import TensorFlow the one way optkit supports: with tf-keras as its Keras, quietly.

Law: every other module gets TensorFlow, tf-keras and tfmot from here, inside a function, so that importing
optkit never imports them (it costs about 3 s and is not needed to time a .tflite).
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from optkit.errors import BuildError

_INSTALL = "install the training libraries with: pip install 'optkit[train]'"


def load_tensorflow() -> ModuleType:
    """Return the `tensorflow` module, set up for tf-keras. Raises BuildError when it is not installed."""
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # On processors without AVX-512 TensorFlow leaves oneDNN off, and convolutions train at half the speed.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*saving your model as an HDF5 file.*")
    try:
        import tensorflow as tf
    except ImportError as error:
        raise BuildError(f"TensorFlow cannot be imported ({error}); {_INSTALL}") from error
    return tf  # type: ignore[no-any-return]


def load_keras() -> Any:
    """Return the `tf_keras` module (Keras 2). Raises BuildError when it is not installed."""
    load_tensorflow()
    try:
        import tf_keras
    except ImportError as error:
        raise BuildError(f"tf-keras cannot be imported ({error}); {_INSTALL}") from error
    return tf_keras


def load_tfmot() -> Any:
    """Return `tensorflow_model_optimization`. Raises BuildError when it is not installed."""
    load_keras()
    try:
        import tensorflow_model_optimization as tfmot
    except ImportError as error:
        raise BuildError(f"tensorflow-model-optimization cannot be imported ({error}); {_INSTALL}") from error
    return tfmot


def set_threads(threads: int) -> None:
    """Give TensorFlow `threads` threads within and between operations, before it runs anything."""
    threading = load_tensorflow().config.threading
    threading.set_intra_op_parallelism_threads(threads)
    threading.set_inter_op_parallelism_threads(threads)


def make_deterministic(seed: int) -> None:
    """Seed Python, numpy and TensorFlow, clear Keras' name counters and turn on op determinism.

    Called before each build stage, so that a stage gives the same bytes whatever was built before it in the process.
    """
    keras = load_keras()
    keras.backend.clear_session()
    load_tensorflow().config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)


def release_memory() -> None:
    """Collect garbage, and hand freed memory back to the system where the C library (glibc) can."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim:
        trim(0)


@contextmanager
def silenced() -> Iterator[None]:
    """Send file descriptors 1 and 2 to nowhere: TensorFlow and its converter write there from C++, unasked.

    What is for the user arrives as an exception, or through a stream that was opened on a copy made before.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = [os.dup(1), os.dup(2)]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for target, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, target)
            os.close(copy)
        os.close(nowhere)
