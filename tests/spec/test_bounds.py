"""The language of bounds: every key means what a budget's always did, and nonsense is refused by name."""

import re

import pytest

from optkit.spec.bounds import BUDGET_KEYS, QUANTITIES, Bound, quantity_of, read_bounds
from optkit.spec.metrics import METRICS, MODES, TASK_METRICS


def test_every_metric_can_be_bounded_in_both_directions() -> None:
    for name, metric in METRICS.items():
        names = [name] if not metric.timed else [q for q, found in QUANTITIES.items() if found.metric == name]
        assert len(names) == (1 if not metric.timed else 9 if name == "seconds" else 3)
        for quantity in names:
            for kind in ("max", "min"):
                [bound] = read_bounds({f"{kind}_{quantity}": 0.5})
                assert (bound.kind, bound.quantity, bound.key) == (kind, quantity, f"{kind}_{quantity}")
    assert set(TASK_METRICS) <= set(QUANTITIES)
    assert {quantity.mode for quantity in QUANTITIES.values()} == {"", *MODES}


@pytest.mark.parametrize(
    ("key", "metric", "kind", "limit", "mode"),
    [
        ("file_bytes", "file_bytes", "max", 300.0, ""),
        ("drop", "drop", "max", 300.0, ""),
        ("size_ratio", "size_ratio", "min", 300.0, ""),
        ("single_sample_us", "seconds", "max", 300e-6, "single_sample"),
        ("single_batch_us", "seconds", "max", 300e-6, "single_batch"),
        ("full_set_s", "seconds", "max", 300.0, "full_set"),
        ("min_full_set_ms", "seconds", "min", 0.3, "full_set"),
        ("max_size_ratio", "size_ratio", "max", 300.0, ""),
    ],
)
def test_a_key_without_a_direction_bounds_the_worse_side(
    key: str, metric: str, kind: str, limit: float, mode: str
) -> None:
    """Catches a unit that is lost, and a ratio that is bounded from above."""
    [bound] = read_bounds({key: 300}, BUDGET_KEYS)
    assert (bound.of.metric, bound.kind, bound.of.mode) == (metric, kind, mode)
    assert bound.limit == pytest.approx(limit, rel=1e-12)
    assert quantity_of(key).unit == bound.of.unit


def test_a_bound_includes_itself_and_no_bound_holds_for_nan() -> None:
    most = Bound(kind="max", quantity="single_sample_us", value=20)
    assert most.holds(20e-6)
    assert not most.holds(20.001e-6)
    least = Bound(kind="min", quantity="accuracy", value=0.9)
    assert least.holds(0.9)
    assert not least.holds(0.8999)
    assert not most.holds(float("nan"))
    assert not least.holds(float("nan"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"max_zip_byte": 1}, ["max_zip_byte", "did you mean 'max_zip_bytes'"]),
        ({"zip_bytes": 1}, ["unknown key 'zip_bytes'"]),
        ({"max_drop": "x"}, ["max_drop is 'x'", "number"]),
        ({"max_drop": True}, ["max_drop", "number"]),
        ({"max_drop": float("nan")}, ["max_drop", "number"]),
        ({"min_accuracy": 97}, ["min_accuracy is 97", "97% is 0.97"]),
        ({"max_accuracy": -0.1}, ["max_accuracy", "fraction"]),
        ({"max_zip_bytes": 0}, ["max_zip_bytes is 0", "more than 0"]),
        ({"max_single_sample_us": -1}, ["max_single_sample_us", "nothing is that small"]),
        ({"max_leftover_wrappers": -1}, ["0 or more"]),
        ({"max_zip_bytes": 10, "min_zip_bytes": 20}, ["max_zip_bytes is 10 and min_zip_bytes is 20", "nothing can be"]),
        ({"max_single_sample_us": 20, "min_single_sample_ms": 1}, ["max_single_sample_us", "min_single_sample_ms"]),
        ({"max_drop": 0.1, "min_accuracy_drop": 0.2}, ["max_drop is 0.1", "min_accuracy_drop is 0.2"]),
    ],
)
def test_nonsense_is_refused_by_name(given: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ValueError, match=re.escape(words[0])) as caught:
        read_bounds(given)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_bounds_that_meet_do_not_contradict_each_other() -> None:
    assert len(read_bounds({"max_zip_bytes": 10, "min_zip_bytes": 10, "max_drop": 0, "max_leftover_wrappers": 0})) == 4
    assert len(read_bounds({"max_single_sample_us": 20, "min_single_batch_us": 30})) == 2
    assert len(read_bounds({"max_single_sample_ms": 1, "max_single_sample_us": 500, "min_single_sample_us": 400})) == 3
