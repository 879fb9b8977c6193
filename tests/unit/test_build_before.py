"""The gate before a build: the table doubts, the parser decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from core.building import BuildOptions, before
from core.building.before import require_buildable
from core.building.operator_findings import Finding
from core.building.parser_verdict import ParserVerdict
from core.errors import ModelError, ModelFileError
from tests.unit import onnx_models


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> list[Any]:
    """The parser gives this, or raises it; what it was asked is listed."""
    asked: list[Any] = []

    def verdict(path: Path, **options: Any) -> Any:
        asked.append((path, options))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(before, "parser_verdict", verdict)
    return asked


TAKES = ParserVerdict(parses=True, tensorrt_version="8.6.1", supports_model=True)
REFUSES = ParserVerdict(
    parses=False,
    tensorrt_version="8.6.1",
    supports_model=False,
    findings=(
        Finding(
            operator="acme.Sparkle", nodes=("n",), reason="no plugin", certainty="certain"
        ),
    ),
)  # fmt: skip


def test_what_the_table_knows_does_not_wait_for_the_parser(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = answering(monkeypatch, REFUSES)
    check = require_buildable(onnx_models.identity(tmp_path), BuildOptions())
    assert (check.problem(), asked) == (None, [])


def test_where_the_table_doubts_the_parser_may_take_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = answering(monkeypatch, TAKES)
    path = onnx_models.unknown_operator(tmp_path)
    check = require_buildable(path, BuildOptions(strongly_typed=True))
    assert check.verdict == TAKES
    assert [(one, options["strongly_typed"]) for one, options in asked] == [(path, True)]


def test_what_both_refuse_is_refused_with_the_operator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, REFUSES)
    with pytest.raises(ModelError) as caught:
        require_buildable(onnx_models.unknown_operator(tmp_path), BuildOptions())
    assert caught.value.kind == "unsupported-operator"
    assert "node 'n' is acme.Sparkle: no plugin" in caught.value.message
    assert "--plugins" in caught.value.hint


def test_without_a_parser_the_tables_word_stands(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, ModelError("no-gpu", "There is no GPU.", "Get one."))
    with pytest.raises(ModelError) as caught:
        require_buildable(onnx_models.unknown_operator(tmp_path), BuildOptions())
    assert "likely cannot build" in caught.value.message
    assert "could not be asked: There is no GPU." in caught.value.details


def test_missing_consent_is_not_taken_for_a_missing_parser(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, ModelError("needs-consent", "May it run?", "Say yes."))
    with pytest.raises(ModelError) as caught:
        require_buildable(onnx_models.unknown_operator(tmp_path), BuildOptions())
    assert caught.value.kind == "needs-consent"


def test_weights_outside_the_folder_are_refused_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = answering(monkeypatch, TAKES)
    with pytest.raises(ModelFileError):
        require_buildable(onnx_models.external_data(tmp_path, "../secret"), BuildOptions())
    assert asked == []


def quantized(folder: Path) -> Path:
    return onnx_models.save(
        folder / "quantized.onnx",
        [
            onnx.helper.make_node("QuantizeLinear", ["images", "scale"], ["small"]),
            onnx.helper.make_node("DequantizeLinear", ["small", "scale"], ["output"]),
        ],
        [("images", "float32", (1, 3, 8, 8))],
        [("output", "float32", (1, 3, 8, 8))],
        {"scale": np.array(0.1, np.float32)},
    )


def test_int8_without_anything_that_tells_its_ranges_is_refused_before_the_build(
    tmp_path: Path,
) -> None:
    int8 = BuildOptions(precision=frozenset({"int8"}))
    plain = onnx_models.identity(tmp_path)
    with pytest.raises(ModelError, match="no Q/DQ nodes") as caught:
        require_buildable(plain, int8)
    assert caught.value.kind == "int8-needs-ranges"
    require_buildable(plain, replace(int8, calibration=tmp_path))
    require_buildable(plain, replace(int8, precision=frozenset({"best"})))
    require_buildable(quantized(tmp_path), int8)
