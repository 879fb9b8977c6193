"""What Escape does: it ends one thing at a time, the most urgent first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.main_window import MainWindow


def on_escape(window: MainWindow) -> None:
    """Cancel what runs, else close the banner."""
    if window.document.is_busy or window.many.is_busy:
        window.document.cancel()
        window.many.cancel()
    elif window.layers.is_measuring:
        window.layers.cancel()
    elif window.recipe_editing.is_searching:
        window.recipe_editing.cancel_search()
    elif window.player.is_playing:
        window.player.pause()
    elif window.shelf.panel.is_scanning:
        window.shelf.panel.cancel()
    elif window.benchmarking.is_running:
        window.benchmarking.stop()
    else:
        window.document.dismiss_problem()
