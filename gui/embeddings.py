"""Which images' embeddings the window compares, and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.similarity import EmbeddingMemory, Similarity
    from gui.document import Document
    from gui.inference_thread import Tested


class Embeddings:
    """The vectors of a document's images that ran.

    They go with the model and with the images. A video's frames are compared with them, but not
    kept: a few seconds of it would push all images out.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._memory: EmbeddingMemory | None = None
        document.model_changed.connect(self._on_model)
        document.images_changed.connect(self._on_images)

    def compare(self, tested: Tested | None) -> tuple[Similarity, ...]:
        """How alike a run's picture is to the images before it; keeps its vector."""
        if tested is None or tested.result.guess.task != "embed" or tested.result.image is None:
            return ()
        if self._memory is None:
            from core.similarity import EmbeddingMemory

            self._memory = EmbeddingMemory()
        source = tested.result.source
        is_image = any(source == str(path) for path in self._document.images)
        return self._memory.compare(tested.result, tested.serial, keep=is_image)

    def show(self, source: str) -> None:
        """Show an image, and run it."""
        paths = [str(path) for path in self._document.images]
        if source in paths:
            self._document.select(paths.index(source))

    def _on_model(self) -> None:
        if self._document.loaded is None:
            self._memory = None

    def _on_images(self) -> None:
        if not self._document.images:
            self._memory = None
