"""How long the Layers tab takes to show many layers, and how long its thread stands still.

    python -m tests.benchmarks.layers_tab

Target: 500 layers, each read from trtexec's files, are on screen as a table and as a graph within
a second of the drop, and no turn of the event loop takes longer than 50 ms.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from gui.app import App
from gui.window_options import WindowOptions
from tests.gui.layer_tables import layer_json, profile_json, write_json

COUNTS = (500, 5000)


def measure(app: App, folder: Path, count: int) -> dict[str, float]:
    """Drop the files of so many layers, and look at the table and then at the graph."""
    files = [
        write_json(folder / f"layers-{count}.json", layer_json(count)),
        write_json(folder / f"profile-{count}.json", profile_json(count)),
    ]
    qt = QApplication.instance()
    assert qt is not None
    window = app.window
    window.layers.open_files(files)
    panel = window.center.bring_up("Layers")
    longest, begin = 0.0, time.perf_counter()
    last = begin

    def turn() -> None:
        nonlocal longest, last
        qt.processEvents()
        now = time.perf_counter()
        longest = max(longest, now - last)
        time.sleep(0.001)  # the other thread needs Python too
        last = time.perf_counter()

    while panel.model.count != count:
        turn()
    turn()
    table = time.perf_counter() - begin
    begin = time.perf_counter()
    panel.views.setCurrentWidget(panel.graph)
    turn()
    graph = time.perf_counter() - begin
    begin = time.perf_counter()
    panel.graph.view.fit()
    panel.graph.view.repaint()
    whole = time.perf_counter() - begin
    panel.views.setCurrentWidget(panel.table)
    return {
        "layers": count,
        "table_ms": table * 1000,
        "graph_after_ms": graph * 1000,
        "whole_graph_painted_ms": whole * 1000,
        "longest_turn_ms": longest * 1000,
    }


def main() -> None:
    """Print the figures as JSON."""
    qt = QApplication([])
    qt.setStyle("Fusion")
    with tempfile.TemporaryDirectory() as name:
        app = App(WindowOptions(size_wh=(1280, 820), screenshot=Path(name) / "none.png"))
        app.start()
        while not (app.furnished and app.window.timings.has_plot):
            qt.processEvents()
        app.window.center.bring_up("Layers")
        figures = [measure(app, Path(name), count) for count in COUNTS]
        app.stop()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
