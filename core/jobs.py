"""Requests that wait for a thread, and the rules by which they end.

Qt-free: the GUI's InferenceThread serves a Mailbox, tests serve one on a plain thread. A newer
request of a kind replaces the waiting one and cancels the running one; every request ends in
exactly one of Finished, Failed, Cancelled.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from core.errors import Cancelled as CancelledError
from core.errors import EnginebayError, out_of_memory

logger = logging.getLogger(__name__)

PROGRESS_INTERVAL_S = 0.05
"""Progress leaves the thread at most 20 times a second."""


class Started(NamedTuple):
    """The job's work began."""

    job_id: int
    slot: str


class Progress(NamedTuple):
    """How far a job is: `fraction` 0 to 1, or None where nobody can know."""

    job_id: int
    slot: str
    fraction: float | None
    text: str


class Finished(NamedTuple):
    """The job's result, frozen data that the receiver owns."""

    job_id: int
    slot: str
    result: object


class Failed(NamedTuple):
    """Why the job failed, as text: an exception would carry GPU objects to the wrong thread."""

    job_id: int
    slot: str
    kind: str
    message: str
    hint: str
    details: str = ""
    fatal: bool = False
    evidence: tuple[tuple[str, str], ...] = ()


class Cancelled(NamedTuple):
    """The job was replaced or cancelled; it gives nothing."""

    job_id: int
    slot: str


Event = Started | Progress | Finished | Failed | Cancelled
Ending = Finished | Failed | Cancelled


class Job:
    """One request on its way: `slot` is its kind, by which newer requests replace older ones."""

    def __init__(self, job_id: int, slot: str, request: object) -> None:
        self.id = job_id
        self.slot = slot
        self.request = request
        self.cancelled = threading.Event()


class JobContext:
    """What a job's handler may do besides working: tell progress, and stop when cancelled."""

    def __init__(
        self,
        job: Job,
        emit: Callable[[Event], None],
        others_wait: Callable[[], bool] = lambda: False,
    ) -> None:
        self._job = job
        self._emit = emit
        self._others_wait = others_wait
        self._last_sent = 0.0

    @property
    def is_cancelled(self) -> bool:
        """For callbacks that must not raise."""
        return self._job.cancelled.is_set()

    @property
    def others_wait(self) -> bool:
        """True while another job waits for this one: a long one may end, to go on behind it."""
        return self._others_wait()

    def progress(self, fraction: float | None, text: str) -> None:
        """Tell how far the job is. This is the point at which a cancelled job stops.

        Raises:
            core.errors.Cancelled: if the job was cancelled.
        """
        if self.is_cancelled:
            raise CancelledError
        now = time.monotonic()
        if now - self._last_sent >= PROGRESS_INTERVAL_S:
            self._last_sent = now
            self._emit(Progress(self._job.id, self._job.slot, fraction, text))


class Mailbox:
    """Waiting jobs, at most one per slot, served in order of their slot's first arrival."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[str, Job] = {}
        self._running: Job | None = None
        self._closed = False

    def put(self, job: Job) -> Job | None:
        """Add a job from any thread.

        Returns:
            The job that will now never run: the waiting one it replaced, or `job` itself when
            the mailbox is closed. The caller reports that one as cancelled.
        """
        with self._changed:
            if self._closed:
                return job
            replaced = self._waiting.get(job.slot)
            if self._running is not None and self._running.slot == job.slot:
                self._running.cancelled.set()
            self._waiting[job.slot] = job  # in the replaced one's place in the queue
            self._changed.notify()
            return replaced

    def take(self) -> Job | None:
        """Wait for the next job, on the serving thread; None once the mailbox is closed."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._running = self._waiting.pop(next(iter(self._waiting)))
            return self._running

    @property
    def is_waited_for(self) -> bool:
        """True while a job waits."""
        return bool(self._waiting)

    def cancel(self, slot: str) -> Job | None:
        """Cancel a slot's running job and remove its waiting one, which is returned."""
        with self._changed:
            if self._running is not None and self._running.slot == slot:
                self._running.cancelled.set()
            return self._waiting.pop(slot, None)

    def close(self) -> list[Job]:
        """Refuse new jobs, cancel the running one, and return those that will never run."""
        with self._changed:
            self._closed = True
            left = list(self._waiting.values())
            self._waiting.clear()
            if self._running is not None:
                self._running.cancelled.set()
            self._changed.notify_all()
            return left


def serve(
    mailbox: Mailbox,
    handle: Callable[[object, JobContext], object],
    emit: Callable[[Event], None],
) -> None:
    """Handle jobs until the mailbox closes or one fails fatally. Runs on the serving thread."""
    while (job := mailbox.take()) is not None:
        ending = _run(job, handle, emit, lambda: mailbox.is_waited_for)
        emit(ending)
        if isinstance(ending, Failed) and ending.fatal:
            for left in mailbox.close():
                emit(Cancelled(left.id, left.slot))
            return
        del ending, job  # a large result must not live on while the next job is awaited


def _run(
    job: Job,
    handle: Callable[[object, JobContext], object],
    emit: Callable[[Event], None],
    others_wait: Callable[[], bool],
) -> Ending:
    context = JobContext(job, emit, others_wait)
    try:
        if context.is_cancelled:
            return Cancelled(job.id, job.slot)
        emit(Started(job.id, job.slot))
        result = handle(job.request, context)
        if job.cancelled.is_set():  # native work cannot be interrupted: drop its late result
            return Cancelled(job.id, job.slot)
        return Finished(job.id, job.slot, result)
    except CancelledError:
        return Cancelled(job.id, job.slot)
    except EnginebayError as error:
        return _failed(job, error)
    except MemoryError as error:
        return _failed(job, out_of_memory(error))
    except Exception as error:
        # The one broad net: a mistake of ours must end the request, not the thread.
        logger.exception("unexpected error in %s", job.slot)
        return Failed(
            job.id,
            job.slot,
            "internal",
            f"Enginebay made a mistake: {type(error).__name__}: {error}",
            "Please report it with the text in the log panel.",
        )


def failure(job: Job, error: EnginebayError) -> Failed:
    """A known error as text, which alone may leave the thread."""
    return Failed(
        job.id,
        job.slot,
        error.kind,
        error.message,
        error.hint,
        error.details,
        error.fatal,
        tuple(error.evidence.items()),
    )


def _failed(job: Job, error: EnginebayError) -> Failed | Cancelled:
    """A known error as text; nobody waits any more for that of a cancelled job."""
    if job.cancelled.is_set() and not error.fatal:
        return Cancelled(job.id, job.slot)
    logger.info("%s failed: %s", job.slot, error.message)
    return failure(job, error)
