"""How an engine was built, by its side-car, and whether an ONNX is the one of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.building import BuildOptions
from core.building.record import other_model, read_record
from core.building.sidecar import write_sidecar
from core.errors import EnginebayError, ModelFileError
from core.modelfile import fingerprint
from core.tensors import Profile
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan

OPTIONS = BuildOptions(
    precision=frozenset({"fp16"}),
    profiles=({"images": Profile((1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))},),
    optimization_level=5,
)


def recorded(folder: Path) -> tuple[Path, Path]:
    """An engine with its side-car, and its ONNX in a folder beside it."""
    for name in ("models", "engines"):
        (folder / name).mkdir()
    onnx = onnx_models.identity(folder / "models", shape=(None, 3, 8, 8))
    engine = folder / "engines" / "best.engine"
    engine.write_bytes(Plan(layout="ftrt-8.6").to_bytes())
    write_sidecar(
        engine, onnx, options=OPTIONS.as_json(), versions={"tensorrt": "8.6.1"}, gpu="RTX 3060"
    )
    return engine, onnx


def test_a_record_has_the_options_and_finds_the_model(tmp_path: Path) -> None:
    engine, onnx = recorded(tmp_path)
    record = read_record(engine)
    assert record.options == OPTIONS
    assert record.is_there
    assert record.onnx.samefile(onnx)
    assert record.sha256 == fingerprint(onnx)
    assert record.words.startswith("Built before: 20")
    assert record.words.endswith(", RTX 3060, TensorRT 8.6.1.")
    assert other_model(record, record.onnx) is None


def test_a_model_that_is_gone_is_told_where_it_was(tmp_path: Path) -> None:
    engine, onnx = recorded(tmp_path)
    onnx.unlink()
    record = read_record(engine)
    assert not record.is_there
    assert record.onnx == onnx
    with pytest.raises(ModelFileError, match="cannot be read") as caught:
        other_model(record, onnx)
    assert caught.value.kind == "unreadable"


def test_a_model_beside_the_engine_is_found_too(tmp_path: Path) -> None:
    engine, onnx = recorded(tmp_path)
    moved = onnx.rename(engine.parent / onnx.name)
    record = read_record(engine)
    assert record.is_there
    assert record.onnx == moved


def test_another_model_is_told_with_both_fingerprints(tmp_path: Path) -> None:
    engine, onnx = recorded(tmp_path)
    recorded_digits = fingerprint(onnx)
    onnx_models.identity(onnx.parent, shape=(None, 3, 9, 9))
    other = other_model(read_record(engine), onnx)
    assert other is not None
    assert other.kind == "other-model"
    assert recorded_digits in other.details
    assert fingerprint(onnx) in other.details


def test_an_engine_without_a_record_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.engine").write_bytes(b"ftrt")
    with pytest.raises(ModelFileError, match=r"Nothing is recorded beside a\.engine") as caught:
        read_record(tmp_path / "a.engine")
    assert caught.value.kind == "no-record"
    with pytest.raises(ModelFileError, match=r"no file .*b\.engine") as caught:
        read_record(tmp_path / "b.engine")
    assert caught.value.kind == "not-found"


def test_options_that_nobody_knows_are_refused(tmp_path: Path) -> None:
    engine, _onnx = recorded(tmp_path)
    path = engine.with_name("best.engine.json")
    value = json.loads(path.read_text())
    value["options"]["warp"] = 9
    path.write_text(json.dumps(value))
    with pytest.raises(EnginebayError, match="no build option 'warp'"):
        read_record(engine)
