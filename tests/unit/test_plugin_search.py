from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from core.errors import Cancelled
from core.trust.plugin_search import find_plugin_libraries


def find(folder: Path, plugin: str = "EfficientNMS_TRT") -> list[str]:
    found = find_plugin_libraries(folder, plugin, lambda _fraction, _text: None)
    return [path.relative_to(folder).as_posix() for path in found]


def test_libraries_that_hold_the_name_are_found_likeliest_first(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    name = b"\0EfficientNMS_TRT\0"
    (tmp_path / "a.so").write_bytes(b"x" * 5_000_000 + name)
    (tmp_path / "deep" / "libEfficientNMS_TRT.so.8.6").write_bytes(name)
    (tmp_path / "deep" / "er" / "nms.DLL").write_bytes(name + b"x" * 100)
    (tmp_path / "other.so").write_bytes(b"EfficientNMS_TR")
    (tmp_path / "notes.txt").write_bytes(name)
    (tmp_path / "so").write_bytes(name)
    assert find(tmp_path) == ["deep/libEfficientNMS_TRT.so.8.6", "a.so", "deep/er/nms.DLL"]


@pytest.mark.parametrize("before", range(4 * 1024 * 1024 - 17, 4 * 1024 * 1024 + 2))
def test_a_name_across_two_chunks_is_found(tmp_path: Path, before: int) -> None:
    (tmp_path / "a.so").write_bytes(b"x" * before + b"EfficientNMS_TRT")
    assert find(tmp_path) == ["a.so"]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert find(tmp_path) == []
    assert find(tmp_path / "missing") == []
    (tmp_path / "a.so").write_bytes(b"abc")
    assert find(tmp_path, "") == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs FIFOs and links")
def test_pipes_and_loops_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.so")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "broken.so").symlink_to(tmp_path / "nowhere")
    (tmp_path / "a.so").write_bytes(b"EfficientNMS_TRT")
    assert find(tmp_path) == ["a.so"]


def test_the_search_can_be_cancelled(tmp_path: Path) -> None:
    (tmp_path / "a.so").write_bytes(b"abc")

    def cancel(_fraction: float | None, _text: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        find_plugin_libraries(tmp_path, "X", cancel)
