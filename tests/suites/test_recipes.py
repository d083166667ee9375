"""Recipes by name: the steps and the conversion that a name stands for."""

from optkit.suites.recipes import recipe


def test_recipes_by_name():
    assert recipe("int8") == {"conversion": {"mode": "int8"}}
    pruned = recipe("pruned_clustered_int8", {"epochs": 7})
    assert [step["technique"] for step in pruned["steps"]] == ["prune", "cluster"]
    assert pruned["steps"][1]["preserve_sparsity"] is True
    assert {step["epochs"] for step in pruned["steps"]} == {7}
    qat = recipe("pruned_qat")
    assert qat["conversion"] == {"mode": "int8"}
    assert qat["steps"][1]["preserve"] == "sparsity"
    assert recipe("pruned_clustered_qat")["steps"][2]["preserve"] == "clusters_and_sparsity"
    assert recipe("qat") == {"steps": recipe("qat_int8")["steps"], "conversion": {"mode": "int8"}}
    low = recipe("pruned_low_bit2_dynamic_range")
    assert low["steps"][1]["preserve"] == "sparsity"
    assert low["conversion"] == {"mode": "dynamic_range"}
    assert recipe("low_entropy") == recipe("low_entropy_int8")
    assert recipe("low_entropy")["steps"][0]["entropy_penalty"] > 0
    assert recipe("pruned_2_4")["steps"][0]["pattern"] == "2:4"
    assert [step["technique"] for step in recipe("slimmed_float16")["steps"]] == ["sparse_train", "slim", "finetune"]
