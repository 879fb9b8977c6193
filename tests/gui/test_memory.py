"""Fifty models opened one after another leave memory where it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.paths import DEMO_MODEL, DEMO_PICTURE
from tests.gui.programs import run
from tests.unit import onnx_models

WARM_UP, OPENED = 10, 50
TOLERANCE = 0.05

# Opens the models in turn, each as soon as the picture has run on the one before, and prints the
# resident memory in bytes after the warm-up and at the end. In a process of its own: in pytest's,
# what other tests have freed would hide a leak.
_DRIVER = """
import gc, json, os, sys
from pathlib import Path
from PySide6.QtCore import QTimer
import gui.app
from gui.window_options import WindowOptions

models, picture = [Path(text) for text in sys.argv[1:3]], Path(sys.argv[3])
warm_up, count = int(sys.argv[4]), int(sys.argv[5])
memory, endings, opened = [], [], 0

def resident():
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")

class OpeningApp(gui.app.App):
    def start(self):
        super().start()
        self.document.busy_changed.connect(self.look)
        self.again = QTimer(self, interval=20, singleShot=True)  # the window paints in between
        self.again.timeout.connect(self.open_next)

    def look(self, busy):
        if not busy:
            self.again.start()

    def open_next(self):
        global opened
        document = self.document
        if document.loaded is None or document.result is None or document.problem is not None:
            sys.exit(f"model {opened} did not open or run: {document.problem}")
        if opened in (warm_up, warm_up + count):
            memory.append(resident())
        if opened == warm_up + count:
            self.window.close()
            return
        opened += 1
        document.open_path(models[opened % 2])

gui.app.App = OpeningApp
status = gui.app.run_window(WindowOptions(file=models[0], drop=(picture,)))
print(json.dumps(memory))
sys.exit(status)
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_fifty_models_opened_and_closed_leave_memory_where_it_was(tmp_path: Path) -> None:
    models = (DEMO_MODEL, onnx_models.classifier(tmp_path))
    arguments = [*map(str, models), str(DEMO_PICTURE), str(WARM_UP), str(OPENED)]
    outcome = run(["-c", _DRIVER, *arguments], tmp_path, {"QT_QPA_PLATFORM": "offscreen"})
    assert outcome.status == 0, outcome.err
    before, after = json.loads(outcome.out)
    assert after < before * (1 + TOLERANCE), f"{(after - before) / OPENED / 1e3:.0f} kB a model"
