"""The window while a benchmark runs in it, and the benchmark's result against one without a window.

    python -m tests.benchmarks.live_window [MODEL] [--duration S] [--rounds N]

Targets: no gap of the event loop over 50 ms, 60 frames a second, results within 2 %. A timer of
1 ms ticks from Start to the result. Its largest gap is printed; the most that the window's thread
itself computed between two ticks, for on a busy machine the gap is other processes' too; how
often a frame was due, and how often one was drawn. Each round measures in the window (offscreen,
the latency's picture in front) and then headless: core.benchmark.run in a process of its own, by
the same options. The ratios are of the medians over the rounds, window by headless.
"""

from __future__ import annotations

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.benchmark.report import result_json
from core.benchmark.result_file import read_options
from core.benchmark.values import BenchmarkOptions, BenchmarkResult
from core.paths import DEMO_MODEL


def headless(model: Path, options: BenchmarkOptions) -> dict[str, float]:
    """What a process of its own measures, with nothing else in it."""
    code = f"from {__spec__.name} import *; print_headless({str(model)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(asdict(options)),
        stdout=subprocess.PIPE,
        check=True,
        text=True,
        timeout=600,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def print_headless(model: str) -> None:
    """The child's side of headless()."""
    from core.benchmark.listener import Silent
    from core.benchmark.run import run_benchmark
    from core.model import Model

    options = read_options(json.loads(sys.stdin.read()))
    with Model.open(model, allow_native_code=True) as opened:
        print(json.dumps(numbers(run_benchmark(opened, options, Silent(), lambda: False))))


def numbers(result: BenchmarkResult) -> dict[str, float]:
    """What is compared: latencies in milliseconds, and queries a second."""
    found = {}
    for one in result_json(result)["measurements"]:
        found[f"{one['name']} p50_ms"] = one["latency_ms"]["p50"]
        found[f"{one['name']} queries_per_s"] = one["throughput_per_s"]
    return found


class Window:
    """One window with the model open and the Benchmark tab in front."""

    def __init__(self, model: Path) -> None:
        from PySide6.QtCore import QSettings, QTimer
        from PySide6.QtWidgets import QApplication

        from gui.app import App
        from gui.window_options import WindowOptions

        QSettings.setDefaultFormat(QSettings.Format.IniFormat)
        self.qt = QApplication.instance() or QApplication([])
        self.parts = App(WindowOptions(screenshot=Path("unused.png"), size_wh=(1280, 820)))
        self.parts.start()
        self._wait(lambda: self.parts.furnished and self.parts.window.timings.has_plot)
        document = self.parts.document
        document.open_path(model, allow_native_code=True)
        self._wait(lambda: document.loaded is not None or document.refusal is not None)
        if document.loaded is None:
            raise SystemExit(f"{model} does not open: {document.refusal}")
        self._wait(lambda: not document.is_busy)
        self.panel: Any = self.parts.window.center.bring_up("Benchmark")
        self._wait(lambda: self.panel.pictures.latency.plots)
        self.gap_ms = 0.0
        self.busy_ms = 0.0
        self._last = self._spent = 0.0
        self._ticks = QTimer(interval=1)
        self._ticks.timeout.connect(self._tick)

    def _wait(self, is_done: Any) -> None:
        end = time.monotonic() + 180
        while not is_done():
            self.qt.processEvents()
            time.sleep(0.002)
            if time.monotonic() > end:
                raise SystemExit(f"the window does not come to rest: {self.parts.document.problem}")

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gap_ms = max(self.gap_ms, (now - self._last) * 1000)
        self._last = now
        spent = time.thread_time()
        self.busy_ms = max(self.busy_ms, (spent - self._spent) * 1000)
        self._spent = spent

    def measure(self, options: BenchmarkOptions) -> tuple[dict[str, float], dict[str, float]]:
        """Press Start, and wait in the event loop: the numbers, and how the window fared."""
        from PySide6.QtCore import QEventLoop

        panel, benchmarking = self.panel, self.parts.window.benchmarking
        frames, drawn = [0], [0]
        count_frame = lambda: frames.__setitem__(0, frames[0] + 1)  # noqa: E731
        before = panel.pictures.show_live

        def count_drawn(live: Any) -> None:
            drawn[0] += 1
            before(live)

        panel.form.duration.setValue(options.duration_s)
        panel._timer.timeout.connect(count_frame)
        panel.pictures.show_live = count_drawn
        loop = QEventLoop()
        ended = benchmarking._requests.busy_changed
        ended.connect(loop.quit)
        begin = self._last = time.perf_counter()
        self._spent = time.thread_time()
        self.gap_ms = self.busy_ms = 0.0
        panel.start()  # a real Start: its options are those of the form
        self._ticks.start()
        while benchmarking.is_running:
            loop.exec()
        self._ticks.stop()
        took = time.perf_counter() - begin
        ended.disconnect(loop.quit)
        panel._timer.timeout.disconnect(count_frame)
        panel.pictures.show_live = before
        if benchmarking.shown is None:
            raise SystemExit(f"nothing was measured: {self.parts.document.problem}")
        result = benchmarking.shown.result
        assert result.options == options, "the form's options are not those of the headless run"
        self._wait(lambda: not benchmarking.is_busy)
        fared = {
            "gap_ms": self.gap_ms,
            "busy_ms": self.busy_ms,
            "frames_per_s": frames[0] / took,
            "drawn_per_s": drawn[0] / took,
        }
        return numbers(result), fared

    def close(self) -> None:
        """End everything."""
        self.parts.window.close()
        self.parts.stop()


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", nargs="?", type=Path, default=DEMO_MODEL)
    parser.add_argument("--duration", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    options = BenchmarkOptions(duration_s=given.duration)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_DATA_HOME"] = folder  # the user's own history stays as it is
        window = Window(given.model.absolute())
        inside, outside, fared = [], [], []
        for _ in range(given.rounds):
            found, how = window.measure(options)
            inside.append(found)
            fared.append(how)
            outside.append(headless(given.model.absolute(), options))
        window.close()
    answer: dict[str, object] = {
        "longest_gap_ms": round(max(how["gap_ms"] for how in fared), 1),
        "longest_own_work_ms": round(max(how["busy_ms"] for how in fared), 1),
        "frames_per_s": round(min(how["frames_per_s"] for how in fared), 1),
        "drawn_per_s": round(min(how["drawn_per_s"] for how in fared), 1),
    }
    for key in inside[0]:
        own, other = ([one[key] for one in found] for found in (inside, outside))
        answer[f"{key} ratio"] = round(statistics.median(own) / statistics.median(other), 4)
        answer[f"{key} window"] = [round(value, 4) for value in own]
        answer[f"{key} headless"] = [round(value, 4) for value in other]
    print(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
