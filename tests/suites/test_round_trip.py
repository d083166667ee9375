"""A suite written as TOML and read again is the same suite, with the same keys."""

import json

from hypothesis import given
from hypothesis import strategies as st

from optkit import Conversion, Training, load_suite
from optkit.build.stages import stages
from optkit.spec.keys import canonical, digest
from optkit.suites import read_suite, tomllib
from optkit.techniques.prune import Prune

FRACTIONS = st.floats(0, 0.99)
TRAININGS = st.builds(
    Training,
    epochs=st.integers(1, 99),
    batch_size=st.integers(1, 4096),
    learning_rate=st.floats(1e-9, 10),
    validation_split=FRACTIONS,
)
PRUNES = st.builds(
    lambda low, high, epochs: Prune(initial_sparsity=min(low, high), final_sparsity=max(low, high), epochs=epochs),
    FRACTIONS,
    FRACTIONS,
    st.integers(1, 9),
)
CONVERSIONS = st.builds(
    Conversion,
    mode=st.sampled_from(["float32", "float16", "dynamic_range", "int8", "int16x8"]),
    calibration_samples=st.integers(1, 1000),
)


def toml(value: object) -> str:
    """Return a canonical value as an inline TOML value; keys that only the canonical form has are left out."""
    if isinstance(value, dict):
        items = (f"{k} = {toml(v)}" for k, v in value.items() if k != "version" and v is not None)
        return "{ " + ", ".join(items) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


@given(TRAININGS, PRUNES, CONVERSIONS)
def test_what_is_written_is_read_with_the_same_keys(training: Training, prune: Prune, conversion: Conversion) -> None:
    text = f"""
        schema = 1
        name = "written"
        [workload]
        dataset = "mnist"
        network = "mnist_conv"
        training = {toml(canonical(training))}
        [variants.baseline]
        steps = [{toml(canonical(prune))}]
        conversion = {toml(canonical(conversion))}
    """
    suite = read_suite(tomllib.loads(text))
    (variant,) = suite.variants
    assert (suite.workload.training, variant.steps, variant.conversion) == (training, (prune,), conversion)
    again = read_suite(tomllib.loads(text))
    assert stages(again, variant, "data").key == stages(suite, variant, "data").key


def test_whole_numbers_and_floats_of_the_same_value_have_the_same_key() -> None:
    head = 'schema = 1\nname = "n"\n[workload]\ndataset = "mnist"\nnetwork = "mnist_conv"\n'
    texts = (f"{head}training = {{ epochs = 1, learning_rate = {rate} }}\n[variants.baseline]" for rate in ("1", "1.0"))
    one, same = (digest(read_suite(tomllib.loads(text)).workload) for text in texts)
    assert one == same


def test_the_built_in_suites_have_the_same_keys_each_time() -> None:
    keys = [[stages(s, v, "d").key for v in s.variants] for s in (load_suite("mnist"), load_suite("mnist"))]
    assert keys[0] == keys[1]
