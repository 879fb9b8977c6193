"""A stand-in for cuda.bindings.driver on the fake GPU: graphs, and the events that they record."""

from __future__ import annotations

import enum
import time
from types import SimpleNamespace
from typing import Any

import pytest

import core.cuda_graph
from tests.unit.fake_cuda import FakeCuda


class Status(enum.IntEnum):
    """CUresult."""

    CUDA_SUCCESS = 0
    CUDA_ERROR_STREAM_CAPTURE_INVALIDATED = 901


class FakeGraphDriver:
    """Captures what is queued on a fake stream, and queues it again.

    Attributes:
        live: how many events and executable graphs were not destroyed.
        launches: how often a graph was started.
        end_status: what ending a capture gives.
    """

    CUstreamCaptureMode = SimpleNamespace(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL="thread-local")

    def __init__(self, gpu: FakeCuda) -> None:
        self._gpu = gpu
        self.live = 0
        self.launches = 0
        self.end_status = Status.CUDA_SUCCESS
        self.modes: list[str] = []

    def CUstream(self, handle: int) -> int:
        return handle

    def cuStreamBeginCapture(self, handle: int, mode: str) -> tuple[Status]:
        self.modes.append(mode)
        stream = self._gpu.streams[handle]
        assert not stream._queue, "nothing may be under way"
        stream.captured = []
        return (Status.CUDA_SUCCESS,)

    def cuStreamEndCapture(self, handle: int) -> tuple[Status, Any]:
        stream = self._gpu.streams[handle]
        work, stream.captured = stream.captured, None
        if self.end_status:
            return self.end_status, None
        return Status.CUDA_SUCCESS, _Graph(work or [])

    def cuGraphInstantiate(self, graph: _Graph, flags: int) -> tuple[Status, Any]:
        self.live += 1
        return Status.CUDA_SUCCESS, graph

    def cuGraphDestroy(self, graph: _Graph) -> tuple[Status]:
        return (Status.CUDA_SUCCESS,)

    def cuGraphExecDestroy(self, graph: _Graph) -> tuple[Status]:
        self.live -= 1
        self._gpu.journal.append("graph destroyed")
        return (Status.CUDA_SUCCESS,)

    def cuGraphLaunch(self, graph: _Graph, handle: int) -> tuple[Status]:
        self._gpu.called()
        self.launches += 1
        for work in graph.work:
            self._gpu.streams[handle].enqueue(work)
        return (Status.CUDA_SUCCESS,)

    def cuEventCreate(self, flags: int) -> tuple[Status, Any]:
        self.live += 1
        return Status.CUDA_SUCCESS, _Event()

    def cuEventDestroy(self, event: _Event) -> tuple[Status]:
        self.live -= 1
        return (Status.CUDA_SUCCESS,)

    def cuEventRecordWithFlags(self, event: _Event, handle: int, flags: int) -> tuple[Status]:
        stream = self._gpu.streams[handle]
        assert (flags == 1) == (stream.captured is not None), "external inside a capture alone"
        stream.enqueue(event.happen)
        return (Status.CUDA_SUCCESS,)

    def cuEventElapsedTime(self, first: _Event, second: _Event) -> tuple[Status, float]:
        return Status.CUDA_SUCCESS, (second.at - first.at) * 1000


class _Graph:
    def __init__(self, work: list[Any]) -> None:
        self.work = work

    def __int__(self) -> int:
        return 1


class _Event:
    at = float("nan")

    def happen(self) -> None:
        self.at = time.perf_counter()


def install(monkeypatch: pytest.MonkeyPatch, gpu: FakeCuda) -> FakeGraphDriver:
    """Put a fake where core.cuda_graph looks."""
    driver = FakeGraphDriver(gpu)
    monkeypatch.setattr(core.cuda_graph, "graph_driver", lambda: driver)
    return driver
