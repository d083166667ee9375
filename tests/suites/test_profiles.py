"""Profiles of a suite file: chosen by name, each a suite of its own, wrong names refused."""

from pathlib import Path

import pytest

from optkit import SuiteError, load_suite
from optkit.suites import read_suite, tomllib
from tests.conftest import SUITE

PROFILES = SUITE.replace("schema = 1", 'schema = 1\nprofiles = ["quick", "paper"]').replace(
    "learning_rate = 0.005 }", "learning_rate = 0.005, on.paper = { epochs = 99 } }"
)


def test_the_first_profile_is_read_unless_another_is_named() -> None:
    document = tomllib.loads(PROFILES)
    quick, paper = read_suite(document), read_suite(document, profile="paper")
    assert (quick.profile, paper.profile) == ("quick", "paper")
    assert quick.workload.training.epochs != 99 == paper.workload.training.epochs
    assert quick.title == f"{quick.name}:quick"
    assert quick.profiles == ("quick", "paper")


def test_a_profile_is_named_after_a_colon_and_found_again_by_the_source(tmp_path: Path) -> None:
    path = tmp_path / "a:b.toml"  # a colon of the path is none of ours
    path.write_text(PROFILES)
    paper = load_suite(f"{path}:paper")
    assert paper.workload.training.epochs == 99
    assert load_suite(paper.source) == paper
    assert load_suite(str(path)).profile == "quick"
    assert load_suite("mnist").source == load_suite("mnist").title == "mnist"


def test_an_override_of_the_data_may_lie_within_one_of_a_profile() -> None:
    document = tomllib.loads(PROFILES.replace("epochs = 99", "epochs = 99, on.mnist-embedded = { epochs = 7 }"))
    assert read_suite(document, on="mnist-embedded", profile="paper").workload.training.epochs == 7
    assert read_suite(document, on="mnist", profile="paper").workload.training.epochs == 99


@pytest.mark.parametrize(
    ("text", "profile", "message"),
    [
        (PROFILES, "papr", "there is no profile 'papr'; did you mean 'paper'"),
        (SUITE, "quick", "there is no profile 'quick'; it has no profiles"),
        (PROFILES.replace('"paper"]', '"mnist"]').replace("on.paper", "on.mnist"), "", "has the name of a data set"),
        (PROFILES.replace('["quick", "paper"]', '"quick"'), "", "profiles is 'quick'; expected names"),
        (PROFILES.replace("epochs = 99", "epochs = -9"), "", "epochs is -9"),
        (PROFILES.replace("on.paper", "on.papr"), "", "no data set or profile 'papr' here; did you mean 'paper'"),
    ],
)
def test_what_is_wrong_with_profiles_is_said(text: str, profile: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        read_suite(tomllib.loads(text), profile=profile)
