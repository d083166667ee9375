"""Runtime and settings in a suite file: for all variants, or for one; never in a key."""

from typing import Any

import pytest

from optkit.errors import SuiteError
from optkit.spec import Running
from optkit.suites import read_suite

BASE: dict[str, Any] = {
    "schema": 1,
    "name": "runtimes",
    "workload": {"dataset": "mnist", "network": "mnist_conv", "training": {"epochs": 1}},
    "variants": {"baseline": {}, "int8": {"conversion": {"mode": "int8"}}},
}


def running(variant: dict[str, Any], **top: Any) -> Running:
    suite = read_suite(
        {**BASE, **top, "variants": {"baseline": {}, "one": {"conversion": {"mode": "int8"}, **variant}}}
    )
    assert suite.variant("baseline").running == Running(), "a Keras file is run by Keras, whatever the suite says"
    return suite.variant("one").running


def test_a_variant_is_run_as_it_says_or_as_its_suite_says() -> None:
    builtin = {"kernels": "builtin"}
    assert running({}) == Running()
    assert running({"settings": builtin}) == Running(settings=builtin)
    assert running({}, settings=builtin) == Running(settings=builtin)
    assert running({"settings": {}}, settings=builtin) == Running()
    assert running({"runtime": "mnn"}, settings=builtin) == Running(runtime="mnn"), "settings are of one runtime"
    assert running({"settings": "tune"}).tuned
    assert running({}, runtime="mnn", settings={"threads": 2}) == Running(runtime="mnn", settings={"threads": 2})


@pytest.mark.parametrize(
    ("variant", "said"),
    [
        ({"settings": "fastest"}, "settings is 'fastest'; expected a table, or 'tune'"),
        ({"settings": 3}, "variants.one: Expected `str | object | null`, got `int` - at `settings`"),
        ({"runtime": "a/b"}, "the name of a runtime is 'a/b'"),
        ({"runtime": "keras"}, "it is a .tflite file, and Keras does not run it"),
        ({"conversion": None, "runtime": "litert"}, "it is a Keras file, which Keras runs"),
    ],
)
def test_what_is_wrong_is_refused(variant: dict[str, Any], said: str) -> None:
    table = {key: value for key, value in {"conversion": {"mode": "int8"}, **variant}.items() if value is not None}
    with pytest.raises(SuiteError) as error:
        read_suite({**BASE, "variants": {"baseline": {}, "one": table}})
    assert said in str(error.value)
