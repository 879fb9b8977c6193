"""A run that would never end is ended from another thread, and the next one is not."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from core.errors import Cancelled
from core.sessions.interrupting import interrupting
from core.sessions.onnx import OnnxSession
from tests.unit import onnx_models
from tests.unit.endless_model import endless


def test_a_run_that_is_interrupted_is_cancelled(tmp_path: Path) -> None:
    stop = threading.Event()
    timer = threading.Timer(0.2, stop.set)
    timer.start()
    inputs = {"x": np.ones(2, np.float32)}
    with (
        OnnxSession(endless(tmp_path)) as session,
        interrupting([session], stop.is_set),
        pytest.raises(Cancelled),
    ):
        session.run(inputs)
    timer.join()


def test_an_interruption_between_two_runs_does_not_spoil_the_next(tmp_path: Path) -> None:
    inputs = {"images": np.ones((1, 3, 8, 8), np.float32)}
    with OnnxSession(onnx_models.identity(tmp_path)) as session:
        session.interrupt()
        session.run(inputs)
        session.interrupt()
        outputs = session.run(inputs).outputs
    assert all((array == 1).all() for array in outputs.values())


def test_nothing_is_interrupted_while_nobody_says_stop_and_no_thread_is_left() -> None:
    class Never:
        def interrupt(self) -> None:
            raise AssertionError

    with interrupting([Never()], lambda: False):
        assert "interrupting" in [thread.name for thread in threading.enumerate()]
    assert "interrupting" not in [thread.name for thread in threading.enumerate()]
