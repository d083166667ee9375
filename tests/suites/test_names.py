"""Names and texts of a suite file: one form, no control characters, and only a regular file is read."""

import os
from pathlib import Path
from typing import Any

import pytest

from optkit import SuiteError
from optkit.cli import main
from optkit.names import has_control
from optkit.suites import load_suite, read_suite

BAD = ["x/../../../../pwned", "..", "a b", "a\x1b[31m", "a\n::warning::b", "x" * 101]


def document(**changes: Any) -> dict[str, Any]:
    workload = {"dataset": "mnist", "network": "mnist_conv", "training": {"epochs": 1}}
    return {"schema": 1, "name": "own", "workload": workload, "variants": {"baseline": {}}, **changes}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    "place",
    [
        lambda bad: {"name": bad},
        lambda bad: {"profiles": [bad]},
        lambda bad: {"variants": {"baseline": {}, bad: {}}},
    ],
)
def test_a_name_has_one_form(place: Any, bad: str) -> None:
    read_suite(document(**place("good.Name_1-x")))
    with pytest.raises(SuiteError, match=r"rename it|holds a control character") as caught:
        read_suite(document(**place(bad)))
    assert not has_control(str(caught.value))


def test_a_description_may_hold_any_writing_but_no_control_characters() -> None:
    assert read_suite(document(description="größer → 你好")).description == "größer → 你好"
    for bad in ("a\nb", "a\x1b", "a\u202eb", "a\x9b"):
        with pytest.raises(SuiteError, match="holds a control character"):
            read_suite(document(description=bad))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    for name in ("pipe", "folder", "loop"):
        with pytest.raises(SuiteError, match=r"cannot be read: (it is a pipe|Is a directory|Too many levels)"):
            load_suite(str(tmp_path / f"{name}.toml"))


def test_a_workflow_takes_no_command_from_a_suite(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    path = tmp_path / "s.toml"
    text = 'schema = 1\nname = "own"\ndescription = "DESCRIPTION"\n[workload]\ndataset = "mnist"\n'
    text += 'network = "mnist_conv"\ntraining = { epochs = 1 }\n[variants."NAME"]\n[variants.baseline]\n'
    path.write_text(text.replace("NAME", r"a\n::warning::x\u001b[31m"))
    assert main(["list", str(path)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "\x1b" not in err
    path.write_text(text.replace("NAME", "x").replace("DESCRIPTION", "##[error]pwned"))
    assert main(["list", str(path)]) == 0
    assert "##[" not in capsys.readouterr().out


def test_an_empty_store_is_no_folder(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["build", "mnist", "--store", ""])
    assert stopped.value.code == 2
    assert "argument --store: got an empty text" in capsys.readouterr().err
