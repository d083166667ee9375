"""The schema that files are verified by is that of the installed LiteRT."""

import inspect
import re

import pytest
from ai_edge_litert import schema_py_generated as generated

from optkit.tflite.schema import FIELDS, UNIONS

LETTERS = {"Bool": "?", "Int8": "b", "Uint8": "B", "Int16": "h", "Uint16": "H", "Int32": "i", "Uint32": "I"}
LETTERS |= {"Int64": "q", "Uint64": "Q", "Float32": "f", "Float64": "d"}
TABLES = [name for name, found in vars(generated).items() if inspect.isclass(found) and hasattr(found, "GetRootAs")]


def kind_of(source):
    """Tell the type of a field by how the generated class reads it."""
    vector = "_tab.Vector(o)" in source
    if "_tab.Union(" in source:
        return "|"
    if "_tab.String(" in source:
        kind = "string"
    elif table := re.search(r"obj = (\w+)\(\)", source):
        kind = table[1]
    else:
        flags = re.search(r"number_types\.(\w+)Flags,", source)
        assert flags, source
        kind = LETTERS[flags[1]]
    return f"[{kind}]" if vector else kind


def test_every_table_is_known():
    assert sorted(FIELDS) == sorted(TABLES)


@pytest.mark.parametrize("name", TABLES)
def test_the_fields_of_a_table(name):
    found = {}
    for method, function in vars(getattr(generated, name)).items():
        source = inspect.getsource(function) if inspect.isfunction(function) else ""
        slot = re.search(r"_tab\.Offset\((\d+)\)", source)
        if slot and not method.endswith(("Length", "IsNone", "AsNumpy")):
            found[(int(slot[1]) - 4) // 2] = kind_of(source)
    known = {slot: kind for slot, (_, kind) in enumerate(FIELDS[name]) if kind}
    assert {slot: "|" if kind.startswith("|") else kind for slot, kind in known.items()} == found


@pytest.mark.parametrize("name", UNIONS)
def test_the_members_of_a_union(name):
    members = {number: member for member, number in vars(getattr(generated, name)).items() if isinstance(number, int)}
    assert {0: "NONE", **dict(enumerate(UNIONS[name], 1))} == members


def test_no_table_contains_itself():
    """This bounds how deep the verifier goes."""

    def within(name, above):
        assert name not in above
        for _, kind in FIELDS[name]:
            for part in UNIONS[kind[1:]] if kind.startswith("|") else [kind.strip("[]")]:
                if part in FIELDS:
                    within(part, (*above, name))

    within("Model", ())
