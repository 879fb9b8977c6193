"""Requests to a thread, and which of their answers still count."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Signal

from core.jobs import Event, Failed, Finished, Progress, Started
from gui.work_thread import WorkThread


class Requests(QObject):
    """Keeps count of requests, and passes on what the latest of each slot came to.

    Attributes:
        endings: how many requests ended in which way.
    """

    finished = Signal(str, object)  # slot, result; of the latest request of its slot
    failed = Signal(object)  # core.jobs.Failed, likewise; a fatal one always
    cancelled = Signal(str)  # slot, likewise
    progress = Signal(object, str)  # fraction or None, text; likewise
    busy_changed = Signal(bool)

    def __init__(self, thread: WorkThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread = thread
        self._outstanding: set[int] = set()
        self._latest: dict[str, int] = {}
        self.endings = {"finished": 0, "failed": 0, "cancelled": 0}
        # Queued: submit() itself tells of requests that it ends, before it gives its own's id.
        thread.happened.connect(self._on_event, Qt.ConnectionType.QueuedConnection)

    def submit(self, slot: str, request: object) -> None:
        """Ask for something; what the slot was asked before no longer counts."""
        job_id = self._thread.submit(slot, request)
        self._latest[slot] = job_id
        was_busy = self.is_busy
        self._outstanding.add(job_id)
        if not was_busy:
            self.busy_changed.emit(True)

    def cancel(self, *slots: str) -> None:
        """Cancel what runs and what waits in these slots."""
        for slot in slots:
            self._thread.cancel(slot)

    @property
    def is_busy(self) -> bool:
        """True while a request has not ended."""
        return bool(self._outstanding)

    def is_outstanding(self, slot: str) -> bool:
        """True while the slot's latest request has not ended."""
        return self._latest.get(slot) in self._outstanding

    def latest(self, slot: str) -> int:
        """The id of the slot's latest request; -1 for none."""
        return self._latest.get(slot, -1)

    def _on_event(self, event: Event) -> None:
        if event.job_id not in self._outstanding:
            return  # asked for by another
        is_latest = self._latest.get(event.slot) == event.job_id
        if isinstance(event, Started):
            return
        if isinstance(event, Progress):
            if is_latest:
                self.progress.emit(event.fraction, event.text)
            return
        if isinstance(event, Finished):
            self.endings["finished"] += 1
            if is_latest:
                self.finished.emit(event.slot, event.result)
        elif isinstance(event, Failed):
            self.endings["failed"] += 1
            if is_latest or event.fatal:
                self.failed.emit(event)
        else:
            self.endings["cancelled"] += 1
            if is_latest:
                self.cancelled.emit(event.slot)
        self._outstanding.discard(event.job_id)
        if not self.is_busy:
            self.busy_changed.emit(False)
