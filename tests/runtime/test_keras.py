"""The worker process that runs Keras files."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from optkit import ArtifactError, KerasWorkers, TFLiteRunner
from optkit.runtime import find_runtime, make_settings
from tests.builders import artifact, stored


@pytest.fixture(scope="module")
def workers() -> Iterator[KerasWorkers]:
    with KerasWorkers() as workers:
        yield workers


def test_predicts_what_the_float_tflite_file_predicts(built_store: Path, workers: KerasWorkers) -> None:
    path = artifact(built_store, "float32")
    x = np.random.default_rng(0).random((5, 28, 28), np.float32)
    runner = TFLiteRunner(path, batch=5)
    baseline = stored(built_store, "train mnist_conv")
    job = workers.job(baseline, x, threads=1, batch=2)
    job.run()
    np.testing.assert_allclose(job.scores(), runner.scores(runner.invoke(runner.prepare(x))), atol=1e-4)
    job.close()
    with pytest.raises(ArtifactError, match=r"nowhere\.h5 is not a Keras \.h5 model"):
        workers.job(Path("nowhere.h5"), x, threads=1, batch=2)
    again = workers.job(baseline, x, threads=1, batch=5)  # the worker survives a bad request
    again.run()


@pytest.mark.slow
def test_behind_the_protocol_it_gives_what_litert_gives_for_the_converted_file(built_store: Path) -> None:
    x = np.random.default_rng(0).random((3, 28, 28), np.float32)
    keras, litert = find_runtime("keras"), find_runtime("litert")
    own, other = stored(built_store, "train mnist_conv"), artifact(built_store, "float32")
    found = []
    for runtime, path in ((keras, own), (litert, other)):
        runner = runtime.runner(path, make_settings(runtime, {}), threads=1, batch=3)
        found.append(runner.scores(runner.invoke(runner.prepare(x))))
        assert runner.memory().arena_bytes is None
        runner.close()
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    assert "is not a Keras .h5 model" in str(keras.refusal(other, make_settings(keras, {})))


def test_a_worker_that_died_is_an_error(built_store: Path, workers: KerasWorkers) -> None:
    """The last in this file: it ends the worker that all of them use."""
    baseline = next(iter(built_store.rglob("model.h5")))
    job = workers.job(baseline, np.zeros((1, 28, 28), np.float32), threads=1, batch=1)
    workers._workers[1]._process.kill()
    with pytest.raises(ArtifactError, match="the process that runs Keras models was killed by SIGKILL"):
        job.run()
