"""Environments: what both know decides, and what one does not know keeps nothing apart."""

from optkit.record.environments import differing, grouped


def test_only_what_both_know_differs() -> None:
    assert differing({"cores": 2, "litert": "1"}, {"cores": 4, "tf_keras": "2"}) == ["cores"]


def test_environments_are_joined_and_gather_what_is_known() -> None:
    runs = [{"cores": 2}, {"cores": 4}, {"cores": 2, "litert": "1"}, {"cores": 2, "litert": "2"}, {"cores": 2}]
    distinct, numbers = grouped(runs)
    assert numbers == [0, 1, 0, 2, 0]
    assert distinct == [{"cores": 2, "litert": "1"}, {"cores": 4}, {"cores": 2, "litert": "2"}]
