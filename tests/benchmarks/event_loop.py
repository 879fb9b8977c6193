"""The longest time the window's event loop stands still while a model opens and runs.

    python -m tests.benchmarks.event_loop [MODEL]

Target: 50 ms. A timer of 1 ms ticks from the moment the window is furnished; the largest gap
between two ticks is printed, for opening (runtime start-up included) and for running apart. A
pass in another process goes before, so that byte code is compiled and the libraries are in the
system's cache, as they are at every start but the first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from core.paths import DEMO_MODEL, RESOURCES
from gui.app import App
from gui.window_options import WindowOptions

RUNS = 40


def _where() -> list[str]:
    """What the other threads are doing: who held the GIL is there, or just after it."""
    places = []
    for thread, frame in sys._current_frames().items():
        step: FrameType | None = None if thread == threading.get_ident() else frame
        while step is not None and "/core/" not in step.f_code.co_filename.replace("\\", "/"):
            step = step.f_back
        if step is not None:  # the line's text would have to be read from its file
            places.append(f"{Path(step.f_code.co_filename).name}:{step.f_lineno}")
    return places


class Watch:
    """Looks at the window's thread from another while it does not tick, to say what it is at."""

    def __init__(self) -> None:
        self.last_tick = time.perf_counter()
        self.seen: Counter[str] = Counter()  # the innermost places, by sightings
        self._window = threading.get_ident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the other thread: a process that ends with one of them at work may be aborted."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.005):
            if time.perf_counter() - self.last_tick < 0.025:
                continue
            places = []
            step = sys._current_frames().get(self._window)
            while step is not None and len(places) < 3:
                places.append(f"{Path(step.f_code.co_filename).name}:{step.f_lineno}")
                step = step.f_back
            self.seen[" < ".join(places)] += 1


def measure(model: Path) -> dict[str, object]:
    """Largest gaps in milliseconds."""
    QSettings.setDefaultFormat(QSettings.Format.IniFormat)
    app = QApplication.instance() or QApplication([])
    parts = App(WindowOptions(screenshot=Path("unused.png"), size_wh=(1280, 820)))
    document = parts.document
    pictures = sorted((RESOURCES / "demo").glob("picture-*"))
    gaps: dict[str, float] = {"idle": 0.0, "open": 0.0, "run": 0.0}
    places: dict[str, list[str]] = {}
    failures: list[str] = []
    state = {"phase": "idle", "last": time.perf_counter(), "runs": 0}

    def tick() -> None:
        now = time.perf_counter()
        phase, gap = str(state["phase"]), (now - float(state["last"])) * 1000
        if gap > max(gaps[phase], 20):
            places[phase] = _where()
        gaps[phase] = max(gaps[phase], gap)
        watch.last_tick = time.perf_counter()
        state["last"] = time.perf_counter()  # looking around is no standstill of the window

    def tested(result: object) -> None:
        if result is None:
            return
        state["phase"] = "run"
        state["runs"] = int(state["runs"]) + 1
        if int(state["runs"]) >= RUNS:
            QTimer.singleShot(50, app.quit)
        else:
            QTimer.singleShot(5, lambda: document.select(int(state["runs"]) % len(pictures)))

    def fail(message: str) -> None:
        failures.append(message)
        app.quit()

    def open_model() -> None:
        state["phase"] = "open"
        document.add_images(pictures)
        document.open_path(model, allow_native_code=True)

    timer = QTimer(interval=1)
    timer.timeout.connect(tick)
    document.tested.connect(tested)
    document.problem_changed.connect(lambda problem: problem and fail(problem.message))
    parts.start()
    while not (parts.furnished and parts.window.timings.has_plot):
        app.processEvents()
    watch = Watch()
    state["last"] = time.perf_counter()
    timer.start()
    QTimer.singleShot(200, open_model)
    QTimer.singleShot(60_000, lambda: fail("a minute is over"))
    app.exec()
    timer.stop()
    watch.stop()
    parts.stop()
    if failures:
        raise SystemExit(failures[0])
    return {
        "gap_idle_ms": round(gaps["idle"], 1),
        "gap_opening_ms": round(gaps["open"], 1),
        "gap_running_ms": round(gaps["run"], 1),
        "runs": int(state["runs"]),
        "worst_at": places,
        "window_at": dict(watch.seen.most_common(6)),
    }


def _warm_up(model: Path) -> None:
    environment = {key: v for key, v in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    code = f"from {__spec__.name} import *; measure(Path({str(model)!r}))"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)


if __name__ == "__main__":
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEMO_MODEL
    _warm_up(path)
    print(json.dumps(measure(path)))
