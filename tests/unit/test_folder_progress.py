"""Rows given out in order, and a wait that goes on asking."""

from __future__ import annotations

import concurrent.futures
from collections import deque
from concurrent.futures import Future

import pytest

import core.folder_progress
from core.errors import Cancelled
from core.folder_progress import Row, RunProgress, Teller
from core.result_rows import ResultRow, RowError


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core.folder_progress, "_TICK_S", 0.001)


def test_a_wait_tells_until_it_is_over_or_told_to_end() -> None:
    future: Future[int] = Future()
    told: list[RunProgress] = []

    def report(progress: RunProgress) -> None:
        told.append(progress)
        if len(told) == 3:
            future.set_result(7)

    assert Teller(5, report).awaited(future) == 7
    assert [(one.done, one.failed, one.total) for one in told] == [(0, 0, 5)] * 3

    def stop(_progress: RunProgress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        Teller(5, stop).awaited(Future())


def test_work_that_timed_out_itself_is_not_waited_for_again() -> None:
    future: Future[int] = Future()
    future.set_exception(concurrent.futures.TimeoutError("a network's disk"))
    told: list[RunProgress] = []
    with pytest.raises(concurrent.futures.TimeoutError, match="network"):
        Teller(None, told.append).awaited(future)
    assert told == []


def test_rows_are_given_out_in_order_as_far_as_they_are_there() -> None:
    later: Future[ResultRow] = Future()
    bad = ResultRow(path="b", error=RowError("kind", "message", "hint"))
    rows: deque[Row] = deque([ResultRow(path="a"), bad, later, ResultRow(path="d")])
    told: list[RunProgress] = []
    teller = Teller(4, told.append)
    assert [row.path for row in teller.given_out(rows, kept=2)] == ["a", "b"]
    assert [(one.done, one.failed) for one in told] == [(1, 0), (2, 1)]
    later.set_result(ResultRow(path="c"))
    assert [row.path for row in teller.given_out(rows, kept=2)] == ["c", "d"]
    assert (teller.done, teller.failed) == (4, 1)
