"""How a build goes, what it reports, and where its engine may be put."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import core.building.build
from core.building import BuildOptions, BuildProgress, capabilities, capabilities_child, child
from core.building.build import check_build
from core.building.capabilities import installed_capabilities
from core.building.progress import ProgressOf
from core.building.pulse import pulse
from core.building.target import check_target
from core.child_process import ChildDied, ChildTimeout
from core.errors import Cancelled, CudaError, EnginebayError, MachineError, ModelError
from core.modelfile import read_model_file
from tests.unit import onnx_models
from tests.unit.fake_builder import install_builder
from tests.unit.fake_tensorrt import simple_plan
from tests.unit.plan_writer import Plan, with_prefix
from tests.unit.test_build import Child, Progress, report
from tests.unit.test_build import child as child_fixture
from tests.unit.test_build_child import Heard, Prepare, build, order, prepare

__all__ = ["child_fixture", "prepare"]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


# What is shown


def test_the_pulse_is_the_logs_lines_of_the_last_seconds() -> None:
    clock = Clock()
    told = ProgressOf(None, clock)
    told.hear({"lines": 40, "last": "Timing \x1b[31mconv1"})
    clock.now += 2
    told.hear({"lines": 10, "last": "Timing conv2"})
    now = told.at("trying kernels", 10.0)
    assert now.lines_per_s == pytest.approx(50 / 5)  # over five seconds
    assert now.last_line == "Timing conv2"
    clock.now += 4  # the first lines are more than five seconds ago
    assert told.at("trying kernels", 14.0).lines_per_s == pytest.approx(10 / 5)
    clock.now += 4
    silent = told.at("trying kernels", 18.0)
    assert silent.lines_per_s == 0
    assert silent.last_line == "Timing conv2"


def test_what_a_log_line_holds_cannot_reach_a_terminal() -> None:
    told = ProgressOf(None, Clock())
    told.hear({"lines": 1, "last": "red \x1b[31m\ntwo " + "x" * 1000})
    line = told.at("trying kernels", 1.0).last_line
    assert line.isprintable()
    assert len(line) <= 160


def test_tensorrts_phase_is_told_with_its_steps_until_ours_changes() -> None:
    told = ProgressOf(31.4, Clock())
    assert told.at("trying kernels", 1.0).step is None
    told.hear({"phase": "Building", "step": 2, "steps": 7})
    now = told.at("trying kernels", 5.0)
    assert (now.phase, now.step, now.steps) == ("trying kernels: Building", 2, 7)
    assert now.text == "trying kernels: Building, step 2 of 7 (5 s, the last build took 31)"
    told.hear({"phase": None})
    assert told.at("trying kernels", 6.0).phase == "trying kernels"
    told.hear({"phase": "Building", "step": 2, "steps": 7})
    assert told.at("writing the engine", 7.0).text == (
        "writing the engine (7 s, the last build took 31)"
    )


def test_the_log_is_told_four_times_a_second_at_most_and_its_noise_left_out() -> None:
    heard, log = Heard(), logging.getLogger("core.tensorrt_library")
    level = log.level
    with pulse(heard):  # type: ignore[arg-type]
        for number in range(1000):
            log.debug("Tactic: %s", number)
            log.info("Timing Runner: conv%s", number)
            log.info("--------------- Timing")
    assert log.level == level
    log.warning("after")
    assert heard.said
    assert len(heard.said) < 100
    assert sum(one["lines"] for one in heard.said) <= 3000
    assert all(one["last"].startswith("Timing Runner") or not one["last"] for one in heard.said)


def test_warnings_and_worse_are_printed_too_as_a_crash_leaves_nothing_else(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = logging.getLogger("core.tensorrt_library")
    with pulse(Heard()):  # type: ignore[arg-type]
        log.info("chatter")
        log.warning("%s", "weights were clipped")
        log.error("an illegal memory access")
    assert capsys.readouterr().err == "weights were clipped\nan illegal memory access\n"


def test_a_crash_has_tensorrts_last_words_in_its_details(
    child_fixture: Child, tmp_path: Path
) -> None:
    child_fixture.script = """
for number in range(30):
    say(said={"lines": 1, "last": f"Timing conv{number}"})
print("an illegal memory access", flush=True)
say(said={"lines": 1, "last": "an illegal memory access"})
os._exit(11)
"""
    with pytest.raises(ModelError) as caught:
        report(tmp_path)
    lines = caught.value.details.splitlines()
    assert lines[0] == "The last that was heard of TensorRT's log:"
    assert lines[1:10] == [f"Timing conv{number}" for number in range(21, 30)]
    assert lines[-1] == "an illegal memory access"
    assert lines.count("an illegal memory access") == 1


def test_watchers_get_the_parts_and_may_cancel(child_fixture: Child, tmp_path: Path) -> None:
    child_fixture.script = """
say(said={"phase": "Building", "step": 1, "steps": 9}); say(said={"lines": 5, "last": "conv1"})
time.sleep(60)
"""
    seen: list[BuildProgress] = []

    def watch(now: BuildProgress) -> None:
        seen.append(now)
        if now.last_line == "conv1":
            raise Cancelled

    with pytest.raises(Cancelled):
        report(tmp_path, watch=watch)
    assert seen[-1].steps == 9
    assert not child_fixture.is_alive
    assert list(tmp_path.iterdir()) == []


def test_a_second_build_knows_how_long_the_first_took(child_fixture: Child, tmp_path: Path) -> None:
    child_fixture.script = "write(b'ftrt'); finish()"
    first = report(tmp_path)
    seen: list[BuildProgress] = []
    report(tmp_path, watch=seen.append)
    assert seen[0].expected_s == pytest.approx(first.seconds, abs=0.06)


# What is reported


def test_the_report_has_all_that_is_known(child_fixture: Child, tmp_path: Path) -> None:
    child_fixture.script = """
write(b"engine")
open(os.path.join(order["scratch"], "layers.json"), "w").write('{"Layers": []}')
finish(notes=["n"], warnings=["w"], log=["l"])
"""
    found = report(tmp_path, precision=frozenset({"fp16"}))
    assert found.target == tmp_path / "out.engine"
    assert found.size_bytes == len(b"engine")
    assert found.layers == '{"Layers": []}'
    assert (found.notes, found.warnings, found.log) == (("n",), ("w",), ("l",))
    assert found.gpu == {"name": "Fake", "compute_capability": "8.9"}
    assert len(found.onnx_sha256) == 64
    told = found.as_json()
    assert {
        "model", "target", "seconds", "size_bytes", "versions", "options", "notes", "warnings"
    } <= set(told)  # fmt: skip
    assert "layers" not in told


def test_the_scratch_folder_goes_however_the_build_ends(
    child_fixture: Child, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    child_fixture.script = "say(doing='half'); open(order['scratch'] + '/x', 'w'); time.sleep(60)"
    with pytest.raises(Cancelled):
        report(tmp_path, Progress(cancel_at="half"))
    assert list(place.iterdir()) == []


def test_the_child_asks_the_engine_for_its_layers(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare("10.3.0")
    build(order(tmp_path))
    assert (tmp_path / "scratch" / "layers.json").read_text() == '{"Layers": [], "Bindings": []}'
    builder.state.log_on["deserialize_cuda_engine"] = [(1, "out of memory")]
    found = build(order(tmp_path))
    assert any("layers cannot be told" in note for note in found["notes"])
    assert (tmp_path / "out.part").exists()  # the engine is whole without


def test_an_engine_without_weights_is_not_asked_for_its_layers(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder = prepare("10.3.0")
    found = build(order(tmp_path, strip_weights=True))
    assert builder.state.calls["deserialize_cuda_engine"] == 0
    assert not (tmp_path / "scratch" / "layers.json").exists()
    assert any(note.startswith("The layers were not asked for") for note in found["notes"])


def test_a_crash_after_the_engine_is_whole_loses_no_engine(
    child_fixture: Child, tmp_path: Path
) -> None:
    child_fixture.script = """
write(b"engine")
say(said={"written": DONE})
say(doing="asking the engine for its layers")
os._exit(11)
"""
    found = report(tmp_path)
    assert found.target.read_bytes() == b"engine"
    assert found.layers is None
    assert found.warnings == (
        "The engine is whole, but what came after it was written failed: the process died while "
        "asking the engine for its layers.",
    )


def test_an_error_after_the_engine_is_whole_loses_no_engine(
    child_fixture: Child, tmp_path: Path
) -> None:
    child_fixture.script = """
write(b"engine")
say(said={"written": DONE})
say(error={"kind": "out-of-memory", "message": "There is not enough memory.", "hint": ""})
"""
    found = report(tmp_path)
    assert found.target.read_bytes() == b"engine"
    assert found.warnings == (
        "The engine is whole, but what came after it was written failed: There is not enough "
        "memory.",
    )


def test_cancelling_after_the_engine_is_written_leaves_none(
    child_fixture: Child, tmp_path: Path
) -> None:
    child_fixture.script = (
        "write(b'engine'); say(said={'written': DONE}); say(doing='layers'); time.sleep(60)"
    )
    with pytest.raises(Cancelled):
        report(tmp_path, Progress(cancel_at="layers"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left"), ValueError("bad")])
def test_layers_that_fail_for_want_of_anything_are_a_note(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    given: list[object] = []

    def fails(_library: object, plan: object, *_more: object) -> str:
        given.append(plan)
        raise error

    prepare("10.3.0")
    monkeypatch.setattr(child, "layers_of", fails)
    found = build(order(tmp_path))
    assert isinstance(given[0], memoryview)  # a plan of gigabytes is not copied
    why = str(error) or "MemoryError"
    assert found["notes"][-1] == f"The layers cannot be told: {why}"
    assert (tmp_path / "out.part").exists()


def test_telling_lines_of_the_log_are_reported_once(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare("10.3.0")
    builder.log = [(2, "weights were clipped"), (2, "weights were clipped"), (3, "chatter")]
    assert build(order(tmp_path))["log"] == ["weights were clipped"]


def test_a_build_short_of_memory_says_what_was_asked_what_is_free_and_what_to_lower(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder = prepare("10.3.0")
    builder.plan = None
    builder.log = [
        (2, "Skipping tactic 1 due to insufficient memory on requested size of 99 detected."),
        (1, "Error Code 10: Internal Error (Could not find any implementation for node conv1.)"),
    ]
    with pytest.raises(ModelError) as caught:
        build(order(tmp_path, workspace_bytes=5_000_000_000))
    error = caught.value
    assert "lack of memory" in error.message
    assert "The workspace limit was 5 GB and 12.3 GB are free." in error.message
    assert "--memPoolSize" in error.hint
    builder.log = [(1, "Error Code 1: Cuda Runtime (out of memory)")]
    with pytest.raises(CudaError, match="The workspace limit was 5 GB"):
        build(order(tmp_path, workspace_bytes=5_000_000_000))
    builder.log = [
        (1, "Error Code 10: Internal Error (Could not find any implementation for node conv1.)")
    ]
    with pytest.raises(ModelError) as plain:  # memory has nothing to do with it
        build(order(tmp_path))
    assert "workspace limit" not in plain.value.message


# Where the engine goes


def test_a_full_disk_is_found_before_the_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 2_000_000))
    check_target(tmp_path / "m.onnx", tmp_path / "out.engine", 1_000_000)
    with pytest.raises(ModelError, match="2 MB are free, and the engine takes 3 MB") as caught:
        check_target(tmp_path / "m.onnx", tmp_path / "out.engine", 3_000_000)
    assert caught.value.kind == "no-room"


def test_a_disk_that_fills_during_the_build_is_one_clear_error(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_given: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    prepare("10.3.0")
    monkeypatch.setattr(child, "write_engine", full)
    with pytest.raises(ModelError, match="No space left on device") as caught:
        build(order(tmp_path))
    assert caught.value.kind == "cannot-save"


@pytest.mark.parametrize("what", ["folder", "missing", "source", "link"])
def test_a_target_that_cannot_be_is_refused(tmp_path: Path, what: str) -> None:
    onnx = tmp_path / "m.onnx"
    onnx.write_bytes(b"model")
    target = {
        "folder": tmp_path,
        "missing": tmp_path / "nowhere" / "x.engine",
        "source": tmp_path / "sub" / ".." / "m.onnx",
        "link": tmp_path / "link.engine",
    }[what]
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.engine").symlink_to(onnx)
    with pytest.raises(EnginebayError) as caught:
        check_target(onnx, target, 0)
    assert caught.value.kind == "cannot-save"
    assert onnx.read_bytes() == b"model"


def test_the_models_own_weights_are_no_target(tmp_path: Path) -> None:
    onnx = onnx_models.external_data(tmp_path, "w.bin")
    for content in (b"weights of a model", b"", Plan(layout="ftrt-8.6").to_bytes()):
        (tmp_path / "w.bin").write_bytes(content)  # whatever they look like
        with pytest.raises(ModelError, match=r"holds weights of external\.onnx") as caught:
            check_target(onnx, tmp_path / "w.bin", 0)
        assert caught.value.kind == "cannot-save"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"weights of another model", "is no TensorRT engine"),
        (b"\x08\x08\x3a\x00", "is an ONNX model"),
        (b"ftrt", ""),
        (Plan(layout="ftrt-8.6").to_bytes(), ""),
        (Plan(layout="ftrt-8.6").to_bytes()[:-5], ""),
        (with_prefix(Plan(layout="ftrt-8.6").to_bytes(), {"task": "pose"}), ""),
        (b"", ""),
    ],
)
def test_only_what_is_an_engine_is_replaced(tmp_path: Path, content: bytes, words: str) -> None:
    onnx, target = onnx_models.identity(tmp_path), tmp_path / "out.engine"
    target.write_bytes(content)
    if not words:
        check_target(onnx, target, 0)
        return
    with pytest.raises(ModelError, match=words) as caught:
        check_target(onnx, target, 0)
    assert caught.value.kind == "cannot-save"
    assert caught.value.hint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_no_target_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="not a regular file"):
        check_target(onnx_models.identity(tmp_path), tmp_path / "pipe", 0)


@contextlib.contextmanager
def as_nobody() -> Iterator[None]:
    """Root writes everywhere: as somebody who does not."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no such folders on this system")
def test_a_read_only_folder_is_refused_and_its_engine_stays() -> None:
    place = Path(tempfile.mkdtemp())  # pytest's own folders let nobody in
    try:
        engine, onnx = place / "x.engine", onnx_models.identity(place)
        engine.write_bytes(simple_plan())
        file = read_model_file(onnx)
        place.chmod(0o555)
        with as_nobody(), pytest.raises(EnginebayError, match=r"x\.engine") as caught:
            check_build(file, engine, BuildOptions())
        assert caught.value.kind == "cannot-save"
        assert caught.value.hint
        assert engine.read_bytes() == simple_plan()
        assert sorted(path.name for path in place.iterdir()) == [onnx.name, engine.name]
    finally:
        place.chmod(0o755)
        shutil.rmtree(place)


def test_a_read_only_engine_is_not_replaced(tmp_path: Path) -> None:
    engine = tmp_path / "x.engine"
    engine.write_bytes(simple_plan())
    engine.chmod(0o444)
    with pytest.raises(EnginebayError, match="read-only"):
        check_target(onnx_models.identity(tmp_path), engine, 0)
    engine.chmod(0o644)
    check_target(onnx_models.identity(tmp_path), engine, 0)


def test_a_folder_as_target_is_told_the_name_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is a folder") as caught:
        check_target(onnx_models.identity(tmp_path), tmp_path, 0)
    assert str(tmp_path / "identity.engine") in caught.value.hint


# The installed TensorRT's options


def test_the_window_asks_a_child_once_for_each_version(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = install_builder(monkeypatch, "8.6.1")
    asked = []

    def run(module: str, given: Any, *_more: Any, **_options: Any) -> Any:
        asked.append((module, given))
        return capabilities_child.look(given, lambda text: None)

    monkeypatch.setattr(capabilities, "_known", {})
    monkeypatch.setattr(capabilities, "run_child", run)
    monkeypatch.setattr(capabilities, "is_jetson", lambda: False)
    first = installed_capabilities()
    assert installed_capabilities() is first
    assert asked == [("core.building.capabilities_child", {"module": "tensorrt"})]
    assert first.version == builder.state.version
    assert not first.has("bf16")
    assert "Jetson" in first.why_not("dla")


def test_a_tensorrt_that_cannot_be_imported_is_one_clear_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_builder(monkeypatch, "8.6.1")
    monkeypatch.setattr(capabilities, "_known", {})

    def died(*_given: Any, **_options: Any) -> None:
        raise ChildDied(-11, "Segmentation fault")

    monkeypatch.setattr(capabilities, "run_child", died)
    with pytest.raises(MachineError) as caught:
        installed_capabilities()
    assert (caught.value.kind, caught.value.details) == ("no-tensorrt", "Segmentation fault")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MachineError) as absent:
        capabilities_child.look({"module": "tensorrt"}, lambda text: None)
    assert absent.value.kind == "no-tensorrt"


def test_a_tensorrt_that_takes_too_long_is_not_called_broken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install_builder(monkeypatch, "8.6.1")
    monkeypatch.setattr(capabilities, "_known", {})

    def late(*_given: Any, **_options: Any) -> None:
        raise ChildTimeout("importing TensorRT", "slow disk")

    monkeypatch.setattr(capabilities, "run_child", late)
    with pytest.raises(MachineError) as caught:
        installed_capabilities()
    assert (caught.value.kind, caught.value.details) == ("no-answer", "slow disk")
    assert "not imported within 60 seconds" in caught.value.message
    assert "Reinstall" not in caught.value.hint


def test_asking_for_the_options_can_be_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    install_builder(monkeypatch, "8.6.1")
    monkeypatch.setattr(capabilities, "_known", {})
    told: list[str] = []

    def run(_module: str, _order: object, tick: Any, **_options: Any) -> Any:
        tick("importing TensorRT", 3.0)
        raise AssertionError("it went on")

    def cancel(_fraction: float | None, text: str) -> None:
        told.append(text)
        raise Cancelled

    monkeypatch.setattr(capabilities, "run_child", run)
    with pytest.raises(Cancelled):
        installed_capabilities("tensorrt", cancel)
    assert told == ["Asking tensorrt what it can build: importing TensorRT (3 s)"]


def test_a_real_child_tells_what_a_module_on_the_path_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a real process, which imports a module that the window's never does."""
    (tmp_path / "tensorrt.py").write_text(
        "__version__ = '10.3.0'\nclass Builder: pass\nclass IBuilderConfig:\n"
        "    DLA_core = create_timing_cache = builder_optimization_level = 0\n"
        "class BuilderFlag: FP16 = 0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(capabilities, "_known", {})
    monkeypatch.setattr(core.building.capabilities, "module_in_use", lambda module: "tensorrt")
    found = installed_capabilities()
    assert (found.version, found.has("fp16"), found.has("bf16")) == ("10.3.0", True, False)
    assert not isinstance(sys.modules.get("tensorrt"), ModuleType)


def test_plugins_are_consented_to_before_the_child_starts(
    child_fixture: Child, tmp_path: Path
) -> None:
    library = tmp_path / "plugin.so"
    library.write_bytes(b"\x7fELF plugin")
    with pytest.raises(ModelError) as caught:
        report(tmp_path, plugins=(library,))
    assert caught.value.kind == "needs-consent"
    assert child_fixture.process is None


def test_consented_plugins_are_loaded_by_their_fingerprint(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare("10.3.0")
    loaded = []
    monkeypatch.setattr(
        child, "load_plugin", lambda library, path, sha256, seen: loaded.append((path, sha256))
    )
    wanted = order(tmp_path) | {"plugins": [["/p/a.so", "ab" * 32]]}
    build(wanted)
    assert loaded == [(Path("/p/a.so"), "ab" * 32)]


def test_plugins_that_the_model_uses_go_into_a_version_compatible_engine(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder = prepare("10.3.0")
    builder.vc_plugins = ["/p/a.so"]
    wanted = order(tmp_path, version_compatible=True, plugins=(Path("/p/a.so"),))
    assert any("plugin libraries" in one for one in build(wanted)["warnings"])
    assert builder.config.plugins_to_serialize == ["/p/a.so"]
