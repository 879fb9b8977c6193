"""An ONNX is given to TensorRT's parser whatever letters are in its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.building import parsing


class Parser:
    """Finds files as TensorRT does on Windows: those whose names are in ASCII."""

    def __init__(self) -> None:
        self.read: list[bytes] = []

    def parse_from_file(self, path: str) -> bool:
        if not path.isascii():
            return False
        self.read.append(Path(path).read_bytes())
        return True

    def parse(self, content: bytes, path: str) -> bool:
        weights = Path(path).parent / "weights.data"  # as a name from the working folder
        if not str(weights).isascii():
            return False
        self.read += [content, weights.read_bytes()]
        return True


@pytest.mark.parametrize("folder", ["plain", "J\N{LATIN SMALL LETTER O WITH DIAERESIS}rg"])
def test_on_windows_a_model_is_found_under_any_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    monkeypatch.setattr(parsing, "_IS_WINDOWS", True)
    onnx = tmp_path / folder / "best.onnx"
    onnx.parent.mkdir()
    onnx.write_bytes(b"model")
    (onnx.parent / "weights.data").write_bytes(b"weights")
    parser, before = Parser(), Path.cwd()
    assert parsing.parse_onnx(parser, onnx)
    expected = [b"model"] if folder == "plain" else [b"model", b"weights"]
    assert parser.read == expected
    assert Path.cwd() == before


def test_elsewhere_the_parser_opens_the_file_itself(tmp_path: Path) -> None:
    onnx = tmp_path / "best.onnx"
    onnx.write_bytes(b"model")
    parser = Parser()
    assert parsing.parse_onnx(parser, onnx)
    assert parser.read == [b"model"]
