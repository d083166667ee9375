"""Targets in suite files: what they say, and what is refused in one line."""

from typing import Any

import jsonschema
import pytest

from optkit.errors import SuiteError
from optkit.spec.target import KINDS, LiteRTTarget, MicroTarget, VelaTarget
from optkit.suites import read_suite, tomllib
from optkit.suites.json_schema import suite_schema
from tests.conftest import SUITE

TARGETS = """
[targets.m4]
runtime = "tflite_micro"
variants = ["int8"]
max_arena_bytes = 65_536

[targets.u55]
compiler = "vela"
accelerator = "ethos-u55-128"
min_npu_share = 0.95
max_estimated_us = 100

[targets.cpu]
runtime = "litert"
threads = 2
max_single_sample_us = 500
max_peak_bytes = 1_000_000
"""


def read(text: str = TARGETS) -> Any:
    return read_suite(tomllib.loads(SUITE + text))


def test_limits_are_gates_in_the_units_of_their_metrics() -> None:
    m4, u55, cpu = read().targets
    assert (type(m4), type(u55), type(cpu)) == (MicroTarget, VelaTarget, LiteRTTarget)
    [arena] = m4.gates
    assert (arena.metric, arena.max, arena.target, arena.variants) == ("arena_bytes", 65_536, "m4", ("int8",))
    share, time = u55.gates
    assert (share.metric, share.min) == ("npu_share", 0.95)
    assert (time.metric, time.max) == ("estimated_seconds", 100e-6)
    sample, peak = cpu.gates
    assert (sample.metric, sample.max, sample.modes, sample.threads) == ("seconds", 500e-6, ("single_sample",), (2,))
    assert (peak.metric, peak.max) == ("peak_bytes", 1_000_000)


def test_only_the_files_that_are_meant_must_keep_the_limits() -> None:
    suite = read()
    meant = [v.name for v in suite.variants if suite.target_gates(suite.targets[0], v)]
    assert meant == ["int8"]
    meant = [v.name for v in suite.variants if suite.target_gates(suite.targets[1], v)]
    assert meant == ["float_tflite", "int8", "pruned_qat"]  # and no Keras file


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "ethos-u55-128",
            "ethos-u55-12",
            r"targets.u55: there is no accelerator 'ethos-u55-12'; did you mean 'ethos-u55-1",
        ),
        ("min_npu_share = 0.95", "min_npu_share = 0.95\nmax_npu_share = 0.5", "nothing can be both; change one"),
        ("max_arena_bytes = 65_536", "", "targets.m4: it has no limit; give one, such as max_arena_bytes"),
        (
            "max_arena_bytes = 65_536",
            "max_arena_byte = 1",
            "unknown key 'max_arena_byte'; did you mean 'max_arena_bytes'",
        ),
        ("max_arena_bytes = 65_536", "max_cycles = 1", "targets.m4: unknown key 'max_cycles'"),
        ("max_arena_bytes = 65_536", 'max_arena_bytes = "64K"', "is '64K'; expected a number"),
        ("max_arena_bytes = 65_536", "max_arena_bytes = 0", "nothing is that small"),
        ('variants = ["int8"]', 'variants = ["int9"]', "targets.m4: suite 'tiny' has no variant 'int9'"),
        ('variants = ["int8"]', 'variants = ["pruned"]', "'pruned' is a Keras file, which runs on no target"),
        ('compiler = "vela"', "", "targets.u55 has neither a runtime nor a compiler"),
        ('compiler = "vela"', 'compiler = "vela"\nruntime = "litert"', "has runtime and compiler"),
        ('"litert"', '"lite"', "there is no runtime 'lite' for targets; did you mean 'litert'"),
        ("threads = 2", "threads = 0", "targets.cpu: threads is 0; expected 1 or more"),
        (
            "min_npu_share",
            'memory_mode = "Dedicated_Sram"\nmin_npu_share',
            "memory_mode Dedicated_Sram needs a second memory",
        ),
        ("min_npu_share", 'system_config = "Ethos_U65_Embedded"\nmin_npu_share', "is not of ethos-u55-128"),
        ("[targets.m4]", '[targets."a b"]', "the name of a target is 'a b'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(before: str, after: str, said: str) -> None:
    assert before in TARGETS
    with pytest.raises(SuiteError, match=said) as error:
        read(TARGETS.replace(before, after))
    assert "\n" not in str(error.value)


def test_a_gate_may_name_a_target_and_only_one_that_measures_it() -> None:
    gate = '\n[[gates]]\nmetric = "arena_bytes"\nmax = 1\n'
    suite = read(f'{TARGETS}{gate}target = "m4"')
    assert suite.gates[-1].target == "m4"
    held = [v.name for v in suite.variants if suite.gates[-1] in suite.gates_of(v)]
    assert held == ["float_tflite", "int8", "pruned_qat"]  # and no Keras file, unless it is named
    with pytest.raises(SuiteError, match="arena_bytes is of a target: name one with target"):
        read(TARGETS + gate)
    with pytest.raises(SuiteError, match="has no target 'm5'; did you mean 'm4'"):
        read(f'{TARGETS}{gate}target = "m5"')
    with pytest.raises(SuiteError, match="arena_bytes is not known of target 'u55'"):
        read(f'{TARGETS}{gate}target = "u55"')
    with pytest.raises(SuiteError, match="zip_bytes is the same on every target"):
        read(f'{TARGETS}{gate}target = "m4"'.replace('metric = "arena_bytes"', 'metric = "zip_bytes"'))


def test_the_json_schema_has_the_same_keys() -> None:
    """An editor that completes other keys than the reader takes would mislead."""
    check = jsonschema.Draft202012Validator(suite_schema())
    document = tomllib.loads(SUITE + TARGETS)
    assert not list(check.iter_errors(document))
    document["targets"]["m4"]["max_cycles"] = 1
    assert list(check.iter_errors(document))
    definitions = suite_schema()["$defs"]
    for kind in KINDS:
        keys = set(definitions[kind.__name__]["properties"])
        assert {"variants", kind.by, "on"} <= keys
        assert {f"max_{name}" for name in kind.quantities} <= keys
        assert not {"name", "limits"} & keys
