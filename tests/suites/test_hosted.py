"""The suite of hosted networks: a profile is one network at its size; labelled images take ImageNet's weights."""

import inspect

import pytest

from optkit import load_suite, open_suite
from optkit.build.stages import stages
from optkit.models import NETWORKS

PROFILES = ("mobilenet_v1", "mobilenet_v2", "inception_v3", "resnet_v2_101")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_one_network_and_data_of_its_size(profile: str) -> None:
    suite, data = open_suite(f"hosted:{profile}", "embedded")
    size = inspect.signature(NETWORKS[profile].build).parameters["size"].default
    assert {variant.network.name for variant in suite.variants} == {profile}
    assert data.x_test.shape[1:] == (size, size, 3)
    assert (suite.baseline, suite.modes, suite.profiles) == ("float", ("single_sample",), PROFILES)
    assert [variant.kind for variant in suite.variants] == ["tflite"] * 5


def test_weights_follow_the_data_and_are_part_of_the_key() -> None:
    random, imagenet = (load_suite("hosted:mobilenet_v2", on=name) for name in ("imagenet-unlabelled", "imagenet"))
    assert random.workload.network.params.get("weights", "random") == "random"
    assert imagenet.workload.network.params["weights"] == "imagenet"
    keys = {stages(suite, suite.variant("float"), "same data").key for suite in (random, imagenet)}
    assert len(keys) == 2


def test_no_gate_is_on_what_unlabelled_data_cannot_tell() -> None:
    suite = load_suite("hosted", on="imagenet-unlabelled")
    assert not {gate.metric for gate in suite.gates} & {"accuracy", "accuracy_drop"}
