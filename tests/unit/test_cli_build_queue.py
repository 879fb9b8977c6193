"""The command `build` with several models: one after another, each with its own result."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core import build_order
from core.building import BuildReport
from core.cli import main
from core.modelfile import read_model_file
from tests.unit import onnx_models
from tests.unit.fake_tensorrt import simple_plan
from tests.unit.test_build import Child, child
from tests.unit.test_cli_build import SHAPES, Ask, ask

__all__ = ["ask", "child"]

# The model of folder "bad" kills its build, every other one is built.
BUILDS = f"""
if "bad" in order["onnx"]: os._exit(3)
write({simple_plan()!r}); finish()
"""
BuildEngine = Callable[..., BuildReport]


@pytest.fixture
def models(tmp_path: Path) -> list[Path]:
    """Three models of different names, each in a folder of its own."""
    found = []
    for name in ("one", "two", "three"):
        folder = tmp_path / f"of-{name}"
        folder.mkdir()
        path = onnx_models.identity(folder, shape=(None, 3, 8, 8))
        found.append(path.rename(folder / f"{name}.onnx"))
    return found


def engines(models: list[Path]) -> list[Path]:
    return [one.with_suffix(".engine") for one in models]


def bad_model(folder: Path) -> Path:
    (folder / "bad").mkdir()
    return onnx_models.identity(folder / "bad", shape=(None, 3, 8, 8))


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The models whose builds were begun."""
    found: list[Path] = []
    build = build_order.build_engine

    def counted(onnx: Path, *arguments: Any, **named: Any) -> BuildReport:
        found.append(onnx)
        return build(onnx, *arguments, **named)

    monkeypatch.setattr(build_order, "build_engine", counted)
    return found


def test_each_goes_beside_its_model_with_the_answer_that_it_has_alone(
    child: Child, models: list[Path], ask: Ask
) -> None:
    child.script = BUILDS
    status, answer = ask(*models, *SHAPES, "--fp16", "--no-check")
    assert status == 0
    assert set(answer) == {"builds", "failed"}
    assert answer["failed"] == 0
    for model, engine, one in zip(models, engines(models), answer["builds"], strict=True):
        assert engine.read_bytes() == simple_plan()
        assert (one["model"], one["target"]) == (str(model), str(engine))
        assert one["options"]["precision"] == ["fp16"]
        assert one["sidecar"] == f"{engine}.json"
    _, alone = ask(models[0], *SHAPES, "--fp16", "--no-check", "--force")
    assert set(alone) == set(answer["builds"][0])


def test_they_go_into_a_folder_that_is_there(
    child: Child, models: list[Path], tmp_path: Path, ask: Ask
) -> None:
    child.script = BUILDS
    folder = tmp_path / "engines"
    status, answer = ask(*models, *SHAPES, "--no-check", "-o", folder)
    assert (status, answer["error"]["kind"]) == (1, "cannot-save")
    assert "is no folder" in answer["error"]["message"]
    assert child.process is None
    folder.mkdir()
    status, _ = ask(*models, *SHAPES, "--no-check", "--no-sidecar", "-o", folder)
    assert status == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["one.engine", "three.engine", "two.engine"]
    assert [one.exists() for one in engines(models)] == [False] * 3


def test_models_may_stand_on_both_sides_of_flags(
    child: Child, models: list[Path], begun: list[Path], ask: Ask
) -> None:
    child.script = BUILDS
    status, _ = ask(models[0], "--fp16", models[1], "--no-check", *SHAPES, models[2])
    assert status == 0
    assert begun == models


def test_one_that_dies_does_not_end_the_others(
    child: Child, models: list[Path], tmp_path: Path, ask: Ask
) -> None:
    child.script = BUILDS
    bad = bad_model(tmp_path)
    status, answer = ask(models[0], bad, models[1], *SHAPES, "--no-check")
    assert status == 1
    assert answer["failed"] == 1
    first, failed, last = answer["builds"]
    assert "error" not in first
    assert "error" not in last
    assert set(failed) == {"model", "target", "error"}
    assert (failed["model"], failed["target"]) == (str(bad), str(bad.with_suffix(".engine")))
    assert failed["error"]["kind"] == "build-crashed"
    assert [one.exists() for one in engines([models[0], bad, models[1]])] == [True, False, True]


@pytest.mark.parametrize("error", [MemoryError("much"), OSError(5, "Input/output error")])
def test_what_the_machine_fails_with_is_one_models_error_too(
    monkeypatch: pytest.MonkeyPatch,
    child: Child,
    models: list[Path],
    ask: Ask,
    error: Exception,
) -> None:
    child.script = BUILDS
    build: BuildEngine = build_order.build_engine

    def once(onnx: Path, *arguments: Any, **named: Any) -> BuildReport:
        if onnx == models[0]:
            raise error
        return build(onnx, *arguments, **named)

    monkeypatch.setattr(build_order, "build_engine", once)
    status, answer = ask(*models, *SHAPES, "--no-check")
    assert (status, answer["failed"]) == (1, 1)
    kind = "out-of-memory" if isinstance(error, MemoryError) else "unreadable"
    assert answer["builds"][0]["error"]["kind"] == kind


def test_people_read_a_block_for_each_and_a_count(
    child: Child, models: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    child.script = BUILDS
    bad = bad_model(tmp_path)
    given = [str(one) for one in (models[0], bad, models[1])]
    assert main(["build", *given, *SHAPES, "--no-check"]) == 1
    output, errors = capfd.readouterr()
    first, second, count = output.rstrip("\n").split("\n\n")
    assert first.startswith(f"Built {models[0].with_suffix('.engine')} (")
    assert second.startswith(f"Built {models[1].with_suffix('.engine')} (")
    assert count == f"Built 2 of 3 engines. 1 failed: {bad}"
    assert errors.startswith(f"enginebay: {bad}: The build of identity.onnx died")


def test_what_costs_nothing_is_told_of_all_before_the_first_build(
    monkeypatch: pytest.MonkeyPatch,
    child: Child,
    models: list[Path],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    child.script = BUILDS
    other = onnx_models.identity(tmp_path, input_name="pictures", shape=(None, 3, 8, 8))
    engines(models)[1].write_bytes(simple_plan())
    told: list[str] = []
    build: BuildEngine = build_order.build_engine

    def look(onnx: Path, *arguments: Any, **named: Any) -> BuildReport:
        told.append(capfd.readouterr().err)
        return build(onnx, *arguments, **named)

    monkeypatch.setattr(build_order, "build_engine", look)
    missing = tmp_path / "missing.onnx"
    given = [str(one) for one in (*models, other, missing)]
    assert main(["build", *given, *SHAPES, "--no-check"]) == 1
    assert len(told) == 2
    assert f"enginebay: {models[1]}: There is an engine already" in told[0]
    assert f"enginebay: {other}: " in told[0]  # whose input has another name
    assert f"enginebay: {missing}: " in told[0]
    assert told[1] == ""
    output, errors = capfd.readouterr()
    assert output.endswith(f"\nBuilt 2 of 5 engines. 3 failed: {models[1]}, {other}, {missing}\n")
    assert errors == ""


def test_all_are_replaced_where_that_is_forced(child: Child, models: list[Path], ask: Ask) -> None:
    child.script = BUILDS
    for engine in engines(models):
        engine.write_bytes(simple_plan()[:-1])
    status, answer = ask(*models, *SHAPES, "--no-check")
    assert (status, answer["failed"]) == (1, 3)
    assert {one["error"]["kind"] for one in answer["builds"]} == {"exists"}
    status, answer = ask(*models, *SHAPES, "--no-check", "--force")
    assert (status, answer["failed"]) == (0, 0)
    assert [one.read_bytes() for one in engines(models)] == [simple_plan()] * 3


def test_two_that_would_become_one_file_end_the_command(
    child: Child, models: list[Path], tmp_path: Path, ask: Ask
) -> None:
    status, answer = ask(models[0], models[1], models[0], *SHAPES)
    assert (status, answer["error"]["kind"]) == (1, "same-target")
    twin = tmp_path / "one.onnx"
    twin.write_bytes(models[0].read_bytes())
    status, answer = ask(models[0], twin, *SHAPES, "-o", tmp_path)
    assert (status, answer["error"]["kind"]) == (1, "same-target")
    assert str(twin) in answer["error"]["message"]
    assert str(models[0]) in answer["error"]["message"]
    assert child.process is None


def test_flags_that_nobody_knows_are_one_error_and_no_build(
    child: Child, models: list[Path], ask: Ask
) -> None:
    status, answer = ask(*models, *SHAPES, "--fp61")
    assert (status, answer["error"]["kind"]) == (1, "build-flags")
    assert child.process is None


def test_a_command_is_printed_for_each_and_nothing_else(
    child: Child, models: list[Path], capfd: pytest.CaptureFixture[str], ask: Ask
) -> None:
    given = [str(one) for one in models]
    assert main(["build", *given, *SHAPES, "--print-command", "trtexec"]) == 0
    output, errors = capfd.readouterr()
    lines = [line for line in output.splitlines() if line]
    assert errors == ""
    assert [line.split(" --", 1)[0] for line in lines] == ["trtexec"] * 3
    for model, line in zip(models, lines, strict=True):
        assert model.name in line
        assert model.with_suffix(".engine").name in line
    status, answer = ask(*models, *SHAPES, "--print-command", "python")
    assert (status, answer["failed"]) == (0, 0)
    for one in answer["builds"]:
        compile(one["text"], "script.py", "exec")
    assert child.process is None


def test_what_is_known_of_each_is_told_without_a_build(
    child: Child, models: list[Path], tmp_path: Path, ask: Ask
) -> None:
    child.script = "os._exit(1)"  # the parser
    odd = onnx_models.unknown_operator(tmp_path)
    status, answer = ask(models[0], odd, "--check-only")
    assert (status, answer["failed"]) == (1, 1)
    good, bad = answer["builds"]
    assert good["before"]["operators"] == {"Identity": 1}
    assert bad["error"]["kind"] == "unsupported-operator"
    assert bad["before"]["findings"]


def test_ctrl_c_ends_all(
    monkeypatch: pytest.MonkeyPatch,
    child: Child,
    models: list[Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    child.script = BUILDS
    begun: list[Path] = []
    build: BuildEngine = build_order.build_engine

    def interrupt(onnx: Path, *arguments: Any, **named: Any) -> BuildReport:
        begun.append(onnx)
        if onnx == models[1]:
            raise KeyboardInterrupt
        return build(onnx, *arguments, **named)

    monkeypatch.setattr(build_order, "build_engine", interrupt)
    given = [str(one) for one in models]
    assert main(["build", *given, *SHAPES, "--no-check", "--json"]) == 130
    assert json.loads(capfd.readouterr().out)["error"]["kind"] == "interrupted"
    assert begun == models[:2]
    assert read_model_file(engines(models)[0]).kind == "tensorrt-plan"
    assert [one.exists() for one in engines(models)] == [True, False, False]
