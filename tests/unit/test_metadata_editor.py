"""Metadata before an engine: added, edited, stripped; the plan's bytes stay."""

from __future__ import annotations

import hashlib
import json
import stat
import struct
from pathlib import Path
from typing import Any

import pytest

from core import cli_metadata
from core.building import metadata_editor
from core.building.metadata_editor import metadata_prefix, with_metadata
from core.cli import main
from core.errors import EnginebayError, InputError, ModelFileError
from core.modelfile import read_model_file
from core.modelfile.engines import own_metadata
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan, with_prefix

PLAN = Plan(layout="ftrt-8.6").to_bytes()
SHA256 = hashlib.sha256(PLAN).hexdigest()
METADATA = {"task": "detect", "names": {"0": "cat", "1": "dog"}, "stride": 32, "imgsz": [64, 64]}


def engine(folder: Path, content: bytes = PLAN) -> Path:
    path = folder / "best.engine"
    path.write_bytes(content)
    return path


def test_metadata_is_added_before_the_plan_and_read_back(tmp_path: Path) -> None:
    change = with_metadata(engine(tmp_path), METADATA, tmp_path / "named.engine")
    content = (tmp_path / "named.engine").read_bytes()
    length = struct.unpack_from("<i", content)[0]
    assert json.loads(content[4 : 4 + length]) == METADATA
    assert content[4 + length :] == PLAN
    assert (change.plan_bytes, change.plan_sha256) == (len(PLAN), SHA256)
    file = read_model_file(tmp_path / "named.engine")
    assert file.kind == "ultralytics-engine"
    assert file.metadata is not None
    assert file.metadata.names == ("cat", "dog")
    assert (tmp_path / "best.engine").read_bytes() == PLAN  # the source is as it was


@pytest.mark.parametrize(
    ("layout", "major"),
    [("ftrt-8.6", 8), ("ftrt-10.9", 10), ("ptrt-8.2", 8), ("ptrt-7", 7), ("flatbuffer-5", 5)],
)
def test_added_and_stripped_again_every_layout_is_the_same_file(
    tmp_path: Path, layout: Any, major: int
) -> None:
    plan = Plan(layout=layout, version=(major, 2, 1, 9)).to_bytes()
    path = engine(tmp_path, plan)
    with_metadata(path, METADATA)
    assert read_model_file(path).kind == "ultralytics-engine"
    assert path.read_bytes() != plan
    with_metadata(path, {})
    assert path.read_bytes() == plan


def test_in_place_the_file_keeps_its_permissions_and_nothing_stays_beside_it(
    tmp_path: Path,
) -> None:
    path = engine(tmp_path)
    path.chmod(0o640)
    with_metadata(path, METADATA)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [one.name for one in tmp_path.iterdir()] == ["best.engine"]


def test_a_read_only_engine_is_not_changed(tmp_path: Path) -> None:
    path = engine(tmp_path)
    before = path.read_bytes()
    path.chmod(0o444)
    with pytest.raises(EnginebayError, match="read-only") as caught:
        with_metadata(path, METADATA)
    assert caught.value.kind == "cannot-save"
    assert path.read_bytes() == before
    with_metadata(path, METADATA, tmp_path / "other.engine")


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    path = engine(tmp_path / "real")
    link = tmp_path / "link.engine"
    link.symlink_to(path)
    change = with_metadata(link, METADATA)
    assert link.is_symlink()
    assert change.path == path
    assert own_metadata(read_model_file(path)) == METADATA


def test_bytes_after_the_plan_go_along(tmp_path: Path) -> None:
    path = engine(tmp_path, PLAN + b"stray")
    with_metadata(path, {"task": "obb"})
    assert path.read_bytes().endswith(PLAN + b"stray")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (PLAN[:-10], "truncated-plan"),
        (with_prefix(PLAN[:-10], METADATA), "truncated-plan"),
        (b"", "empty"),
        (b"PK\x03\x04" + bytes(100), "unknown"),
    ],
)
def test_what_is_no_whole_engine_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = engine(tmp_path, content)
    with pytest.raises(ModelFileError) as caught:
        with_metadata(path, METADATA)
    assert caught.value.kind == kind
    assert path.read_bytes() == content


def test_an_onnx_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    with pytest.raises(ModelFileError) as caught:
        with_metadata(path, METADATA)
    assert caught.value.kind == "not-an-engine"
    assert "identity.onnx is an ONNX model" in caught.value.message


@pytest.mark.parametrize(
    "metadata", [{"x": {1, 2}}, {"x": float("nan")}, {1: "x"}], ids=["set", "NaN", "number as key"]
)
def test_what_json_cannot_hold_is_refused(tmp_path: Path, metadata: Any) -> None:
    path = engine(tmp_path)
    with pytest.raises(InputError) as caught:
        with_metadata(path, metadata)
    assert caught.value.kind == "bad-metadata"
    assert path.read_bytes() == PLAN


def test_metadata_is_too_large_where_it_would_not_be_read_again(tmp_path: Path) -> None:
    # {"x": "..."} has 9 bytes around the value.
    assert len(metadata_prefix({"x": "a" * (600_000 - 9)})) == 600_004
    with_metadata(engine(tmp_path), {"x": "a" * (600_000 - 9)})
    assert read_model_file(tmp_path / "best.engine").kind == "ultralytics-engine"
    with pytest.raises(InputError) as caught:
        metadata_prefix({"x": "a" * (600_000 - 8)})
    assert caught.value.kind == "metadata-too-large"


def test_a_copy_that_differs_is_thrown_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = engine(tmp_path)
    true_copy = metadata_editor.shutil.copymode

    def damage(source: Path, part: Path) -> None:
        true_copy(source, part)
        part.write_bytes(part.read_bytes()[:-1] + b"!")

    monkeypatch.setattr(metadata_editor.shutil, "copymode", damage)
    with pytest.raises(ModelFileError) as caught:
        with_metadata(path, METADATA)
    assert caught.value.kind == "file-changed"
    assert path.read_bytes() == PLAN
    assert [one.name for one in tmp_path.iterdir()] == ["best.engine"]


def test_another_kind_of_file_is_not_replaced(tmp_path: Path) -> None:
    onnx = onnx_models.identity(tmp_path)
    before = onnx.read_bytes()
    with pytest.raises(EnginebayError) as caught:
        with_metadata(engine(tmp_path), METADATA, onnx)
    assert caught.value.kind == "cannot-save"
    assert onnx.read_bytes() == before


def test_a_folder_that_is_not_there_cannot_be_saved_to(tmp_path: Path) -> None:
    with pytest.raises(EnginebayError) as caught:
        with_metadata(engine(tmp_path), METADATA, tmp_path / "missing" / "x.engine")
    assert caught.value.kind == "cannot-save"


def answer_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    status = main(["metadata", *arguments, "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_command_sets_edits_and_strips(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(engine(tmp_path))
    status, answer = answer_of(capsys, path, "--set", "task=detect", "--set", "stride=32")
    assert status == 0
    assert answer["metadata"] == {"task": "detect", "stride": 32}
    assert answer["plan"] == {"size_bytes": len(PLAN), "sha256": SHA256}
    _, answer = answer_of(capsys, path, "--set", 'names={"0": "cat"}', "--set", "stride=16")
    assert answer["metadata"] == {"task": "detect", "stride": 16, "names": {"0": "cat"}}
    _, shown = answer_of(capsys, path)
    assert shown["metadata"] == answer["metadata"]
    assert shown["prefix_bytes"] == 4 + len(json.dumps(answer["metadata"]))
    _, answer = answer_of(capsys, path, "--strip")
    assert answer["metadata"] == {}
    assert Path(path).read_bytes() == PLAN


def test_the_command_takes_a_file_and_settings_on_top(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, out = tmp_path / "m.json", tmp_path / "out.engine"
    source.write_text(json.dumps(METADATA))
    path = engine(tmp_path, with_prefix(PLAN, {"author": "me"}))
    arguments = (str(path), "--from", str(source), "--set", "task=segment", "-o", str(out))
    status, answer = answer_of(capsys, *arguments)
    assert status == 0
    assert answer["metadata"] == METADATA | {"task": "segment"}
    assert own_metadata(read_model_file(path)) == {"author": "me"}


def test_another_engine_is_replaced_only_when_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, other = engine(tmp_path), tmp_path / "other.engine"
    kept = Plan(layout="ftrt-10.9").to_bytes()
    other.write_bytes(kept)
    status, answer = answer_of(capsys, str(path), "--set", "task=pose", "-o", str(other))
    assert (status, answer["error"]["kind"]) == (1, "exists")
    assert "--force" in answer["error"]["hint"]
    assert other.read_bytes() == kept
    assert answer_of(capsys, str(path), "--set", "task=pose", "-o", str(path))[0] == 0  # itself
    assert answer_of(capsys, str(path), "--strip", "-o", str(other), "--force")[0] == 0
    assert other.read_bytes() == PLAN


def test_the_command_says_in_words_that_the_plan_is_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = engine(tmp_path)
    assert main(["metadata", str(path), "--set", "task=pose"]) == 0
    text = capsys.readouterr().out
    assert f"SHA-256 {SHA256}" in text
    assert "task  pose" in text
    assert main(["metadata", str(path), "--strip"]) == 0
    assert "no metadata before the plan" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [("--set", "task"), ("--set", "=x"), ("-o", "x.engine"), ("--strip", "--from", "x.json")],
)
def test_wrong_usage_ends_with_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["metadata", str(engine(tmp_path)), *arguments])
    assert caught.value.code == 2


@pytest.mark.parametrize("text", ["[1]", "{", "\ufeff[", "[" * 100_000])
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        cli_metadata.read_metadata_json(path)
    assert caught.value.kind == "bad-metadata"


def test_numbers_that_json_does_not_know_stay_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, answer = answer_of(capsys, str(engine(tmp_path)), "--set", "x=NaN")
    assert (status, answer["metadata"]) == (0, {"x": "NaN"})
