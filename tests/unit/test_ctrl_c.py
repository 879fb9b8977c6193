"""Ctrl-C as the commands note it."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from core.ctrl_c import noted_ctrl_c


def test_ctrl_c_is_noted_while_the_main_thread_is_in_native_code() -> None:
    noted_meanwhile: list[bool] = []

    def press_and_look(interrupted: list[int]) -> None:
        time.sleep(0.1)  # the main thread is in join() by then
        signal.raise_signal(signal.SIGINT)
        for _ in range(300):
            if interrupted:
                break
            time.sleep(0.01)
        noted_meanwhile.append(bool(interrupted))

    with noted_ctrl_c() as interrupted:
        thread = threading.Thread(target=press_and_look, args=(interrupted,))
        thread.start()
        thread.join()  # no signal wakes it: the other thread gets it
        assert noted_meanwhile == [True]


def test_the_second_ctrl_c_raises_and_the_first_does_not() -> None:
    with noted_ctrl_c() as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert interrupted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_what_was_set_for_signals_before_is_set_again_and_no_thread_is_left() -> None:
    before = signal.getsignal(signal.SIGINT)
    with noted_ctrl_c():
        assert "ctrl-c" in [thread.name for thread in threading.enumerate()]
    assert signal.getsignal(signal.SIGINT) is before
    assert signal.set_wakeup_fd(-1) == -1
    assert "ctrl-c" not in [thread.name for thread in threading.enumerate()]
