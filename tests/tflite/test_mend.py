"""Files without a signature, with old operator codes or without names get all three, and the same outputs."""

import numpy as np
import pytest

from optkit.runtime.samples import run_samples
from optkit.tflite.flatbuffer import operator_name, parse_flatbuffer, read_flatbuffer
from optkit.tflite.interface import read_interface
from optkit.tflite.mend import mend
from optkit.tflite.strip import strip
from optkit.tflite.verify import verify_file
from tests.tflite.models import pack
from tests.tflite.networks import classifier, old_codes, samples, two_ends, two_samples, written


def nameless(model):
    for tensor in model.subgraphs[0].tensors:
        tensor.name = None
    return model


def namesakes(model):
    for tensor in model.subgraphs[0].tensors:
        tensor.name = "same"
    return model


CASES = {
    "old codes": lambda: (old_codes(classifier()), samples()),
    "no signature": lambda: (classifier(names=None), samples()),
    "no names": lambda: (nameless(classifier()), samples()),
    "one name": lambda: (namesakes(two_ends()), two_samples()),
    "all": lambda: (nameless(old_codes(classifier(free=False, names=None))), samples()),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_mended_gives_the_same_outputs_and_needs_no_mending_again(case, tmp_path):
    model, x = CASES[case]()
    before = written(tmp_path / "before.tflite", model)
    data = mend(before.read_bytes())
    assert data != before.read_bytes()
    after = tmp_path / "after.tflite"
    after.write_bytes(data)
    tree = verify_file(after)
    assert mend(data) == data
    assert all(code.builtinCode == code.deprecatedBuiltinCode > 0 for code in tree.operatorCodes)
    names = [tensor.name for tensor in tree.subgraphs[0].tensors]
    assert all(names)
    assert len(set(names)) == len(names)
    assert read_interface(after).signature == "serving_default"
    found, expected = run_samples(after, x), run_samples(before, x)
    for got, wanted in zip(found.values(), expected.values(), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_file_that_has_it_all_stays_the_same_bytes():
    data = pack(classifier())
    assert mend(data) == data


def test_names_say_which_operator_a_tensor_belongs_to(tmp_path):
    path = written(tmp_path / "model.tflite", nameless(classifier(names=None)))
    tree = parse_flatbuffer(mend(path.read_bytes()))
    graph = tree.subgraphs[0]
    for number, operator in enumerate(graph.operators):
        kind = operator_name(tree, operator).lower()
        assert graph.tensors[operator.outputs[0]].name.decode() == f"{kind}_{number}"
    assert [entry.name.decode() for entry in tree.signatureDefs[0].inputs] == ["input_0"]
    assert [entry.name.decode() for entry in tree.signatureDefs[0].outputs] == ["softmax_2"]


def test_a_stripped_file_of_ours_is_mended(tmp_path):
    path = tmp_path / "stripped.tflite"
    path.write_bytes(strip(pack(classifier()), "all"))
    data = mend(path.read_bytes())
    assert len({tensor.name for tensor in parse_flatbuffer(data).subgraphs[0].tensors}) == len(
        read_flatbuffer(path).subgraphs[0].tensors
    )
