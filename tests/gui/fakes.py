"""Stand-ins for what takes long: a thread that does what a test says, and ready-made answers."""

from __future__ import annotations

import itertools
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication

from core.errors import EnginebayError
from core.jobs import Cancelled, Finished, Job, Progress, Started, failure
from core.modelfile import ModelFile
from core.results import Stages, TestResult
from core.tasks import Reading, TaskGuess
from core.tensors import TensorSpec
from core.verdict import Verdict
from gui.inference_thread import Identified, Loaded, Tested
from gui.work_thread import WorkThread

STAGES = Stages(
    read=1.0,
    preprocess=2.0,
    host_to_device=None,
    compute=3.0,
    device_to_host=None,
    postprocess=4.0,
    total=10.0,
    clock="wall-clock",
)


class FakeThread(WorkThread):
    """A WorkThread that never starts: the test takes its requests and answers them itself.

    Requests replace and cancel one another exactly as they do in the real one.
    """

    def __init__(self) -> None:
        super().__init__(nullcontext)
        self.asked: list[object] = []
        self.running: Job | None = None

    def start(self, *_: Any) -> None:
        """Nothing runs until the test says so."""

    def submit(self, slot: str, request: object) -> int:
        self.asked.append(request)
        return super().submit(slot, request)

    def take(self) -> Any:
        """Begin the next request, as the real thread would; gives it."""
        assert self._mailbox._waiting, "no request waits"
        self.running = self._mailbox.take()
        assert self.running is not None
        self.tell(Started(self.running.id, self.running.slot))
        return self.running.request

    @property
    def waiting(self) -> list[object]:
        """The requests that wait, in the order in which they will be taken."""
        return [job.request for job in self._mailbox._waiting.values()]

    def finish(self, result: object) -> None:
        """End the running request, with a result unless it has been cancelled."""
        job = self._end()
        if job.cancelled.is_set():
            self.tell(Cancelled(job.id, job.slot))
        else:
            self.tell(Finished(job.id, job.slot, result))

    def fail(self, error: EnginebayError) -> None:
        """End the running request with an error."""
        job = self._end()
        self.tell(failure(job, error))

    def progress(self, fraction: float | None, text: str) -> None:
        """Say how far the running request is."""
        assert self.running is not None
        self.tell(Progress(self.running.id, self.running.slot, fraction, text))

    def tell(self, event: object) -> None:
        """Send an event, and let it arrive."""
        self.happened.emit(event)
        self.flush()

    def flush(self) -> None:
        """Let everything arrive that has been sent."""
        QCoreApplication.sendPostedEvents()

    def _end(self) -> Job:
        assert self.running is not None, "no request runs"
        job, self.running = self.running, None
        return job


_SERIALS = itertools.count(1)


def identified(path: Path, *, can_run: bool | None = True) -> Identified:
    """The answer to IdentifyFile."""
    file = ModelFile(path=path, kind="onnx", size_bytes=1000)
    if can_run is False:
        return Identified(file, Verdict(False, "no-gpu", "This machine has no GPU.", "Get one."))
    return Identified(file, Verdict(can_run, "ok", "Runs here."))


def loaded(request: Any, *, recipe_problem: EnginebayError | None = None) -> Loaded:
    """The answer to a LoadModel request."""
    problem = recipe_problem
    return Loaded(
        file=request.file,
        runtime="Fake 1.0",
        inputs=(TensorSpec(name="images", mode="input", dtype="float32", shape=(1, 3, 8, 8)),),
        outputs=(TensorSpec(name="scores", mode="output", dtype="float32", shape=(1, 3)),),
        recipe=None,
        recipe_problem=None if problem is None else (problem.kind, problem.message, problem.hint),
        serial=request.serial,
    )


def ran(
    request: Any,
    *,
    warnings: tuple[str, ...] = (),
    is_first: bool = False,
    serial: int | None = None,
) -> Tested:
    """The answer to a request to run a picture, or random input."""
    result = TestResult(
        source="random input" if request.path is None else str(request.path),
        image=None,
        recipe=None,
        inputs={},
        outputs={},
        summaries=(),
        reading=Reading(),
        guess=TaskGuess("tensors", "a fake says so"),
        alternatives=(),
        predictions=(),
        warnings=warnings,
        stages=replace(STAGES, total=10.0 + next(_SERIALS)),
        is_first=is_first,
    )
    return Tested(
        result=result,
        picture=None,
        network_picture=None,
        output_picture=None,
        serial=request.serial if serial is None else serial,
    )
