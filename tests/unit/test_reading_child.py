"""What a process that reads pictures answers; how it does so see test_reading_processes.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from core.reading_child import TOO_LARGE, _answer


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_a_picture_that_is_too_large_is_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = str(tmp_path / f"picture.{suffix}")
    cv2.imwrite(path, np.zeros((20, 30, 3), np.uint8))
    slot = np.zeros(2000, np.uint8)
    assert _answer(3, path, slot, 1800)[:2] == (3, (20, 30, 3))

    def decode(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("it is decoded")

    monkeypatch.setattr(cv2, "imread", decode)
    monkeypatch.setattr(cv2, "imdecode", decode)
    assert _answer(3, path, slot, 1799) == (3, TOO_LARGE, 0.0, None)
    assert _answer(3, path, slot[:1799], 1800) == (3, TOO_LARGE, 0.0, None)


def test_one_that_is_decoded_elsewhere_is_too_large_all_the_same(tmp_path: Path) -> None:
    path = str(tmp_path / "picture.bmp")
    cv2.imwrite(path, np.full((20, 30, 3), 7, np.uint8))
    slot = np.zeros(2000, np.uint8)
    assert _answer(0, path, slot, 1799) == (0, TOO_LARGE, 0.0, None)
    assert not slot.any()
    assert _answer(0, path, slot, 1800)[1] == (20, 30, 3)
    assert (slot == 7).sum() == 1800
