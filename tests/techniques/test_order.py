from dataclasses import dataclass
from typing import ClassVar

import pytest

from optkit.errors import SuiteError
from optkit.spec import Step
from optkit.suites import read_suite
from optkit.techniques import TECHNIQUES, Technique

PRUNE = {"technique": "prune"}
CLUSTER = {"technique": "cluster"}
SPARSE_CLUSTER = {"technique": "cluster", "preserve_sparsity": True}
QAT = {"technique": "quantize_aware"}
DISTILL = {"technique": "distill", "teacher": "baseline"}
LOW_BIT = {"technique": "low_bit"}


def read(*steps):
    document = {
        "schema": 1,
        "name": "chains",
        "workload": {"dataset": "mnist", "network": "mnist_conv", "training": {"epochs": 1}},
        "variants": {"baseline": {}, "chain": {"from": "baseline", "steps": list(steps)}},
    }
    return read_suite(document).variant("chain").steps


@pytest.mark.parametrize(
    ("steps", "alternative"),
    [
        ((PRUNE, QAT), 'set preserve = "sparsity"'),
        ((CLUSTER, QAT), 'set preserve = "clusters"'),
        ((PRUNE, SPARSE_CLUSTER, QAT), 'set preserve = "clusters_and_sparsity"'),
        ((PRUNE, SPARSE_CLUSTER, {**QAT, "preserve": "sparsity"}), 'set preserve = "clusters_and_sparsity"'),
        ((PRUNE, {**QAT, "preserve": "clusters"}), 'set preserve = "sparsity"'),
        ((PRUNE, DISTILL), 'set preserve = "sparsity"'),
        ((PRUNE, CLUSTER), "set preserve_sparsity = true"),
        ((CLUSTER, PRUNE), "prune first, then cluster with preserve_sparsity = true"),
        ((QAT, CLUSTER), "put quantize_aware last, with cluster before it"),
        ((QAT, PRUNE), "put quantize_aware last, with prune before it"),
        ((QAT, DISTILL), "put quantize_aware last, with distill before it"),
        ((QAT, QAT), "put quantize_aware last"),
        ((PRUNE, LOW_BIT), 'set preserve = "sparsity"'),
        ((CLUSTER, LOW_BIT), "drop one of them"),
        ((LOW_BIT, PRUNE), "put low_bit last, with prune before it"),
        ((LOW_BIT, {"technique": "fold"}), "put low_bit last, with fold before it"),
        ((LOW_BIT, QAT), "both must stand last; leave one out"),
        ((QAT, LOW_BIT), "both must stand last; leave one out"),
        ((LOW_BIT, LOW_BIT), "both must stand last; leave one out"),
    ],
)
def test_a_chain_that_undoes_itself_is_refused_with_the_alternative(steps, alternative):
    with pytest.raises(SuiteError, match=r"variants\.chain") as caught:
        read(*steps)
    assert alternative in str(caught.value)


@pytest.mark.parametrize(
    "steps",
    [
        (QAT,),
        (PRUNE, {**QAT, "preserve": "sparsity"}),
        (CLUSTER, {**QAT, "preserve": "clusters"}),
        (PRUNE, SPARSE_CLUSTER, {**QAT, "preserve": "clusters_and_sparsity"}),
        (PRUNE, {**DISTILL, "preserve": "sparsity"}, SPARSE_CLUSTER, {**DISTILL, "preserve": "clusters_and_sparsity"}),
        (DISTILL, PRUNE, PRUNE),
        (DISTILL, LOW_BIT),
        (PRUNE, {**LOW_BIT, "preserve": "sparsity"}),
    ],
)
def test_a_chain_that_keeps_everything_is_read(steps):
    assert len(read(*steps)) == len(steps)


def test_a_teaching_table_is_read_and_its_keys_are_checked():
    steps = read({**PRUNE, "teaching": {"teacher": "baseline", "temperature": 4}})
    assert steps[0].needs() == ("baseline",)
    with pytest.raises(SuiteError, match=r"unknown key 'temprature'; did you mean 'temperature'"):
        read({**PRUNE, "teaching": {"teacher": "baseline", "temprature": 4}})
    with pytest.raises(SuiteError, match="needs variant 'teacher'"):
        read({**PRUNE, "teaching": {"teacher": "teacher"}})


@dataclass(frozen=True, kw_only=True)
class Toy(Step):
    technique: ClassVar[str] = "toy"


@pytest.mark.parametrize("earlier", [PRUNE, CLUSTER, QAT, LOW_BIT])
def test_a_technique_that_says_nothing_of_keeping_undoes_all(monkeypatch, earlier):
    """Catches a new technique that undoes pruning in silence."""
    monkeypatch.setitem(TECHNIQUES, "toy", Technique(Toy, lambda model, step, context: model))
    assert len(read({"technique": "toy"}, earlier)) == 2
    with pytest.raises(SuiteError, match=f"toy after {earlier['technique']} undoes"):
        read(earlier, {"technique": "toy"})


def test_a_technique_that_keeps_what_was_made_may_follow(monkeypatch):
    keeps = Technique(Toy, lambda model, step, context: model, keeps=lambda step: frozenset({"zeros"}))
    monkeypatch.setitem(TECHNIQUES, "toy", keeps)
    assert len(read(PRUNE, {"technique": "toy"})) == 2
    with pytest.raises(SuiteError, match="toy after cluster undoes it; put toy before cluster"):
        read(CLUSTER, {"technique": "toy"})


@pytest.mark.parametrize("made", [{"zeros"}, {"clusters"}, {"zeros", "clusters"}])
@pytest.mark.parametrize("name", ["cluster", "quantize_aware", "distill", "finetune"])
def test_the_parameters_that_a_technique_keeps_with_do_keep(name, made):
    """Catches a recipe by name that undoes its own earlier steps."""
    technique = TECHNIQUES[name]
    more = {"teacher": "baseline"} if name == "distill" else {}
    assert made <= technique.keeps(technique.step(**technique.keeping(frozenset(made)), **more))
    assert technique.keeping(frozenset()) == {}, "what has nothing to keep has its plain form, and its key"
