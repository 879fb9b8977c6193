"""A QThread that serves a mailbox."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import ClassVar
from weakref import WeakSet

from PySide6.QtCore import QObject, QThread, Signal

from core.jobs import Cancelled, Event, Job, JobContext, Mailbox, serve

Handler = Callable[[object, JobContext], object]


heavy_imports = threading.Lock()
"""Held while a thread imports a large library. Each import holds the GIL for 20 ms and more at a
time; two threads taking turns at that would leave the window none of it. Small imports take it
too: an extension module's waits for the system's loader with the GIL in its hands while another
thread loads a library."""


class WorkThread(QThread):
    """Does requests one after another on a thread of its own.

    Only run() executes there. What the requests work on lives in the handler, which run() makes
    and keeps in a local variable, so that no other thread can even name it. `happened` carries
    core.jobs events to the GUI's thread; each request ends in exactly one Finished, Failed or
    Cancelled.
    """

    happened = Signal(object)
    alive: ClassVar[WeakSet[WorkThread]] = WeakSet()  # for tests: nothing may be left running

    def __init__(
        self,
        make_handler: Callable[[], AbstractContextManager[Handler]],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_handler = make_handler
        self._mailbox = Mailbox()
        self._ids = itertools.count(1)
        WorkThread.alive.add(self)

    def submit(self, slot: str, request: object) -> int:
        """Ask for something. A newer request of the same slot replaces an older one.

        Returns:
            The id that all events of this request carry.
        """
        job = Job(next(self._ids), slot, request)
        lost = self._mailbox.put(job)
        if lost is not None:
            self._tell(Cancelled(lost.id, lost.slot))
        if not self.isRunning() and lost is not job:
            self.start()
        return job.id

    def cancel(self, slot: str) -> None:
        """Cancel what runs and what waits in a slot."""
        lost = self._mailbox.cancel(slot)
        if lost is not None:
            self._tell(Cancelled(lost.id, lost.slot))

    def stop(self, timeout_ms: int) -> bool:
        """Refuse new requests, cancel the running one, and wait for the thread to end.

        Returns:
            False when native code did not come back in time.
        """
        for lost in self._mailbox.close():
            self._tell(Cancelled(lost.id, lost.slot))
        return self.wait(timeout_ms)

    def _tell(self, event: Event) -> None:
        self.happened.emit(event)

    def run(self) -> None:
        """Serve until the mailbox closes. The one method that runs on the thread."""
        with self._make_handler() as handle:
            serve(self._mailbox, handle, self._tell)
