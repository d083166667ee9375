"""Keys and canonical forms: what they depend on, and what they must not."""

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit import Conversion, Gate, Training
from optkit.spec.keys import ADDED_LATER, canonical, digest
from optkit.suites import read_suite, tomllib
from optkit.techniques.prune import Prune
from optkit.techniques.slim import Slim
from tests.conftest import SUITE

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), PLAIN, max_size=5))
def test_digest_does_not_depend_on_the_order_of_keys(table: dict[str, object]) -> None:
    assert digest(table) == digest(dict(reversed(table.items())))


@given(PLAIN)
def test_canonical_form_is_its_own_canonical_form(value: object) -> None:
    assert canonical(canonical(value)) == canonical(value)


@pytest.mark.parametrize("name", [f.name for f in dataclasses.fields(Prune)])
def test_every_parameter_of_a_step_is_in_its_key(name: str) -> None:
    step = Prune(optimizer="sgd", momentum=0.5, weight_decay=0.1)
    value = getattr(step, name)
    if isinstance(value, (int, float)):
        more: dict[str, Any] = {name: value * 0.9 if isinstance(value, float) else value + 1}
        changed = dataclasses.replace(step, **more)
        assert digest(changed) != digest(step)


def test_the_hand_raised_version_is_in_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(Prune())
    monkeypatch.setattr(Prune, "version", 99)
    assert digest(Prune()) != before


def test_what_json_cannot_say_has_no_key() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        digest({"epochs": float("nan")})
    with pytest.raises(TypeError, match="canonical form"):
        digest({"epochs": {1, 2}})


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_gate_arithmetic(bound: float, value: float) -> None:
    assert Gate(metric="accuracy", min=bound).holds(value) == (value >= bound)
    assert Gate(metric="accuracy", max=bound).holds(value) == (value <= bound)
    assert Gate(metric="accuracy", above=bound).holds(value) == (value > bound)
    assert Gate(metric="accuracy", below=bound).holds(value) == (value < bound)


@given(st.floats(allow_nan=False))
def test_nan_never_holds(bound: float) -> None:
    for name in ("min", "max", "above", "below"):
        bounds: dict[str, Any] = {name: bound}
        assert not Gate(metric="accuracy", **bounds).holds(float("nan"))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Prune(final_sparsity=1.2), "final_sparsity is 1.2; expected a fraction"),
        (lambda: Prune(initial_sparsity=0.9, final_sparsity=0.5), "above final_sparsity"),
        (lambda: Prune(epochs=0), "epochs is 0"),
        (lambda: Training(epochs=1, batch_size=0), "batch_size is 0"),
        (lambda: Training(epochs=1, validation_split=1.0), "validation_split is 1.0"),
        (lambda: Conversion(mode="float32", input_type="int8"), "mode 'float32' allows float32"),
        (lambda: Conversion(mode="int8", calibration_samples=0), "calibration_samples is 0"),
        (lambda: Gate(metric="acuracy", min=1), "did you mean 'accuracy'"),
        (lambda: Gate(metric="accuracy"), "no bound"),
        (lambda: Gate(metric="accuracy", min=1, modes=("single_batch",)), "not timed"),
        (lambda: Gate(metric="seconds", max=1, modes=("batch",)), "did you mean 'single_batch'"),
    ],
)
def test_out_of_range_parameters_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("'", ".")):
        make()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"metric": "seconds", "at": "95%"}, "use speedup with relative_to"),
        ({"metric": "size_ratio", "at": "95%"}, "size_ratio is exact: drop at"),
        ({"metric": "sparsity", "at": "95%"}, "sparsity is exact: drop at"),
        ({"metric": "accuracy", "at": "0.95"}, "at is '0.95'; expected a confidence from 50% and below 100%"),
        ({"metric": "accuracy", "at": "100%"}, "at is '100%'"),
        ({"metric": "accuracy", "at": "5%"}, "at is '5%'"),
        ({"metric": "accuracy", "at": "nan%"}, "at is 'nan%'"),
        ({"metric": "accuracy", "at": "much%"}, "at is 'much%'"),
        ({"metric": "speedup", "at": "95%"}, "name the modes"),
        ({"metric": "speedup", "at": "95%", "modes": ("full_set",)}, "of single_sample and single_batch"),
        ({"metric": "accuracy", "relative_to": "int8"}, "drop relative_to, which goes with speedup"),
        ({"metric": "seconds", "relative_to": "int8"}, "drop relative_to"),
        ({"metric": "accuracy", "inconclusive": "fail"}, "without at nothing is inconclusive"),
    ],
)
def test_a_gate_that_could_prove_nothing_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Gate(min=1.0, **fields)


def test_a_gate_says_what_it_is_read_with() -> None:
    gate = Gate(metric="speedup", min=2, modes=("single_batch",), at="97.5%", relative_to="int8")
    assert (gate.bound_text, gate.condition) == (">= 2", " at 97.5% against int8")
    assert gate.error_rate == pytest.approx(0.025)
    assert Gate(metric="speedup", min=2).condition == ""


@dataclasses.dataclass(frozen=True)
class Older:
    size: int = 1


@dataclasses.dataclass(frozen=True)
class Newer:
    size: int = 1
    rule: str = dataclasses.field(default="plain", metadata=ADDED_LATER)
    names: list[str] = dataclasses.field(default_factory=list, metadata=ADDED_LATER)


def test_a_field_that_was_added_later_leaves_the_keys_of_what_was_before() -> None:
    assert digest(Newer()) == digest(Older())
    assert canonical(Newer(rule="other", names=["a"])) == {"size": 1, "rule": "other", "names": ["a"]}
    assert len({digest(Newer()), digest(Newer(rule="other")), digest(Newer(names=["a"])), digest(Newer(size=2))}) == 4


def test_slim_keeps_the_key_it_had_before_at_threshold_and_unused() -> None:
    before = "bc26470deb6faa7d092bd3340bf37bdd8b3d8fcc95db85b31d22614d95afd2aa"
    assert digest(Slim(ratio=0.5, min_channels=4)) == before
    assert digest(Slim(ratio=0.5, min_channels=4, at_threshold="keep", unused="remove")) == before
    more: list[dict[str, Any]] = [{"at_threshold": "remove"}, {"unused": "keep"}]
    changed = {digest(Slim(ratio=0.5, min_channels=4, **one)) for one in more}
    assert len(changed - {before}) == 2


def test_what_is_measured_is_what_was_chosen_the_baseline_and_what_gates_need() -> None:
    gate = Gate(metric="speedup", min=1.0, variants=("int8",), relative_to="float_tflite")
    suite = dataclasses.replace(read_suite(tomllib.loads(SUITE)), gates=(gate,))
    assert [v.name for v in suite.measured(("int8",))] == ["baseline", "float_tflite", "int8"]
    assert [v.name for v in suite.measured(("pruned",))] == ["baseline", "pruned"]
    assert suite.measured(()) == suite.variants
