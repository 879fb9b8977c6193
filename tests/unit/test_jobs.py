from __future__ import annotations

import gc
import pickle
import queue
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from core import jobs
from core.errors import Cancelled as CancelledError
from core.errors import CudaError, EnginebayError, InputError
from core.jobs import (
    Cancelled,
    Event,
    Failed,
    Finished,
    Job,
    JobContext,
    Mailbox,
    Progress,
    Started,
    serve,
)

WAIT_S = 20.0
Handler = Callable[[Any, JobContext], object]
ENDINGS = (Finished, Failed, Cancelled)


class Bench:
    """A mailbox served on a real thread, and the caller's side of its contract."""

    def __init__(self, handle: Handler) -> None:
        self.mailbox = Mailbox()
        self.events: list[Event] = []
        self._new_events: queue.Queue[Event] = queue.Queue()
        self._lock = threading.Lock()
        self._next_id = 0
        self.thread = threading.Thread(target=serve, args=(self.mailbox, handle, self.emit))
        self.thread.start()

    def emit(self, event: Event) -> None:
        with self._lock:
            self.events.append(event)
        self._new_events.put(event)

    def submit(self, slot: str, request: object = None) -> int:
        with self._lock:
            self._next_id += 1
            job = Job(self._next_id, slot, request)
        self.report(self.mailbox.put(job))
        return job.id

    def report(self, left: Job | None) -> None:
        if left is not None:
            self.emit(Cancelled(left.id, left.slot))

    def wait_for(self, kind: type[Event], job_id: int) -> Any:
        while True:
            event = self._new_events.get(timeout=WAIT_S)
            if isinstance(event, kind) and event.job_id == job_id:
                return event

    def close(self) -> None:
        for left in self.mailbox.close():
            self.report(left)
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()

    def of(self, kind: type[Event]) -> list[int]:
        return [event.job_id for event in self.events if isinstance(event, kind)]

    def endings(self) -> Counter[int]:
        return Counter(event.job_id for event in self.events if isinstance(event, ENDINGS))


@pytest.fixture
def start() -> Iterator[Callable[[Handler], Bench]]:
    benches: list[Bench] = []

    def make(handle: Handler) -> Bench:
        benches.append(Bench(handle))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


class Gate:
    """A handler that reports each request's arrival and holds it until it is let through."""

    def __init__(self) -> None:
        self.arrived: queue.Queue[object] = queue.Queue()
        self._passes = threading.Semaphore(0)

    def __call__(self, request: object, _context: JobContext) -> object:
        self.arrived.put(request)
        assert self._passes.acquire(timeout=WAIT_S)
        return request

    def let_through(self, count: int = 1) -> None:
        self._passes.release(count)

    def wait(self) -> object:
        return self.arrived.get(timeout=WAIT_S)


def test_a_job_starts_and_finishes_with_its_result(start: Callable[[Handler], Bench]) -> None:
    bench = start(lambda request, _context: request * 2)
    job_id = bench.submit("run", 21)
    assert bench.wait_for(Finished, job_id).result == 42
    assert [type(event) for event in bench.events] == [Started, Finished]
    assert {(event.job_id, event.slot) for event in bench.events} == {(job_id, "run")}


def test_of_200_requests_on_one_slot_only_the_first_and_the_last_run(
    start: Callable[[Handler], Bench],
) -> None:
    gate = Gate()
    bench = start(gate)
    first = bench.submit("run", "first")
    gate.wait()
    others = [bench.submit("run", index) for index in range(199)]
    gate.let_through(2)
    assert bench.wait_for(Finished, others[-1]).result == 198
    assert bench.of(Started) == [first, others[-1]]
    assert bench.of(Finished) == [others[-1]]
    assert sorted(bench.of(Cancelled)) == [first, *others[:-1]]
    assert bench.endings() == Counter(range(1, 201))


def test_different_slots_do_not_replace_each_other_and_keep_their_order(
    start: Callable[[Handler], Bench],
) -> None:
    gate = Gate()
    bench = start(gate)
    ids = [bench.submit("first")]
    gate.wait()
    ids += [bench.submit(slot) for slot in ("a", "b", "c", "d")]
    gate.let_through(5)
    bench.wait_for(Finished, ids[-1])
    assert bench.of(Started) == bench.of(Finished) == ids
    assert bench.of(Cancelled) == []


def test_a_replacement_takes_the_place_of_what_it_replaces(
    start: Callable[[Handler], Bench],
) -> None:
    gate = Gate()
    bench = start(gate)
    bench.submit("first")
    gate.wait()
    old = bench.submit("a", "old")
    other = bench.submit("b")
    new = bench.submit("a", "new")
    gate.let_through(3)
    bench.wait_for(Finished, other)
    assert bench.of(Started)[1:] == [new, other]
    assert bench.of(Cancelled) == [old]


def test_a_replacement_cancels_the_running_job_of_its_slot_only(
    start: Callable[[Handler], Bench],
) -> None:
    reached = threading.Event()
    go_on = threading.Event()
    seen: list[bool] = []

    def handle(request: str, context: JobContext) -> str:
        if request == "long":
            reached.set()
            assert go_on.wait(WAIT_S)
            seen.append(context.is_cancelled)
            context.progress(0.5, "half")
        return request

    bench = start(handle)
    long = bench.submit("run", "long")
    assert reached.wait(WAIT_S)
    other = bench.submit("other", "other")
    newer = bench.submit("run", "newer")
    go_on.set()
    bench.wait_for(Finished, newer)
    assert seen == [True]
    assert bench.of(Cancelled) == [long]
    assert bench.of(Finished) == [other, newer]
    assert bench.of(Progress) == []


def test_a_job_of_another_slot_leaves_the_running_one_alone(
    start: Callable[[Handler], Bench],
) -> None:
    gate = Gate()
    bench = start(gate)
    running = bench.submit("run")
    gate.wait()
    other = bench.submit("other")
    gate.let_through(2)
    bench.wait_for(Finished, other)
    assert bench.of(Finished) == [running, other]


def test_a_late_result_of_a_cancelled_job_is_dropped(start: Callable[[Handler], Bench]) -> None:
    gate = Gate()  # never asks whether it is cancelled
    bench = start(gate)
    job_id = bench.submit("run", "result")
    gate.wait()
    assert bench.mailbox.cancel("run") is None
    gate.let_through()
    bench.wait_for(Cancelled, job_id)
    assert bench.of(Finished) == []
    assert bench.endings() == {job_id: 1}


def test_cancel_removes_the_waiting_job_and_no_other_slot(
    start: Callable[[Handler], Bench],
) -> None:
    gate = Gate()
    bench = start(gate)
    running = bench.submit("first")
    gate.wait()
    waiting, other = bench.submit("run"), bench.submit("other")
    left = bench.mailbox.cancel("run")
    assert left is not None
    assert left.id == waiting
    bench.report(left)
    assert bench.mailbox.cancel("run") is None
    assert bench.mailbox.cancel("unheard of") is None
    gate.let_through(2)
    bench.wait_for(Finished, other)
    assert bench.of(Started) == bench.of(Finished) == [running, other]


def test_a_cancelled_slot_takes_new_jobs(start: Callable[[Handler], Bench]) -> None:
    gate = Gate()
    bench = start(gate)
    first = bench.submit("run")
    gate.wait()
    bench.mailbox.cancel("run")
    second = bench.submit("run", "again")
    gate.let_through(2)
    assert bench.wait_for(Finished, second).result == "again"
    assert bench.of(Cancelled) == [first]


def test_close_returns_what_waits_cancels_what_runs_and_refuses_more() -> None:
    gate = Gate()
    bench = Bench(gate)
    running = bench.submit("run")
    gate.wait()
    waiting = [bench.submit("a"), bench.submit("b")]
    left = bench.mailbox.close()
    assert [job.id for job in left] == waiting
    refused = Job(99, "run", None)
    assert bench.mailbox.put(refused) is refused
    assert bench.mailbox.close() == []
    gate.let_through()
    bench.thread.join(WAIT_S)
    assert not bench.thread.is_alive()
    assert bench.of(Started) == bench.of(Cancelled) == [running]


def test_close_ends_an_idle_server() -> None:
    bench = Bench(lambda request, _context: request)
    bench.wait_for(Finished, bench.submit("run"))
    bench.close()
    assert bench.mailbox.take() is None


def test_an_enginebay_error_becomes_failed_with_all_its_text(
    start: Callable[[Handler], Bench],
) -> None:
    def handle(request: object, _context: JobContext) -> object:
        if request == "bad":
            raise InputError("shape", "It is 3 x 4.", "Give 4 x 3.", details="raw text")
        return request

    bench = start(handle)
    bad = bench.submit("run", "bad")
    assert bench.wait_for(Failed, bad) == Failed(
        bad, "run", "shape", "It is 3 x 4.", "Give 4 x 3.", "raw text", fatal=False
    )
    good = bench.submit("run", "good")
    assert bench.wait_for(Finished, good).result == "good"  # the server lives on
    assert bench.endings() == {bad: 1, good: 1}


def test_an_unexpected_exception_becomes_failed_and_is_logged(
    start: Callable[[Handler], Bench], caplog: pytest.LogCaptureFixture
) -> None:
    def handle(request: object, _context: JobContext) -> object:
        return 1 / 0 if request == "bad" else request

    bench = start(handle)
    bad = bench.submit("run", "bad")
    failed = bench.wait_for(Failed, bad)
    assert failed.kind == "internal"
    assert "ZeroDivisionError" in failed.message
    assert failed.hint
    assert not failed.fatal
    assert any(record.exc_info for record in caplog.records)
    good = bench.submit("run", "good")
    assert bench.wait_for(Finished, good).result == "good"


def test_a_fatal_failure_ends_the_server_and_cancels_what_waits() -> None:
    gate = Gate()

    def handle(request: object, context: JobContext) -> object:
        gate(request, context)
        raise CudaError("lost", "The GPU is lost.", "Restart.", fatal=True)

    bench = Bench(handle)
    fatal = bench.submit("run")
    gate.wait()
    waiting = [bench.submit("a"), bench.submit("b")]
    gate.let_through()
    bench.thread.join(WAIT_S)
    assert not bench.thread.is_alive()
    assert bench.of(Started) == [fatal]
    assert bench.of(Failed) == [fatal]
    assert bench.of(Cancelled) == waiting
    late = bench.submit("run")
    assert bench.of(Cancelled) == [*waiting, late]
    assert bench.endings() == Counter([fatal, *waiting, late])


def test_a_handler_may_end_its_job_as_cancelled(start: Callable[[Handler], Bench]) -> None:
    def handle(_request: object, _context: JobContext) -> object:
        raise CancelledError

    bench = start(handle)
    job_id = bench.submit("run")
    bench.wait_for(Cancelled, job_id)
    assert [type(event) for event in bench.events] == [Started, Cancelled]


def test_a_job_cancelled_just_as_it_is_taken_does_not_start() -> None:
    class LateMailbox(Mailbox):
        def take(self) -> Job | None:
            job = super().take()
            if job is not None:
                self.cancel(job.slot)
                self.close()
            return job

    mailbox = LateMailbox()
    mailbox.put(Job(1, "run", None))
    events: list[Event] = []
    serve(mailbox, lambda _request, _context: pytest.fail("it may not run"), events.append)
    assert [type(event) for event in events] == [Cancelled]


def test_many_threads_and_slots_end_every_job_exactly_once() -> None:
    def handle(request: int, context: JobContext) -> int:
        context.progress(None, "working")
        if request % 7 == 0:
            raise EnginebayError("seven", "Seven.", "Not seven.")
        return request

    bench = Bench(handle)
    together = threading.Barrier(4)

    def submit(slots: str) -> None:
        together.wait(WAIT_S)
        for index in range(150):
            slot = slots[index % len(slots)]
            if index % 10 == 9:
                bench.report(bench.mailbox.cancel(slot))
            else:
                bench.submit(slot, index)

    threads = [threading.Thread(target=submit, args=(slots,)) for slots in ("ab", "bc", "ca")]
    for thread in threads:
        thread.start()
    together.wait(WAIT_S)
    for thread in threads:
        thread.join(WAIT_S)
    last = bench.submit("last", 1)
    bench.wait_for(Finished, last)
    bench.close()
    assert bench.endings() == Counter(range(1, last + 1))
    started = set(bench.of(Started))
    assert set(bench.of(Finished)) | set(bench.of(Failed)) <= started
    assert set(bench.of(Progress)) <= started
    ended: set[int] = set()
    for event in bench.events:
        assert event.job_id not in ended  # nothing comes after an ending
        if isinstance(event, ENDINGS):
            ended.add(event.job_id)


def test_a_result_does_not_outlive_its_delivery() -> None:
    class Result:
        pass

    alive: list[weakref.ref[Result]] = []
    taken: queue.Queue[bool] = queue.Queue()

    class WatchedMailbox(Mailbox):
        def take(self) -> Job | None:
            gc.collect()
            taken.put(all(result() is None for result in alive))
            return super().take()

    def handle(_request: object, _context: JobContext) -> Result:
        result = Result()
        alive.append(weakref.ref(result))
        return result

    mailbox = WatchedMailbox()
    thread = threading.Thread(target=serve, args=(mailbox, handle, lambda _event: None))
    thread.start()
    assert taken.get(timeout=WAIT_S)
    mailbox.put(Job(1, "run", None))
    gone = taken.get(timeout=WAIT_S)
    mailbox.close()
    thread.join(WAIT_S)
    assert len(alive) == 1
    assert gone


def test_a_running_job_learns_that_another_waits() -> None:
    mailbox, seen = Mailbox(), []

    def handle(request: object, context: JobContext) -> None:
        seen.append(context.others_wait)
        if request == "long":
            mailbox.put(Job(2, "run", "short"))
            seen.append(context.others_wait)
        else:
            mailbox.close()

    mailbox.put(Job(1, "many", "long"))
    serve(mailbox, handle, lambda _event: None)
    assert seen == [False, True, False]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(jobs, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_progress_leaves_at_most_20_times_a_second(clock: SimpleNamespace) -> None:
    sent: list[Event] = []
    context = JobContext(Job(7, "build", None), sent.append)
    for step in range(1024):  # one second, in steps that floats hold exactly
        clock.now = 1000.0 + step / 1024
        context.progress(step / 1024, f"step {step}")
    assert sent[0] == Progress(7, "build", 0.0, "step 0")
    assert len(sent) == 20
    assert sent[-1] == Progress(7, "build", 988 / 1024, "step 988")
    clock.now = 1001.0
    context.progress(None, "too soon")
    assert len(sent) == 20
    clock.now = 1001.5
    context.progress(None, "nobody knows")
    assert sent[20:] == [Progress(7, "build", None, "nobody knows")]


def test_progress_of_a_cancelled_job_raises_even_when_it_would_not_be_sent(
    clock: SimpleNamespace,
) -> None:
    sent: list[Event] = []
    job = Job(7, "build", None)
    context = JobContext(job, sent.append)
    context.progress(0.1, "sent")
    assert not context.is_cancelled
    job.cancelled.set()
    assert context.is_cancelled
    for _ in range(2):
        with pytest.raises(CancelledError):
            context.progress(0.2, "throttled")
        clock.now += 1.0
    assert len(sent) == 1


@pytest.mark.parametrize(
    "event",
    [
        Started(1, "run"),
        Progress(1, "run", 0.5, "half"),
        Progress(1, "run", None, ""),
        Failed(1, "run", "kind", "message", "hint", "details", fatal=True),
        Cancelled(1, "run"),
    ],
)
def test_every_event_pickles_to_an_equal_one(event: Event) -> None:
    again = pickle.loads(pickle.dumps(event))
    assert (type(again), again) == (type(event), event)


def test_a_finished_event_pickles_with_its_result() -> None:
    event = Finished(1, "run", {"boxes": [1, 2]})
    again = pickle.loads(pickle.dumps(event))
    assert isinstance(again, Finished)
    assert (again.job_id, again.slot, again.result) == (1, "run", {"boxes": [1, 2]})


def test_what_a_server_emits_is_frozen(start: Callable[[Handler], Bench]) -> None:
    bench = start(lambda request, _context: request)
    bench.wait_for(Finished, bench.submit("run"))
    for event in bench.events:
        with pytest.raises(AttributeError):
            event.job_id = 5  # type: ignore[misc]
