"""Give an ONNX to TensorRT's parser, whatever letters are in its path."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_IS_WINDOWS = os.name == "nt"


def parse_onnx(parser: Any, onnx: Path) -> bool:
    """Have a tensorrt.OnnxParser read a file; True where it takes the model.

    The parser opens files by a std::string of UTF-8, which Windows reads in its code page, so that
    a file in the home folder of a Jörg is not found. There its bytes are given, and its folder is
    the working one meanwhile: other files with its weights are found by their names alone. That is
    for a process with nothing else to do.

    Args:
        parser: of any version.
        onnx: the file, absolute.

    Raises:
        OSError: if it cannot be read (on Windows; elsewhere the parser's errors say so).
    """
    if not _IS_WINDOWS or str(onnx).isascii():
        return bool(parser.parse_from_file(str(onnx)))
    before = Path.cwd()
    os.chdir(onnx.parent)
    try:
        return bool(parser.parse(onnx.read_bytes(), onnx.name))
    finally:
        os.chdir(before)
