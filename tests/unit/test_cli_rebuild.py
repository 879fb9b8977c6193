"""`build --rebuild`: an engine again, as its side-car says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.building.sidecar import write_sidecar
from core.cli import main
from core.modelfile import fingerprint, read_sidecar
from tests.unit import onnx_models
from tests.unit.fake_tensorrt import simple_plan
from tests.unit.test_build import Child, child
from tests.unit.test_build_record import OPTIONS, recorded
from tests.unit.test_cli_build import Ask, ask

__all__ = ["ask", "child"]

BUILDS = f"write({simple_plan()!r}); finish()"


def test_it_is_built_with_the_recorded_options_and_replaced_only_if_forced(
    child: Child, tmp_path: Path, ask: Ask
) -> None:
    child.script = BUILDS
    engine, onnx = recorded(tmp_path)
    old = engine.read_bytes()
    status, answer = ask("--rebuild", engine, "--no-check")
    assert (status, answer["error"]["kind"]) == (1, "exists")
    assert engine.read_bytes() == old
    assert child.process is None
    status, answer = ask("--rebuild", engine, "--no-check", "--force")
    assert status == 0, answer
    assert engine.read_bytes() == simple_plan()
    assert Path(answer["model"]).samefile(onnx)
    assert answer["target"] == str(engine)
    assert answer["options"] == OPTIONS.as_json()
    found = read_sidecar(engine).sidecar
    assert found is not None
    assert found.versions["tensorrt"] == "10.3.0", "of the new build"


def test_it_goes_elsewhere_and_the_old_one_stays(child: Child, tmp_path: Path, ask: Ask) -> None:
    child.script = BUILDS
    engine, _onnx = recorded(tmp_path)
    old = engine.read_bytes()
    other = tmp_path / "other.engine"
    status, _ = ask("--rebuild", engine, "-o", other, "--no-check")
    assert status == 0
    assert (engine.read_bytes(), other.read_bytes()) == (old, simple_plan())


def test_a_model_that_changed_is_built_only_if_forced_and_then_told(
    child: Child, tmp_path: Path, ask: Ask
) -> None:
    child.script = BUILDS
    engine, onnx = recorded(tmp_path)
    onnx_models.identity(onnx.parent, shape=(None, 3, 8, 8), output_name="result")
    other = tmp_path / "other.engine"
    status, answer = ask("--rebuild", engine, "-o", other, "--no-check")
    assert (status, answer["error"]["kind"]) == (1, "other-model")
    assert "--force" in answer["error"]["hint"]
    assert child.process is None
    status, answer = ask("--rebuild", engine, "-o", other, "--no-check", "--force")
    assert status == 0
    assert answer["onnx_sha256"] == fingerprint(onnx)
    assert any("is not the file that best.engine was built from" in w for w in answer["warnings"])


def test_a_model_that_moved_is_asked_for_and_may_be_given(
    child: Child, tmp_path: Path, ask: Ask
) -> None:
    child.script = BUILDS
    engine, onnx = recorded(tmp_path)
    moved = onnx.rename(tmp_path / "moved.onnx")
    other = tmp_path / "other.engine"
    status, answer = ask("--rebuild", engine, "-o", other, "--no-check")
    assert (status, answer["error"]["kind"]) == (1, "not-found")
    assert str(onnx) in answer["error"]["message"]
    assert "--onnx=MODEL.onnx" in answer["error"]["hint"]
    status, answer = ask("--rebuild", engine, f"--onnx={moved}", "-o", other, "--no-check")
    assert status == 0
    assert answer["model"] == str(moved)


def test_an_option_that_this_tensorrt_has_not_is_an_error_as_ever(
    child: Child, tmp_path: Path, ask: Ask
) -> None:
    engine, _onnx = recorded(tmp_path)
    child.real(
        "assert order['options']['precision'] == ['fp16']",
        "raise ModelError('build-options', 'FP16 is not here.', 'Choose another.')",
    )
    status, answer = ask("--rebuild", engine, "-o", tmp_path / "other.engine", "--no-check")
    assert (status, answer["error"]["message"]) == (1, "FP16 is not here.")
    assert not (tmp_path / "other.engine").exists()


def test_several_make_a_queue_and_one_without_a_record_does_not_end_it(
    child: Child, tmp_path: Path, ask: Ask
) -> None:
    child.script = BUILDS
    (tmp_path / "a").mkdir()
    engine, onnx = recorded(tmp_path / "a")
    bare = tmp_path / "bare.engine"
    bare.write_bytes(simple_plan())
    folder = tmp_path / "new"
    folder.mkdir()
    status, answer = ask("--rebuild", bare, engine, "-o", folder, "--no-check")
    assert (status, answer["failed"]) == (1, 1)
    first, second = answer["builds"]
    assert first["error"]["kind"] == "no-record"
    assert (first["model"], first["target"]) == (None, str(folder / "bare.engine"))
    assert Path(second["model"]).samefile(onnx)
    assert [one.name for one in folder.glob("*.engine")] == ["best.engine"]


def test_embedded_metadata_is_the_models(child: Child, tmp_path: Path, ask: Ask) -> None:
    engine, onnx = recorded(tmp_path)
    onnx_models.identity(onnx.parent, shape=(None, 3, 8, 8), metadata={"task": "detect"})
    old = OPTIONS.as_json() | {"metadata": {"task": "classify"}}
    write_sidecar(engine, onnx, options=old, versions={})
    child.script = "write(json.dumps(order['options']['metadata']).encode()); finish()"
    other = tmp_path / "other.engine"
    ask("--rebuild", engine, "-o", other, "--no-check", "--no-sidecar")
    assert json.loads(other.read_text()) == {"task": "detect"}


def test_its_command_is_printed_without_a_build(child: Child, tmp_path: Path, ask: Ask) -> None:
    engine, _onnx = recorded(tmp_path)
    status, answer = ask(
        "--rebuild", engine, "--print-command", "trtexec", "--tensorrt", "8.6.1", "--force"
    )
    assert status == 0
    assert "--fp16" in answer["text"]
    assert "--maxShapes=images:4x3x8x8" in answer["text"]
    assert child.process is None


def test_models_and_flags_beside_it_are_wrong_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine, onnx = recorded(tmp_path)
    for arguments in (
        [str(onnx), "--rebuild", str(engine)],
        ["--rebuild", str(engine), "--fp16"],
        ["--rebuild", str(engine), str(engine), f"--onnx={onnx}"],
    ):
        with pytest.raises(SystemExit) as caught:
            main(["build", *arguments])
        assert caught.value.code == 2
    assert "--onnx is for one engine" in capsys.readouterr().err
