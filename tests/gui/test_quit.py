"""Quitting at any moment: within ten seconds, with status 0, leaving nothing behind."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gui.app import QUIT_TIMEOUT_MS
from tests.gui.limits import QUIT_S
from tests.gui.programs import Outcome, finish, in_session, run, start

# Opens the demo and closes the window when told: after so many milliseconds, or when an event
# of a slot arrives. The last argument is code that is run before.
_DRIVER = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QTimer
import gui.app
from core.jobs import Finished, Progress, Started
from gui.window_options import WindowOptions

when = sys.argv[1]
exec(sys.argv[2])

class ClosingApp(gui.app.App):
    def start(self):
        super().start()
        if when.isdigit():
            QTimer.singleShot(int(when), self.leave)
        elif when == "plots":
            self.document.busy_changed.connect(lambda busy: busy or self.leave())
        elif when != "never":
            self.thread_.happened.connect(self.look)

    def look(self, event):
        if when == f"{type(event).__name__} {event.slot}":
            self.leave()

    def leave(self):
        print("closing", flush=True)
        self.window.close()

gui.app.App = ClosingApp
sys.exit(gui.app.run_window(WindowOptions(demo=True)))
"""

_NO_GPU = """
import core.demo
from core.paths import DEMO_MODEL
core.demo.demo_model = lambda progress: DEMO_MODEL
"""

# The build's own code, with a child that neither ends nor listens in place of TensorRT.
_BUILD = """
import core.building, core.child_process, core.demo, subprocess
from core.paths import DEMO_MODEL
from core.tensors import Profile
popen = subprocess.Popen
core.child_process.subprocess.Popen = lambda command, **options: popen(
    ["sleep", "600"], **options | {"start_new_session": False}  # so that it is found below
)

def build(progress):
    def once_it_runs(fraction, text):
        if "starting TensorRT" in text:
            progress(fraction, text)
    one = Profile((1, 3, 256, 256), (1, 3, 256, 256), (1, 3, 256, 256))
    options = core.building.BuildOptions(profiles=({"images": one},))
    core.building.build_engine(DEMO_MODEL, Path("built.engine"), options, once_it_runs)
core.demo.demo_model = build
"""

# Native code that does not come back.
_STUCK = (
    _NO_GPU
    + """
import core.model
core.model.Model.test = lambda self, *_: time.sleep(600)
gui.app.QUIT_TIMEOUT_MS = 300
"""
)

_OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}


def drive(folder: Path, when: str, before: str) -> Outcome:
    outcome = run(["-c", _DRIVER, when, before], folder, _OFFSCREEN)
    check(outcome)
    return outcome


def check(outcome: Outcome) -> None:
    """Ended well, in time, with nothing left and nothing ugly said."""
    assert outcome.status == 0, outcome.err
    assert outcome.seconds < QUIT_S
    assert outcome.left == (), "nothing is left running"
    for word in ("Traceback", "Fatal", "terminate", "QThread: Destroyed"):
        assert word not in outcome.err, outcome.err


MOMENTS = (
    *("0", "50", "200", "500"),  # milliseconds after the start
    *("Started demo", "Started identify", "Started load", "Started test", "Finished test"),
    "plots",  # while the plots' library is imported on a thread of its own
)


@pytest.fixture(scope="module")
def closings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """A program for each moment, some at a time."""

    def close_at(moment: str) -> Outcome:
        folder = tmp_path_factory.mktemp("closing")
        return run(["-c", _DRIVER, moment, _NO_GPU], folder, _OFFSCREEN)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(MOMENTS, pool.map(close_at, MOMENTS), strict=True))


@pytest.mark.parametrize("moment", MOMENTS)
def test_closing_at_any_moment(closings: dict[str, Outcome], moment: str) -> None:
    check(closings[moment])
    assert "closing" in closings[moment].out


def test_closing_during_a_build_ends_the_child_and_leaves_no_half_file(tmp_path: Path) -> None:
    outcome = drive(tmp_path, "Progress demo", _BUILD)
    assert "closing" in outcome.out, "the build was going on"
    assert [path.name for path in tmp_path.iterdir() if "engine" in path.name] == []


def test_closing_while_native_code_does_not_come_back_saves_the_layout(tmp_path: Path) -> None:
    outcome = drive(tmp_path, "Started test", _STUCK)
    assert "closing" in outcome.out
    (settings,) = tmp_path.rglob("enginebay.ini")
    assert "geometry" in settings.read_text()


def test_the_time_given_to_native_code_leaves_time_for_the_rest() -> None:
    assert QUIT_TIMEOUT_MS + 1_000 < QUIT_S * 1_000


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_quits_in_order_also_during_a_build(tmp_path: Path, name: str) -> None:
    program = start(["-c", _DRIVER, "never", _BUILD + _SAY_BUILDING], tmp_path, _OFFSCREEN)
    assert program.stdout is not None
    assert program.stdout.readline() == "building\n"
    assert len(in_session(program.pid)) == 2, "the window and the build"
    program.send_signal(getattr(signal, name))
    check(finish(program))
    (settings,) = tmp_path.rglob("enginebay.ini")
    assert "geometry" in settings.read_text()


_SAY_BUILDING = """
real_build = core.demo.demo_model
def said(progress):
    told = []
    def tell(fraction, text):
        progress(fraction, text)
        if not told:
            told.append(print("building", flush=True))
    return real_build(tell)
core.demo.demo_model = said
"""


# A build of the Build window, in whose midst the window is closed, which asks.
_QUESTION = (
    _NO_GPU
    + """
import core.building, core.child_process, os, subprocess
from core.tensors import Profile
popen = subprocess.Popen
def begin_child(command, **options):
    if "core.building.child" not in command:  # what some package asks when it is imported
        return popen(command, **options)
    child = popen(["sleep", "600"], **options | {"start_new_session": False})
    os.write(1, b"child\\n")  # a line at once: two threads tell
    return child
core.child_process.subprocess.Popen = begin_child
furnish = gui.app.App._after_first_paint

def furnish_and_build(app):
    furnish(app)
    building = app.window.building
    building.path = DEMO_MODEL
    one = Profile((1, 3, 256, 256), (1, 3, 256, 256), (1, 3, 256, 256))

    def look(build):
        if build.state == "building":
            app.window.close()
            question = app.window.closing.question
            os.write(1, f"asked {question.text()}\\n".encode())
            if answers:
                (yes,) = [one for one in question.buttons() if one.text() == "&Quit"]
                QTimer.singleShot(1_000, yes.click)

    building.build_changed.connect(look)
    options = core.building.BuildOptions(profiles=({"images": one},))
    building.add(Path("built.engine").absolute(), options)

gui.app.App._after_first_paint = furnish_and_build
"""
)


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of Unix")
@pytest.mark.parametrize("name", ["", "SIGINT", "SIGTERM", "SIGHUP"])
def test_the_question_that_a_build_leads_to_holds_no_signal_up(tmp_path: Path, name: str) -> None:
    """And a yes to it ends the program."""
    before = f"answers = {not name}\n{_QUESTION}"
    program = start(["-c", _DRIVER, "never", before], tmp_path, _OFFSCREEN)
    assert program.stdout is not None
    said = {program.stdout.readline(), program.stdout.readline()}
    assert said == {
        "child\n",
        "asked built.engine is being built. Quit and end the build?\n",
    }
    assert len(in_session(program.pid)) == 2, "the window and the build"
    if name:
        program.send_signal(getattr(signal, name))
    check(finish(program))
    (settings,) = tmp_path.rglob("enginebay.ini")
    assert "geometry" in settings.read_text()
    assert [path.name for path in tmp_path.iterdir() if "engine" in path.name] == []
