"""The real inference thread: what crosses it, on which side, and how it ends."""

from __future__ import annotations

import logging
import pickle
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QObject, QThread, Slot
from pytestqt.qtbot import QtBot

import core.model
from core.errors import ModelError
from core.jobs import (
    PROGRESS_INTERVAL_S,
    Cancelled,
    Event,
    Failed,
    Finished,
    JobContext,
    Progress,
    Started,
)
from core.modelfile import read_model_file
from core.paths import DEMO_MODEL, DEMO_PICTURE
from core.sessions.onnx import OnnxSession
from gui.inference_thread import (
    Identified,
    IdentifyFile,
    InferenceThread,
    Loaded,
    LoadModel,
    PrepareDemo,
    RunImage,
    to_qimage,
)
from gui.opening_choices import OpeningChoices
from gui.work_thread import Handler, WorkThread
from tests.gui.limits import QUIT_S, WAIT_MS
from tests.unit.endless_model import endless

Endings = list[Finished | Failed | Cancelled]
MAX_STOP_MS = round(QUIT_S * 1000)


@pytest.fixture
def thread(qapp: object) -> Iterator[InferenceThread]:
    thread = InferenceThread()
    yield thread
    assert thread.stop(MAX_STOP_MS)


@pytest.fixture
def work(qapp: object) -> Iterator[Callable[[Handler], WorkThread]]:
    """Starts a thread that serves a handler of the test's own."""
    threads: list[WorkThread] = []

    def make(handler: Handler) -> WorkThread:
        @contextmanager
        def made() -> Iterator[Handler]:
            yield handler

        threads.append(WorkThread(made))
        return threads[-1]

    yield make
    for thread in threads:
        assert thread.stop(MAX_STOP_MS)


class Inbox(QObject):
    """Keeps what a thread tells."""

    def __init__(self, thread: WorkThread) -> None:
        super().__init__()
        self.events: list[Event] = []
        self.arrived_on: set[Any] = set()
        thread.happened.connect(self._take)

    @Slot(object)
    def _take(self, event: Event) -> None:
        self.events.append(event)
        self.arrived_on.add(QThread.currentThread())

    @property
    def endings(self) -> Endings:
        return [one for one in self.events if isinstance(one, Finished | Failed | Cancelled)]

    def ids(self) -> list[int]:
        return [one.job_id for one in self.endings]


def ask(qtbot: QtBot, thread: WorkThread, slot: str, request: object) -> Any:
    """Send one request and wait for its end; gives the result."""
    inbox = Inbox(thread)
    job_id = thread.submit(slot, request)
    qtbot.waitUntil(lambda: job_id in inbox.ids(), timeout=WAIT_MS)
    (ending,) = [one for one in inbox.endings if one.job_id == job_id]
    assert isinstance(ending, Finished), ending
    return ending.result


def load_demo(qtbot: QtBot, thread: InferenceThread, serial: int = 1) -> Loaded:
    identified: Identified = ask(qtbot, thread, "identify", IdentifyFile(DEMO_MODEL))
    loaded: Loaded = ask(
        qtbot, thread, "load", LoadModel(identified.file, OpeningChoices(), serial)
    )
    return loaded


# -- the sides ---------------------------------------------------------------------------


def test_events_arrive_on_the_windows_thread_also_for_bare_functions(
    qtbot: QtBot, work: Callable[[Handler], WorkThread]
) -> None:
    worked_on: list[int] = []
    thread = work(lambda _request, _context: worked_on.append(threading.get_ident()))
    inbox = Inbox(thread)
    seen: list[int] = []
    thread.happened.connect(lambda _event: seen.append(threading.get_ident()))
    thread.submit("any", "request")
    qtbot.waitUntil(lambda: len(seen) == 2 and len(inbox.events) == 2, timeout=WAIT_MS)
    assert worked_on != [threading.get_ident()], "the work itself is done elsewhere"
    assert set(seen) == {threading.get_ident()}
    assert inbox.arrived_on == {QThread.currentThread()}


def test_a_model_is_opened_and_closed_on_the_thread_that_owns_it(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    closed: list[int] = []
    real_init, real_close = OnnxSession.__init__, OnnxSession.close

    def init(self: OnnxSession, path: Path, **options: Any) -> None:
        opened.append(threading.get_ident())
        real_init(self, path, **options)

    def close(self: OnnxSession) -> None:
        closed.append(threading.get_ident())
        real_close(self)

    monkeypatch.setattr(OnnxSession, "__init__", init)
    monkeypatch.setattr(OnnxSession, "close", close)
    thread = InferenceThread()
    load_demo(qtbot, thread, serial=1)
    assert closed == []
    load_demo(qtbot, thread, serial=2)
    assert len(closed) == 1, "the model before it is closed"
    assert thread.stop(MAX_STOP_MS)
    assert len(closed) == 2
    assert set(closed) == set(opened)
    assert threading.get_ident() not in closed


@pytest.mark.parametrize(
    "request_",
    [
        IdentifyFile(DEMO_MODEL),
        PrepareDemo(),
        LoadModel(read_model_file(DEMO_MODEL), OpeningChoices(trial=False), 7),
        RunImage(DEMO_PICTURE, 7),
        RunImage(None, 7),
    ],
    ids=lambda request: type(request).__name__,
)
def test_every_request_can_be_sent_to_another_process(request_: object) -> None:
    copy = pickle.loads(pickle.dumps(request_))
    assert type(copy) is type(request_)
    if not isinstance(request_, PrepareDemo):  # it carries nothing
        assert copy == request_


def test_answers_that_are_facts_can_be_sent_to_another_process(
    qtbot: QtBot, thread: InferenceThread
) -> None:
    identified = ask(qtbot, thread, "identify", IdentifyFile(DEMO_MODEL))
    loaded = load_demo(qtbot, thread)
    assert pickle.loads(pickle.dumps(identified)) == identified
    assert pickle.loads(pickle.dumps(loaded)) == loaded


def test_a_picture_for_the_screen_owns_its_pixels(qapp: object) -> None:
    pixels = np.full((5, 7, 3), 10, np.uint8)  # 21 bytes a row: no multiple of Qt's 4
    pixels[2, 3] = (200, 100, 50)
    image = to_qimage(pixels)
    pixels[:] = 0
    del pixels
    assert (image.width(), image.height()) == (7, 5)
    assert image.pixelColor(3, 2).getRgb()[:3] == (200, 100, 50)
    assert image.pixelColor(6, 4).getRgb()[:3] == (10, 10, 10)


# -- the work ----------------------------------------------------------------------------


def test_the_demo_goes_all_the_way(qtbot: QtBot, thread: InferenceThread) -> None:
    assert ask(qtbot, thread, "demo", PrepareDemo()) == DEMO_MODEL
    loaded = load_demo(qtbot, thread)
    assert [spec.name for spec in (*loaded.inputs, *loaded.outputs)] == ["images", "output0"]
    assert loaded.recipe is not None
    answer = ask(qtbot, thread, "test", RunImage(DEMO_PICTURE, loaded.serial))
    assert answer.result.source == str(DEMO_PICTURE)
    assert answer.result.is_first
    assert "ring" in {found.label for found in answer.result.predictions}
    assert answer.picture.size().toTuple() == answer.result.image.size_wh
    assert answer.network_picture.size().toTuple() == loaded.recipe.size_wh
    assert not ask(qtbot, thread, "test", RunImage(DEMO_PICTURE, loaded.serial)).result.is_first


def test_random_input_needs_no_picture(qtbot: QtBot, thread: InferenceThread) -> None:
    loaded = load_demo(qtbot, thread)
    answer = ask(qtbot, thread, "test", RunImage(None, loaded.serial))
    assert answer.result.source == "random input"
    assert answer.picture is None
    assert answer.network_picture is None


def test_a_run_meant_for_a_replaced_model_is_cancelled(
    qtbot: QtBot, thread: InferenceThread
) -> None:
    load_demo(qtbot, thread, serial=2)
    inbox = Inbox(thread)
    for serial in (1, 3):
        job_id = thread.submit("test", RunImage(DEMO_PICTURE, serial))
        qtbot.waitUntil(lambda job_id=job_id: job_id in inbox.ids(), timeout=WAIT_MS)
    assert [type(ending) for ending in inbox.endings] == [Cancelled, Cancelled]


def test_of_many_runs_asked_for_at_once_the_last_is_the_one_that_is_answered(
    qtbot: QtBot, thread: InferenceThread
) -> None:
    loaded = load_demo(qtbot, thread)
    inbox = Inbox(thread)
    ids = [thread.submit("test", RunImage(DEMO_PICTURE, loaded.serial)) for _ in range(50)]
    qtbot.waitUntil(lambda: len(inbox.endings) >= len(ids), timeout=WAIT_MS)
    assert sorted(inbox.ids()) == sorted(ids), "each ends exactly once"
    assert isinstance(inbox.endings[-1], Finished)
    assert inbox.endings[-1].job_id == ids[-1]
    finished = [ending for ending in inbox.endings if isinstance(ending, Finished)]
    assert len(finished) < 5, "waiting ones are replaced, not worked off"


def test_progress_is_throttled(qtbot: QtBot, work: Callable[[Handler], WorkThread]) -> None:
    took: list[float] = []

    def handle(_request: object, context: JobContext) -> None:
        begin = time.monotonic()
        while time.monotonic() - begin < 0.3:
            context.progress(None, "going on")
        took.append(time.monotonic() - begin)

    thread = work(handle)
    inbox = Inbox(thread)
    thread.submit("any", "request")
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    count = sum(isinstance(event, Progress) for event in inbox.events)
    assert 2 <= count <= took[0] / PROGRESS_INTERVAL_S + 1


# -- failures ----------------------------------------------------------------------------


class Buffer:
    """Stands for memory of the GPU, which must be freed on its own thread."""


@pytest.mark.parametrize(
    "error",
    [ModelError("refused", "It is refused.", "Try another.", details="log"), ValueError("oops")],
    ids=["of the program's family", "unexpected"],
)
def test_an_exception_crosses_as_text_and_keeps_nothing_alive(
    qtbot: QtBot,
    work: Callable[[Handler], WorkThread],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    # pytest's log capture would keep the record, and with it the traceback.
    monkeypatch.setattr(logging.getLogger("core.jobs"), "disabled", True)
    buffers: list[weakref.ref[Buffer]] = []
    freed_on: list[int] = []
    arguments = (
        (error.kind, error.message, error.hint) if isinstance(error, ModelError) else error.args
    )

    def handle(_request: object, _context: JobContext) -> None:
        buffer = Buffer()
        buffers.append(weakref.ref(buffer, lambda _: freed_on.append(threading.get_ident())))
        raise type(error)(*arguments)

    thread = work(handle)
    inbox = Inbox(thread)
    thread.submit("any", "request")
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    (failed,) = inbox.endings
    assert isinstance(failed, Failed)
    assert str(error) in failed.message
    assert failed.hint
    fields = (*failed[:-1], *(text for pair in failed.evidence for text in pair))
    assert all(isinstance(field, str | int | bool) for field in fields)
    qtbot.waitUntil(lambda: buffers[0]() is None, timeout=WAIT_MS)
    assert freed_on != [threading.get_ident()]
    assert thread.isRunning(), "one failed request does not end the thread"


def test_a_file_that_is_no_model_has_a_card_unless_a_model_is_open(
    qtbot: QtBot, thread: InferenceThread, tmp_path: Path
) -> None:
    inbox = Inbox(thread)
    files = (("empty.onnx", b"", "empty"), ("notes.engine", b"no model at all", "unknown"))
    for name, content, kind in files:
        path = tmp_path / name
        path.write_bytes(content)
        answer: Identified = ask(qtbot, thread, "identify", IdentifyFile(path))
        assert answer.file.kind == kind
        assert answer.verdict.can_run is False
        assert name in answer.verdict.message
        assert answer.verdict.hint
    load_demo(qtbot, thread)
    job_id = thread.submit("identify", IdentifyFile(path))
    qtbot.waitUntil(lambda: job_id in inbox.ids(), timeout=WAIT_MS)
    failed = inbox.endings[-1]
    assert isinstance(failed, Failed)
    assert "notes.engine" in failed.message
    assert failed.hint


def test_a_request_that_nobody_knows_fails_and_the_thread_lives_on(
    qtbot: QtBot, thread: InferenceThread
) -> None:
    inbox = Inbox(thread)
    thread.submit("any", "nonsense")
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    failed = inbox.endings[0]
    assert isinstance(failed, Failed)
    assert failed.kind == "internal"
    assert load_demo(qtbot, thread).serial == 1


def test_a_fatal_failure_ends_the_thread_and_what_waits(
    qtbot: QtBot, work: Callable[[Handler], WorkThread]
) -> None:
    both_there = threading.Event()

    def handle(_request: object, _context: JobContext) -> None:
        both_there.wait(WAIT_MS / 1000)
        raise ModelError("cuda", "The GPU is lost.", "Start again.", fatal=True)

    thread = work(handle)
    inbox = Inbox(thread)
    first, second = thread.submit("one", "request"), thread.submit("two", "request")
    both_there.set()
    qtbot.waitUntil(lambda: len(inbox.endings) == 2, timeout=WAIT_MS)
    assert [(type(one), one.job_id) for one in inbox.endings] == [
        (Failed, first),
        (Cancelled, second),
    ]
    qtbot.waitUntil(lambda: not thread.isRunning(), timeout=WAIT_MS)


# -- the end -----------------------------------------------------------------------------


def test_stopping_cancels_what_runs_and_what_waits(
    qtbot: QtBot, work: Callable[[Handler], WorkThread]
) -> None:
    started = threading.Event()

    def handle(_request: object, context: JobContext) -> None:
        started.set()
        while True:
            context.progress(None, "running")  # raises once cancelled

    thread = work(handle)
    inbox = Inbox(thread)
    ids = [thread.submit(slot, "request") for slot in ("one", "two", "three")]
    assert started.wait(WAIT_MS / 1000)
    assert thread.stop(MAX_STOP_MS)
    assert not thread.isRunning()
    qtbot.waitUntil(lambda: len(inbox.endings) == 3, timeout=WAIT_MS)
    assert {type(ending) for ending in inbox.endings} == {Cancelled}
    assert sorted(inbox.ids()) == ids


def test_stopping_says_when_native_code_does_not_come_back(
    qtbot: QtBot, work: Callable[[Handler], WorkThread]
) -> None:
    started, release = threading.Event(), threading.Event()

    def handle(_request: object, _context: JobContext) -> str:
        started.set()
        release.wait(WAIT_MS / 1000)
        return "late"

    thread = work(handle)
    inbox = Inbox(thread)
    thread.submit("any", "request")
    assert started.wait(WAIT_MS / 1000)
    assert thread.stop(20) is False
    release.set()
    assert thread.stop(MAX_STOP_MS)
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    assert isinstance(inbox.endings[0], Cancelled), "a late result is nobody's any more"


def test_a_request_after_the_end_is_cancelled_at_once(qtbot: QtBot) -> None:
    thread = InferenceThread()
    inbox = Inbox(thread)
    assert thread.stop(MAX_STOP_MS), "a thread that never ran is stopped already"
    job_id = thread.submit("identify", IdentifyFile(DEMO_MODEL))
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    assert inbox.endings == [Cancelled(job_id, "identify")]
    assert not thread.isRunning()


def test_a_cancelled_run_gives_no_result_and_the_next_one_does(
    qtbot: QtBot, thread: InferenceThread, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load_demo(qtbot, thread)
    reached, go_on = threading.Event(), threading.Event()
    real = core.model.Model.test

    def slow(self: core.model.Model, *arguments: Any) -> core.model.TestResult:
        reached.set()
        go_on.wait(WAIT_MS / 1000)
        return real(self, *arguments)

    monkeypatch.setattr(core.model.Model, "test", slow)
    inbox = Inbox(thread)
    thread.submit("test", RunImage(DEMO_PICTURE, loaded.serial))
    assert reached.wait(WAIT_MS / 1000)
    thread.cancel("test")
    go_on.set()
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    assert isinstance(inbox.endings[0], Cancelled)
    assert isinstance(inbox.events[0], Started)
    ask(qtbot, thread, "test", RunImage(DEMO_PICTURE, loaded.serial))


def test_a_run_without_end_is_interrupted_when_it_is_cancelled(
    qtbot: QtBot, thread: InferenceThread, tmp_path: Path
) -> None:
    request = LoadModel(read_model_file(endless(tmp_path)), OpeningChoices(), 1)
    ask(qtbot, thread, "load", request)
    inbox = Inbox(thread)
    thread.submit("test", RunImage(None, 1))
    qtbot.waitUntil(lambda: any(isinstance(one, Progress) for one in inbox.events), timeout=WAIT_MS)
    thread.cancel("test")
    qtbot.waitUntil(lambda: bool(inbox.endings), timeout=WAIT_MS)
    assert isinstance(inbox.endings[0], Cancelled)
    load_demo(qtbot, thread, serial=2)
