from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.native import preload


@pytest.mark.skipif(sys.platform == "win32", reason="does nothing on Windows")
def test_a_library_that_is_there_is_loaded() -> None:
    import _ctypes

    assert preload(Path(_ctypes.__file__))


@pytest.mark.skipif(sys.platform == "win32", reason="does nothing on Windows")
def test_a_library_that_is_missing_is_left_to_whoever_needs_it(tmp_path: Path) -> None:
    assert not preload(tmp_path / "missing.so")
