"""How long until the window is painted, against an empty PySide6 window in the same run.

    python -m tests.benchmarks.startup

Target: at most 1.5 times the empty window. Both are new processes, in turn, from the start of
the process to the end of the first paint, with byte code compiled beforehand.
"""

from __future__ import annotations

import compileall
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 15

_PEER = """
from PySide6.QtWidgets import QApplication, QMainWindow
app = QApplication([])
window = QMainWindow()
window.resize(1280, 820)
"""
_OURS = """
from PySide6.QtWidgets import QApplication
from gui.window_options import WindowOptions
from gui.app import App
app = QApplication([])
app.setStyle("Fusion")
parts = App(WindowOptions())
window = parts.window
"""
_FINISH = """
import os, sys, time
from PySide6.QtCore import QEvent, QObject, QTimer
class Watch(QObject):
    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            QTimer.singleShot(0, done)  # after the other widgets have painted, too
        return False
def done():
    os.write(1, str(time.time_ns()).encode())
    os._exit(0)
watch = Watch()
app.installEventFilter(watch)
window.show()
app.exec()
"""


def _once(code: str) -> float:
    """Milliseconds from starting a process to its first painted window."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    begin = time.time_ns()
    child = subprocess.run(
        [sys.executable, "-c", code + _FINISH],
        env=environment,
        capture_output=True,
        check=True,
        timeout=60,
        cwd=ROOT,
    )
    return (int(child.stdout) - begin) / 1e6


def measure() -> dict[str, float]:
    """Medians in milliseconds, and their ratio."""
    for folder in ("core", "gui"):
        compileall.compile_dir(ROOT / folder, quiet=2)
    for code in (_PEER, _OURS):
        _once(code)
    peer, ours = [], []
    for _ in range(ROUNDS):
        peer.append(_once(_PEER))
        ours.append(_once(_OURS))
    mine, theirs = statistics.median(ours), statistics.median(peer)
    return {"enginebay_ms": mine, "empty_window_ms": theirs, "ratio": mine / theirs}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
