"""A build that is cancelled, killed or has no room leaves nothing; a second one is quicker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.building import BuildOptions, build_engine
from core.errors import Cancelled, EnginebayError
from core.paths import DEMO_MODEL
from tests.gpu.conftest import DEMO_BATCH
from tests.gpu.programs import ROOT, answer
from tests.unit.plan_writer import Plan

DEMO = BuildOptions(
    precision=frozenset({"fp16"}), profiles=({"images": DEMO_BATCH},), timing_cache=False
)
QUICK = BuildOptions(optimization_level=0, profiles=({"images": DEMO_BATCH},), timing_cache=False)
SHAPES = [f"--{one}Shapes=images:1x3x256x256" for one in ("min", "opt", "max")]
OLD = Plan(layout="ftrt-8.6").to_bytes()


def children(word: str = "core.building.child") -> list[int]:
    """Processes whose command line has this word."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().decode(errors="replace")
        except OSError:  # ended in between
            continue
        if word in text and int(entry.parent.name) != os.getpid():
            found.append(int(entry.parent.name))
    return found


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where an engine lies already, in a folder of its own."""
    folder = tmp_path / "engines"
    folder.mkdir()
    path = folder / "demo.engine"
    path.write_bytes(OLD)
    return path


def assert_untouched(target: Path) -> None:
    assert target.read_bytes() == OLD
    assert [one.name for one in target.parent.iterdir()] == [target.name]


@pytest.mark.parametrize(
    "phase", ["starting TensorRT", "loading the builder", "trying kernels", "asking the engine"]
)
def test_cancel_ends_the_child_within_a_second_at_any_phase(
    target: Path, phase: str, figures: dict[str, Any]
) -> None:
    asked = 0.0

    def progress(_fraction: float | None, text: str) -> None:
        nonlocal asked
        if phase in text:
            asked = asked or time.monotonic()
            if time.monotonic() - asked > 0.5:  # well inside it
                asked = time.monotonic()
                raise Cancelled

    options = QUICK if phase == "asking the engine" else DEMO
    try:
        with pytest.raises(Cancelled):
            build_engine(DEMO_MODEL, target, options, progress)
    except BaseException:
        if phase != "asking the engine":  # which may be over before
            raise
        assert target.read_bytes() != OLD  # a whole engine is not taken back
        pytest.skip("this phase was shorter than half a second")
    seconds = time.monotonic() - asked
    figures[f"cancelled while {phase}, s"] = round(seconds, 3)
    assert seconds <= 1
    assert not children()
    assert_untouched(target)


def test_a_killed_child_is_an_error_and_the_old_engine_stays(target: Path) -> None:
    def progress(_fraction: float | None, text: str) -> None:
        if "trying kernels" in text:
            for child in children():
                os.kill(child, signal.SIGKILL)

    with pytest.raises(EnginebayError) as caught:
        build_engine(DEMO_MODEL, target, DEMO, progress)
    assert caught.value.kind == "build-crashed"
    assert_untouched(target)


_WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from core.building import BuildOptions, options_of_json
from gui.app import App
from gui.window_options import WindowOptions
import json

app = QApplication([])
parts = App(WindowOptions(screenshot=Path("-")))
onnx, target, options = json.loads(sys.argv[1])

def look():
    build = parts.window.building.running
    if build is not None and build.feed.now[0] is not None:
        print(build.feed.now[0].phase, flush=True)

def begin():
    if not parts.furnished:
        QTimer.singleShot(20, begin)
        return
    building = parts.window.building
    building.set_up([Path(onnx)])
    building.add(Path(target), options_of_json(options))
    timer.start(100)

timer = QTimer()
timer.timeout.connect(look)
parts.start()
QTimer.singleShot(0, begin)
app.exec()
"""


def test_killing_the_window_leaves_no_child(target: Path, figures: dict[str, Any]) -> None:
    order = [str(DEMO_MODEL), str(target), DEMO.as_json()]
    window = subprocess.Popen(
        [sys.executable, "-c", _WINDOW, json.dumps(order)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert window.stdout is not None
        for line in window.stdout:
            if "kernels" in line:
                break
        assert children()
    finally:
        window.kill()
        window.communicate()
    begin = time.monotonic()
    while children() and time.monotonic() - begin < 10:
        time.sleep(0.02)
    figures["no child is left after the window was killed, s"] = round(time.monotonic() - begin, 2)
    assert not children()
    assert target.read_bytes() == OLD


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, of one megabyte, with an engine on it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    try:
        (folder / "demo.engine").write_bytes(OLD)
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=False)


def test_a_disk_that_is_too_small_leaves_the_old_engine(small_disk: Path) -> None:
    target = small_disk / "demo.engine"
    with pytest.raises(EnginebayError) as caught:
        build_engine(DEMO_MODEL, target, QUICK, lambda _fraction, _text: None)
    assert caught.value.kind in ("cannot-save", "no-room")
    assert_untouched(target)


def test_a_disk_that_fills_up_while_it_is_written_leaves_the_old_engine(
    target: Path,
) -> None:
    """The limit of a file's size, which a shell sets, comes to the same as a full disk."""
    code = (
        "import resource, sys; from pathlib import Path; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000)); "
        "from core.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    flags = ["--builderOptimizationLevel=0", "--noBuilderCache", "--no-check", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, "build", DEMO_MODEL, "-o", target, "--force", *flags, *SHAPES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert found["error"]["kind"] == "cannot-save", found
    assert_untouched(target)


def test_a_second_build_is_told_what_the_first_measured(
    tmp_path: Path, figures: dict[str, Any]
) -> None:
    flags = ["--fp16", *SHAPES, f"--timingCacheFile={tmp_path / 'measured.cache'}", "--no-check"]
    seconds = []
    for number in range(2):
        target = tmp_path / f"{number}.engine"
        found = answer("build", DEMO_MODEL, "-o", target, *flags)
        assert "error" not in found, found
        seconds.append(found["seconds"])
    figures["the demo built twice with a timing cache, s"] = seconds
    figures["the second build by the first"] = round(seconds[1] / seconds[0], 3)
    assert any("timing cache of earlier builds was used" in line for line in found["notes"])


def test_a_build_runs_where_the_lean_runtime_is_all_there_is(tmp_path: Path) -> None:
    target = tmp_path / "demo.engine"
    found = answer("build", DEMO_MODEL, "-o", target, ENGINEBAY_TENSORRT="tensorrt_lean")
    assert "error" in found
    assert not target.exists()
