"""Names have one form; what others wrote is shown without control characters."""

import json
import re
import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optkit.errors import OptkitError, SuiteError, check_name, check_texts
from optkit.names import has_control, is_name, is_title, shown, shown_json, shown_lines, shown_values

LETTERS = string.ascii_letters + string.digits
BAD = [
    "\x00",
    "\n",
    "\r",
    "\t",
    "\x1b",
    "\x7f",
    "\x85",
    "\x9b",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200f",
    "\udc80",
]


@given(st.text(LETTERS + "._-", min_size=1, max_size=100).filter(lambda text: any(c in LETTERS for c in text)))
def test_what_has_the_form_is_a_name_and_shown_as_it_is(name: str) -> None:
    assert is_name(name)
    assert is_title(name)
    assert is_title(f"{name}:{name}")
    assert shown(name) == name


@given(st.text(LETTERS, max_size=50), st.characters().filter(lambda c: c not in LETTERS + "._-"), st.text(LETTERS))
def test_one_other_character_makes_it_none(before: str, other: str, after: str) -> None:
    assert not is_name(before + other + after)


@pytest.mark.parametrize("name", ["", ".", "..", "-", "x" * 101, "x/../y", "x\n", "größe", "a b", 1, None, "a:b"])
def test_what_is_no_name(name: object) -> None:
    assert not is_name(name)
    with pytest.raises(SuiteError, match=r"the name of a suite is .*; expected 1 to 100 letters .*; rename it"):
        check_name(name, "suite", SuiteError)


@pytest.mark.parametrize("title", ["", ":", "a:", ":a", "a:b:c", "a:../b", None])
def test_what_is_no_title(title: object) -> None:
    assert not is_title(title)


@given(st.text(st.one_of(st.characters(), st.sampled_from(BAD))))
def test_shown_leaves_no_control_and_changes_nothing_else(text: str) -> None:
    safe = shown(text)
    assert not {unicodedata.category(c) for c in safe} & {"Cc", "Cs", "Zl", "Zp"}
    assert not any(
        unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI") for c in safe
    )
    assert shown(safe) == safe
    if not has_control(text):
        assert safe == text
    assert str(OptkitError(text)) == safe
    safe.encode("utf-8")


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_values_of_json(value: object) -> None:
    check_texts(shown_values(value), SuiteError)
    text = json.dumps(value, ensure_ascii=False, indent=1)
    assert json.loads(shown_json(text)) == json.loads(text)
    assert not has_control(shown_json(text).replace("\n", ""))


@pytest.mark.parametrize("bad", BAD)
def test_a_control_character_anywhere_is_refused(bad: str) -> None:
    for value in ({"a": [{"b": f"x{bad}"}]}, {f"k{bad}": 1}):
        with pytest.raises(SuiteError, match="holds a control character"):
            check_texts(value, SuiteError)
    check_texts({"a": "größer → 你好 \u200d"}, SuiteError)


def test_a_value_of_any_depth_is_walked() -> None:
    value: object = "\x1b"
    for _ in range(20_000):
        value = [value]
    with pytest.raises(SuiteError):
        check_texts(value, SuiteError)


@given(st.lists(st.sampled_from([" ", "\t", "::", "##[", "#", "error", "\r", "\n", ":", "x"])).map("".join))
def test_no_line_is_a_command_of_a_workflow(text: str) -> None:
    for line in shown_lines(text, workflow=True).split("\n"):
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert shown_lines(text) == re.sub("[\t\r]", lambda found: repr(found[0])[1:-1], text)
