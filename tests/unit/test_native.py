from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.native import preload, preload_package


@pytest.mark.skipif(sys.platform == "win32", reason="does nothing on Windows")
def test_a_library_that_is_there_is_loaded() -> None:
    import _ctypes

    assert preload(Path(_ctypes.__file__))


@pytest.mark.skipif(sys.platform == "win32", reason="does nothing on Windows")
def test_a_library_that_is_missing_is_left_to_whoever_needs_it(tmp_path: Path) -> None:
    assert not preload(tmp_path / "missing.so")


def test_preloading_a_package_imports_nothing() -> None:
    code = """
import sys
from core.native import preload_package
for package in ("numpy", "cv2", "onnxruntime"):
    preload_package(package)
print(sorted({"numpy", "cv2", "onnxruntime"} & set(sys.modules)))
import cv2, numpy, onnxruntime
print(int(numpy.ones(3).sum()), cv2.countNonZero(numpy.ones((2, 2), numpy.uint8)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split("\n")[:2] == ["[]", "3 4"]


@pytest.mark.skipif(sys.platform == "win32", reason="does nothing on Windows")
@pytest.mark.parametrize("package", ["numpy", "cv2", "onnxruntime"])
def test_the_extension_modules_are_where_they_are_looked_for(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Path] = []
    monkeypatch.setattr("core.native.preload", loaded.append)
    preload_package(package)
    assert len(loaded) == 1
