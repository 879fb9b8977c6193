"""What stands where the picture will be, while there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gui.document import Document


def empty_text(document: Document) -> tuple[str, str] | None:
    """A title and what to do; None to say what may be dropped, while there is nothing at all."""
    count = len(document.images)
    if document.result is not None and document.result.picture is None:
        title = document.result.result.source.capitalize()  # "Random input", "Given input"
        return title, "The outputs are in the panel on the right."
    if document.loaded is None and document.file is not None:
        name, busy = document.file.path.name, document.is_busy
        text = "" if busy else "The File panel has what it says of itself."
        return f"Opening {name}" if busy else f"{name} is not loaded", text
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
