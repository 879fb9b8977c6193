"""What stands where the picture will be, while there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core.text import printable

if TYPE_CHECKING:
    from gui.document import Document
    from gui.many_images import ManyImages


def idle_text(document: Document, many: ManyImages) -> str:
    """What the status bar says while nothing goes on."""
    count, loaded = len(document.images), document.loaded
    can_run = loaded is not None and loaded.recipe_problem is None
    if can_run and count > 1 and many.sheet is None:  # a folder may have come before the model
        return f"Ready. F6 runs all {count:,} images"
    return "Ready"


def empty_text(document: Document, video: Path | None) -> tuple[str, str] | None:
    """A title and what to do; None to say what may be dropped, while there is nothing at all.

    Args:
        document: what is open.
        video: the one in the player.
    """
    count = len(document.images)
    if document.result is not None and document.result.picture is None:
        title = document.result.result.source.capitalize()  # "Random input", "Given input"
        return title, "The outputs are in the panel on the right."
    if document.loaded is None and document.file is not None:
        name, busy = document.file.path.name, document.is_busy
        text = "" if busy else "The File panel has what it says of itself."
        return f"Opening {name}" if busy else f"{name} is not loaded", text
    if document.loaded is None and video is not None:
        return f"{printable(video.name)} waits for a model", "Drop one, or press Ctrl+O"
    if document.loaded is None and count:
        noun = "image waits" if count == 1 else "images wait"
        return f"{count} {noun} for a model", "Drop one, or press Ctrl+O"
    if document.loaded is not None and document.current >= 0:
        state = "Running" if document.is_busy else "There is no result for this image."
        return document.images[document.current].name, state
    if document.loaded is not None and document.loaded.recipe is None:
        return (
            "This model takes no picture",
            "Choose its input in the Inputs panel, or press Ctrl+R for random.",
        )
    if document.loaded is not None:
        return "Drop images here", "or press Ctrl+I to choose some"
    return None
