"""Saved builds: what `optkit build --json` prints is read back, and what is not ours is refused."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from optkit import Artifact, load_dataset, load_suite
from optkit.build.saved import SCHEMA, SavedBuild, read_build, saved
from optkit.errors import ArtifactError
from tests.docs.pages import blocks


@pytest.fixture
def build(tiny_suite: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SavedBuild:
    monkeypatch.setenv("OPTKIT_DATA", str(tiny_data))
    artifact = Artifact(
        variant="int8",
        kind="tflite",
        path=tmp_path / "model.tflite",
        key="k" * 64,
        sha256="f" * 64,
        file_bytes=1000,
        zip_bytes=900,
        spec={"seed": 1},
        source=None,
        notes=("prune: share of zeros: conv 0.8",),
    )
    return saved(load_suite(str(tiny_suite)), load_dataset("mnist", "full"), [artifact])


def test_what_is_printed_is_read_back(build: SavedBuild, tmp_path: Path) -> None:
    (tmp_path / "build.json").write_bytes(msgspec.json.encode(build))
    assert (build.schema, build.suite, build.dataset.train) == (SCHEMA, "tiny", 320)
    assert read_build(tmp_path / "build.json") == build.artifacts
    assert msgspec.json.decode((tmp_path / "build.json").read_bytes(), type=SavedBuild) == build


def test_a_build_that_was_saved_before_it_had_a_schema_is_read(build: SavedBuild, tmp_path: Path) -> None:
    names = ("variant", "path", "key", "sha256", "file_bytes", "zip_bytes", "notes")
    lines = [{name: getattr(one, name) for name in names} for one in build.artifacts]
    (tmp_path / "old.json").write_text(json.dumps(lines))
    [old] = read_build(tmp_path / "old.json")
    [new] = build.artifacts
    assert (old.variant, old.path, old.sha256) == (new.variant, new.path, new.sha256)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": SCHEMA + 1, "artifacts": "in another form"}, rf"of schema {SCHEMA + 1}, .* reads schema {SCHEMA};"),
        ({"schema": 0}, "is a build of schema 0"),
        ({"schema": True}, "neither a .tflite file nor what optkit build --json prints"),
        ({"schema": None}, "neither a .tflite file nor what optkit build --json prints"),
        ({"artifacts": [{"variant": "int8"}]}, r"missing required field `path`|missing required field"),
        ({"artifacts": 3}, "Expected `array`"),
    ],
)
def test_another_form_is_refused_in_one_line(
    build: SavedBuild, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "build.json"
    path.write_text(json.dumps({**msgspec.to_builtins(build), **change}))
    with pytest.raises(ArtifactError, match=message) as caught:
        read_build(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["3", '"build"', "null", "{}", '{"error": "no"}', "[3]", "[" * 5000, "not json"])
def test_what_is_no_build_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "build.json"
    path.write_text(text)
    with pytest.raises(ArtifactError, match=r"neither a \.tflite file nor what optkit build"):
        read_build(path)


def test_the_form_in_the_docs_is_the_form_that_is_read(tmp_path: Path) -> None:
    """Catches a page that describes another form than this one."""
    [shown] = [text for text in blocks("docs/records.md", "json") if '"artifacts"' in text]
    path = tmp_path / "build.json"
    path.write_text(shown)
    document = json.loads(shown)
    assert [one.variant for one in read_build(path)] == [one["variant"] for one in document["artifacts"]]
    assert json.loads(msgspec.json.encode(msgspec.json.decode(shown, type=SavedBuild))) == document
