"""An engine's side-car: written, read with the engine, refused where it is not its own."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from core.building import BuildOptions
from core.building.metadata_editor import with_metadata
from core.building.sidecar import find_source, read_sidecar, write_sidecar
from core.cli import main
from core.errors import EnginebayError, ModelFileError
from core.modelfile import read_model_file, sidecar_path
from core.modelfile.facts import all_facts, card_facts
from core.recipe_guess import guess_recipe
from core.tensors import Profile, TensorSpec
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan, with_prefix

PLAN = Plan(layout="ftrt-8.6", body_bytes=200_000).to_bytes()
LIMITS = Profile(min=(1, 3, 8, 8), opt=(4, 3, 8, 8), max=(16, 3, 8, 8))
METADATA = {"task": "detect", "names": "{0: 'cat', 1: 'dog'}", "stride": "32", "imgsz": "[8, 8]"}
SPECS = (
    TensorSpec(name="images", mode="input", dtype="float32", shape=(1, 3, 8, 8)),
    TensorSpec(name="output", mode="output", dtype="float32", shape=(1, 6, 84)),
)


def built(folder: Path, content: bytes = PLAN, **more: Any) -> tuple[Path, Path]:
    """An engine with its side-car, and the ONNX."""
    onnx = onnx_models.identity(folder, metadata=METADATA)
    engine = folder / "best.engine"
    engine.write_bytes(content)
    write_sidecar(
        engine,
        onnx,
        options=BuildOptions(
            precision=frozenset({"fp16"}), optimization_level=3, profiles=({"images": LIMITS},)
        ).as_json(),
        versions={"tensorrt": "8.6.1"},
        gpu="NVIDIA H200",
        driver="550.54",
        seconds=41.25,
        truth={"sentences": ["94 % of the layers are FP16."], "warnings": ["Look out."]},
        **more,
    )
    return engine, onnx


def test_a_side_car_says_what_the_engine_was_built_from(tmp_path: Path) -> None:
    engine, onnx = built(tmp_path)
    found = read_sidecar(engine).sidecar
    assert found is not None
    assert found.onnx["sha256"] == hashlib.sha256(onnx.read_bytes()).hexdigest()
    assert found.onnx["size_bytes"] == onnx.stat().st_size
    assert found.plan_sha256 == hashlib.sha256(PLAN).hexdigest()
    assert found.plan_bytes == len(PLAN)
    assert found.versions["tensorrt"] == "8.6.1"
    assert "enginebay" in found.versions
    assert (found.gpu, found.driver, found.seconds) == ("NVIDIA H200", "550.54", 41.25)
    assert found.metadata == METADATA
    assert found.date.endswith("+00:00")


def test_an_engine_without_a_prefix_has_the_metadata_of_its_side_car(tmp_path: Path) -> None:
    engine, _ = built(tmp_path)
    file = read_model_file(engine)
    assert file.kind == "tensorrt-plan"
    assert file.metadata is not None
    assert (file.metadata.task, file.metadata.names) == ("detect", ("cat", "dog"))
    recipe = guess_recipe(SPECS[:1], SPECS[1:], file.metadata)
    assert recipe.resize == "letterbox"
    assert recipe.evidence.startswith("its side-car's metadata: exported by Ultralytics")
    facts = all_facts(file)
    assert ("metadata from", "its side-car") in facts
    assert ("side-car", "best.engine.json") in facts
    assert "built from identity.onnx" in card_facts(file)


def test_the_facts_tell_the_build_and_what_was_not_chosen_is_left_out(tmp_path: Path) -> None:
    facts = dict(all_facts(read_model_file(built(tmp_path)[0])))
    assert facts["built from"].startswith("identity.onnx, ")
    assert facts["built by"].startswith("TensorRT 8.6.1, NVIDIA H200, driver 550.54, 41.2 s, 20")
    assert facts["build options"] == (
        "profiles: images 1x3x8x8 / 4x3x8x8 / 16x3x8x8; precision: fp16; optimization_level: 3; "
        "timing_cache: yes; profiling_verbosity: detailed"
    )
    told = [text for name, text in all_facts(read_model_file(tmp_path / "best.engine"))
            if name == "seen when built"]  # fmt: skip
    assert told == ["Look out.", "94 % of the layers are FP16."]


def test_a_prefix_goes_before_the_side_car(tmp_path: Path) -> None:
    engine, _ = built(tmp_path, with_prefix(PLAN, {"task": "pose"}))
    file = read_model_file(engine)
    assert file.sidecar is not None
    assert file.sidecar.plan_sha256 == hashlib.sha256(PLAN).hexdigest()
    assert file.metadata is not None
    assert (file.metadata.task, file.metadata.whose) == ("pose", "the file's")


def test_editing_the_metadata_leaves_the_side_car_in_force(tmp_path: Path) -> None:
    engine, _ = built(tmp_path)
    with_metadata(engine, {"task": "pose"})
    file = read_model_file(engine)
    assert file.sidecar is not None
    assert file.sidecar_note == ""


def test_a_model_that_changed_while_it_was_built_is_not_recorded_as_the_source(
    tmp_path: Path,
) -> None:
    engine, onnx = built(tmp_path)
    began_with = hashlib.sha256(onnx.read_bytes()).hexdigest()
    write_sidecar(engine, onnx, options={}, versions={}, built_from=began_with)
    kept = sidecar_path(engine).read_bytes()
    onnx_models.identity(tmp_path, metadata={"task": "exported again"})
    with pytest.raises(EnginebayError, match="was changed while") as caught:
        write_sidecar(engine, onnx, options={}, versions={}, built_from=began_with)
    assert caught.value.kind == "model-changed"
    assert sidecar_path(engine).read_bytes() == kept


def test_a_new_entry_does_not_hide_what_the_side_car_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, _ = built(tmp_path)
    assert main(["metadata", str(engine)]) == 0
    told = capsys.readouterr().out
    assert "no metadata before the plan; its side-car has" in told
    assert "{0: 'cat', 1: 'dog'}" in told
    assert main(["metadata", str(engine), "--set", "task=segment"]) == 0
    metadata = read_model_file(engine).metadata
    assert metadata is not None
    assert (metadata.task, metadata.names, metadata.stride) == ("segment", ("cat", "dog"), 32)
    assert engine.read_bytes().endswith(PLAN)
    assert main(["metadata", str(engine), "--strip"]) == 0
    assert engine.read_bytes() == PLAN


@pytest.mark.parametrize("where", [0, 100_000, -1], ids=["first", "middle", "last"])
def test_a_side_car_of_another_engine_is_stale_and_said_so(tmp_path: Path, where: int) -> None:
    engine, _ = built(tmp_path)
    other = bytearray(Plan(layout="ftrt-8.6", body_bytes=200_000, sm_count=29).to_bytes())
    if where:
        other = bytearray(PLAN)
        piece = slice(where, where + 20_000) if where > 0 else slice(-8, None)
        other[piece] = bytes(len(other[piece]))
    assert len(other) == len(PLAN)
    engine.write_bytes(other)
    file = read_model_file(engine)
    assert file.sidecar is None
    assert file.metadata is None
    assert "written for another engine" in file.sidecar_note
    assert ("side-car", file.sidecar_note) in all_facts(file)


def test_info_compares_the_whole_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine, _ = built(tmp_path)
    main(["info", str(engine), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["built_from"]["onnx"]["name"] == "identity.onnx"
    assert answer["metadata"] == METADATA
    # A byte that lies between the pieces: 16 of 4,096 in 200,000 are 12,500 or more apart.
    content = bytearray(PLAN)
    content[12_000] ^= 1
    engine.write_bytes(content)
    assert read_model_file(engine).sidecar is not None
    main(["info", str(engine), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["built_from"] is None
    assert answer["metadata"] is None
    assert "another engine" in answer["side_car_note"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged"),
        (b"{", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"[1]", "is damaged"),
        (b"\xff\xfe", "is damaged"),
        (b'{"Layers": []}', "is no side-car"),
        (b'{"format": "enginebay-sidecar", "version": 2}', "has version 2"),
        (b'{"format": "enginebay-sidecar", "version": 1}', "does not say which engine"),
        (b'{"format": "enginebay-sidecar", "version": 1, "plan": 3}', "does not say which engine"),
        (b" " * 1_000_001, "has 1,000,001 bytes"),
    ],
)
def test_a_broken_or_foreign_one_is_ignored_with_a_note(
    tmp_path: Path, content: bytes, words: str
) -> None:
    engine = tmp_path / "best.engine"
    engine.write_bytes(PLAN)
    sidecar_path(engine).write_bytes(content)
    file = read_model_file(engine)
    assert file.kind == "tensorrt-plan"
    assert file.sidecar is None
    assert words in file.sidecar_note
    assert "best.engine.json" in file.sidecar_note
    assert "gnored" in file.sidecar_note


def test_malformed_values_read_as_absent(tmp_path: Path) -> None:
    engine, _ = built(tmp_path)
    path = sidecar_path(engine)
    value = json.loads(path.read_text())
    value["options"] = {"profiles": [{"images": 3, "x": {"min": [1], "opt": "a"}}], "deep": [[1]]}
    value |= {"seconds": "long", "gpu": 7, "metadata": [], "truth": "good", "versions": {"a": 1}}
    path.write_text(json.dumps(value))
    found = read_model_file(engine).sidecar
    assert found is not None
    assert (found.seconds, found.gpu) == (None, "")
    assert (found.metadata, found.truth, found.versions) == ({}, {}, {})
    all_facts(read_model_file(engine))


def test_hostile_text_is_shown_on_one_line(tmp_path: Path) -> None:
    engine, _ = built(tmp_path)
    path = sidecar_path(engine)
    value = json.loads(path.read_text())
    value["gpu"], value["onnx"]["name"] = "a\x1b[31m\nSHA-256  x", "b\nkind  ONNX"
    value["truth"] = {"sentences": ["c\nd"] * 1000, "warnings": 3}
    path.write_text(json.dumps(value))
    facts = all_facts(read_model_file(engine))
    assert all(text.isprintable() for _, text in facts)
    assert len(facts) < 60


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_beside_the_engine_is_not_waited_for(tmp_path: Path) -> None:
    engine = tmp_path / "best.engine"
    engine.write_bytes(PLAN)
    os.mkfifo(sidecar_path(engine))
    assert "no regular file" in read_model_file(engine).sidecar_note


def test_an_onnx_has_no_side_car(tmp_path: Path) -> None:
    onnx = onnx_models.identity(tmp_path)
    sidecar_path(onnx).write_text("{")
    assert read_model_file(onnx).sidecar_note == ""


def test_the_onnx_is_found_again_where_it_lies(tmp_path: Path) -> None:
    engine, onnx = built(tmp_path)
    found = read_model_file(engine).sidecar
    assert found is not None
    assert find_source(engine, found) == onnx
    onnx.write_bytes(b"other")
    assert find_source(engine, found) is None
    onnx.unlink()
    assert find_source(engine, found) is None


def test_a_side_car_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    engine, onnx = built(tmp_path)
    before = sidecar_path(engine).read_bytes()
    with pytest.raises(EnginebayError) as caught:
        write_sidecar(engine, onnx, options={"x": "y" * 1_000_000}, versions={})
    assert caught.value.kind == "cannot-save"
    assert sidecar_path(engine).read_bytes() == before
    engine.write_bytes(PLAN[:-5])
    with pytest.raises(ModelFileError):
        write_sidecar(engine, onnx, options={}, versions={})


@pytest.mark.parametrize("content", [b'{"names": ["cat"]}', b"[1]", b"no JSON", b" " * 1_000_001])
def test_a_file_that_is_no_side_car_of_ours_stays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "best.engine.json"
    path.write_bytes(content)
    with pytest.raises(EnginebayError, match="is no side-car of Enginebay's") as caught:
        built(tmp_path)
    assert caught.value.kind == "foreign-file"
    assert path.read_bytes() == content


@pytest.mark.parametrize("content", [b"", b'{"format": "enginebay-sidecar", "version": 2}'])
def test_one_of_ours_and_an_empty_file_are_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "best.engine.json").write_bytes(content)
    engine, _ = built(tmp_path)
    assert read_sidecar(engine).sidecar is not None
