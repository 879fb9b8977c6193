"""The tabs beside the image, in their order, and what brings the image back to the front."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from gui.dropping import Dropped
    from gui.main_window import MainWindow

BENCHMARK = "Benchmark"


def start_benchmark(window: MainWindow) -> None:
    """Bring up the Benchmark tab and measure what its options say."""
    from gui.panels.benchmark.panel import BenchmarkPanel

    panel = window.center.bring_up(BENCHMARK)
    assert isinstance(panel, BenchmarkPanel)
    panel.start()


def add_tabs(window: MainWindow) -> None:
    """Add the tabs of a window whose panels are made; their widgets come when they are shown."""
    center, document = window.center, window.document

    def on_current(index: int) -> None:
        if index >= 0:
            center.show_image()

    def on_dropped(dropped: Dropped) -> None:
        if dropped.videos:
            center.show_image()

    def make_benchmark() -> QWidget:
        from gui.panels.benchmark.panel import BenchmarkPanel

        return BenchmarkPanel(window.benchmarking)

    center.add_tab(BENCHMARK, make_benchmark)
    document.current_changed.connect(on_current)
    document.dropped.connect(on_dropped)
