"""Keys of the built-in suites, frozen: a change of the code must not make users train anew."""

import pytest

from optkit import load_suite
from optkit.build.stages import LIBRARIES, stages
from optkit.spec.keys import digest
from optkit.suites import built_in

KEYS = {
    "cifar10_resnet:quick": "6b10424b5dd322b377cd0f6dd361a94a5f98bc02543b4a500b63016f088eee20",
    "cifar10_resnet:paper": "bac891bdfce950216f9ed9d2811d41a694e1c86ba66417ad1856eda3605985ad",
    "cifar10_vgg16:quick": "bf6b5fb6b2677c09957ec87f852b0d226e73c924efb48b117324941c20c40538",
    "cifar10_vgg16:quarter": "4accb8b694e42c794a5d172e26b7b93e4e175a2c06b4dd2cb2e4af7941781deb",
    "cifar10_vgg16:paper": "267d94dbed26b7a2b2ef379a3f8e314b6d8c0c42dfd691d66a0a3e0edcee64d3",
    "hosted:mobilenet_v1": "66bae122eb60c508fba70aa3c6be5a6763b3ecfba55c3b972aae8ac7bf46c495",
    "hosted:mobilenet_v2": "3b7440030bffad62c0482ed1c1cc3eb052b08b1b41408020d965061ec89704b4",
    "hosted:inception_v3": "c58afe259f1656384c0312fafb5c3e0c3b9c2c5d5d67dec5b7f0f603ed795e32",
    "hosted:resnet_v2_101": "061541ee6b2799cde24bf7aecd83000f32577a2a02d3abdf25b36268fc8ed989",
    "mnist": "82f82a1b3c3bb9a9e7d636ab7eae25e9f51db67fb0c586dcc20f6bea5cc622ff",
    "mnist_distillation:quick": "d39adc9a7c94d0a10dba160325a5c892a03fa379401951813f2577938b596f82",
    "mnist_distillation:paper": "2e10f1efc1b2e7ba3ae21f592c981f85e9db7be9828a0c45bb5f11064609550b",
    "mnist_micro": "543c9cad6d3436ec7a1d631ebaa1a22096ffe9ae3397ae3d1a60a3846582c039",
    "mnist_techniques": "bf662088125e3686ba022d93c4695b7df1e71ba60293243016918c0b4eb26010",
    "quickdraw": "59c695f7a18cf7c1835784b7ff601baad6c40835f5fcab9da3dd3a4453362e1a",
}
"""For each suite and profile, the digest of its variants' keys. Change a line only with its suite or a `version`."""


@pytest.mark.parametrize("name", KEYS)
def test_every_variant_keeps_its_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optkit.build.stages.library_versions", lambda names=LIBRARIES: dict.fromkeys(names, "1"))
    suite = load_suite(name)
    assert digest({variant.name: stages(suite, variant, "data").key for variant in suite.variants}) == KEYS[name]


def test_no_suite_or_profile_is_left_out() -> None:
    suites = {name: load_suite(name).profiles for name in built_in()}
    assert set(KEYS) == {f"{name}:{p}" if p else name for name, found in suites.items() for p in found or ("",)}
