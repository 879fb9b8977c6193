"""The banner's message about a file, which goes when a file that is asked for later succeeds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gui.problem import Problem

if TYPE_CHECKING:
    from core.jobs import Failed
    from gui.document import Document


class FileProblem:
    """Shows failures of files in a document's banner, and takes them away again.

    Of files that are asked for together one's success leaves another's failure where it is.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._last: Problem | None = None
        self._old: Problem | None = None  # was there before what is asked for now

    def asked(self) -> None:
        """A file is asked for."""
        if self._last is not None and self._document.problem == self._last:
            self._old = self._last

    def failed(self, failed: Failed) -> None:
        """Show why it did not work."""
        self._last, self._old = Problem.of_failure(failed), None
        self._document.show_problem(self._last)

    def succeeded(self) -> None:
        """A file was read or written."""
        if self._old is not None and self._document.problem == self._old:
            self._document.dismiss_problem()
        self._old = None
