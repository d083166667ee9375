"""Environments: what both know decides, and what one does not know keeps nothing apart."""

from typing import Any

from optkit.record.environments import differing, grouped


def test_only_what_both_know_differs() -> None:
    assert differing({"cores": 2, "litert": "1"}, {"cores": 4, "tf_keras": "2"}) == ["cores"]


def test_environments_are_joined_and_gather_what_is_known() -> None:
    two: dict[str, Any] = {"cores": 2}
    runs = [two, {"cores": 4}, {**two, "litert": "1"}, {**two, "litert": "2"}, two]
    distinct, numbers = grouped(runs)
    assert numbers == [0, 1, 0, 2, 0]
    assert distinct == [{"cores": 2, "litert": "1"}, {"cores": 4}, {"cores": 2, "litert": "2"}]
