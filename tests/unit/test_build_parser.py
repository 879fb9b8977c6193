"""What TensorRT's parser is asked, on a stand-in of its versions."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.building import parser_child, parser_verdict
from core.building.parser_verdict import verdict_of_json
from core.child_process import ChildDied
from core.errors import MachineError, ModelError, ModelFileError
from tests.unit import fake_cuda, fake_tensorrt, onnx_models
from tests.unit.fake_builder import StandInBuilder, install_builder


class Fault:
    """IParserError of TensorRT 8: a number, no names."""

    def __init__(self, desc: str, node: int) -> None:
        self._desc, self._node = desc, node

    def desc(self) -> str:
        return self._desc

    def node(self) -> int:
        return self._node

    def code(self) -> Any:
        return SimpleNamespace(name="UNSUPPORTED_NODE")


class NamedFault(Fault):
    """IParserError from TensorRT 9 on."""

    def node_name(self) -> str:
        return "/head/Sparkle"

    def node_operator(self) -> str:
        return "Sparkle"


def refusing(builder: StandInBuilder, *faults: Fault) -> None:
    builder.num_errors = len(faults)
    builder.get_error = faults.__getitem__  # type: ignore[method-assign, assignment]


class Heard:
    """core.child_process.Parent."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def doing(self, text: str) -> None:
        pass

    def say(self, said: Any) -> None:
        self.said.append(dict(said))


def parsed(path: Path, **more: Any) -> parser_verdict.ParserVerdict:
    order = {"onnx": str(path), "plugins": [], "strongly_typed": False, **more}
    return verdict_of_json(json.loads(json.dumps(parser_child.parse(order, Heard()))))


def test_a_model_that_parses_is_said_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install_builder(monkeypatch, "10.3.0")
    verdict = parsed(onnx_models.identity(tmp_path))
    assert verdict.parses
    assert verdict.supports_model is True
    assert verdict.sentence() == "TensorRT 10.3.0's parser takes the model."


def test_errors_of_10_name_node_and_operator(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder = install_builder(monkeypatch, "10.3.0")
    asked = []
    builder.supports_model_v2 = lambda data, path: asked.append((len(data), path)) or False  # type: ignore[attr-defined]
    path = onnx_models.unknown_operator(tmp_path)
    refusing(builder, NamedFault("Plugin not found.", 0))
    verdict = parsed(path)
    assert not verdict.parses
    assert verdict.supports_model is False
    assert asked == [(path.stat().st_size, str(path))]
    [found] = verdict.findings
    assert (found.operator, found.nodes) == ("Sparkle", ("/head/Sparkle",))
    assert (found.reason, found.certainty) == ("Plugin not found (UNSUPPORTED_NODE)", "certain")


def test_errors_of_8_get_their_names_from_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder = install_builder(monkeypatch, "8.6.1")
    builder.supports_model = lambda data, path: (False, [])  # type: ignore[attr-defined]
    refusing(builder, Fault("Assertion failed: creator", 0))
    verdict = parsed(onnx_models.unknown_operator(tmp_path))
    assert verdict.supports_model is False
    assert [(one.operator, one.nodes) for one in verdict.findings] == [
        ("acme.Sparkle", ("output",))
    ]


@pytest.mark.parametrize("number", [-1, 7])
def test_an_error_without_a_place_is_named_by_its_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    builder = install_builder(monkeypatch, "8.6.1")
    refusing(builder, Fault("No importer registered for op: Sparkle", number))
    [found] = parsed(onnx_models.unknown_operator(tmp_path)).findings
    assert found.operator == "acme.Sparkle"
    refusing(builder, Fault("something else", number))
    [found] = parsed(onnx_models.unknown_operator(tmp_path)).findings
    assert found.operator == "an operator that is not told"


def test_strong_typing_is_asked_for_where_it_is_an_option(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder = install_builder(monkeypatch, "10.3.0")
    parsed(onnx_models.identity(tmp_path), strongly_typed=True)
    assert builder.network_flags == 0b11  # EXPLICIT_BATCH and STRONGLY_TYPED
    install_builder(monkeypatch, "11.4.0")
    assert parsed(onnx_models.identity(tmp_path)).parses


def test_weights_outside_the_folder_never_reach_the_parser(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder = install_builder(monkeypatch, "10.3.0")
    with pytest.raises(ModelFileError) as caught:
        parsed(onnx_models.external_data(tmp_path, "../secret"))
    assert caught.value.kind == "external-data-outside"
    assert builder.parsed == ""


def test_a_lean_runtime_has_no_parser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gpu = fake_cuda.install(monkeypatch)
    fake_tensorrt.install(monkeypatch, gpu, {"tensorrt_lean": "10.3.0"})
    with pytest.raises(MachineError) as caught:
        parsed(onnx_models.identity(tmp_path))
    assert caught.value.kind == "no-builder"


def test_a_child_that_dies_is_an_error_with_its_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def dies(*_arguments: Any, **_options: Any) -> Any:
        raise ChildDied(-11, "Segmentation fault")

    monkeypatch.setattr(parser_verdict, "run_child", dies)
    with pytest.raises(ModelError) as caught:
        parser_verdict.parser_verdict(onnx_models.identity(tmp_path))
    assert caught.value.kind == "parser-crashed"
    assert caught.value.details == "Segmentation fault"


def test_errors_are_kept_where_the_child_dies_after_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    builder = install_builder(monkeypatch, "8.6.1")
    refusing(builder, Fault("Assertion failed: creator", 0))
    heard = Heard()
    order = {"onnx": str(onnx_models.unknown_operator(tmp_path)), "plugins": []}
    parser_child.parse({**order, "strongly_typed": False}, heard)  # type: ignore[arg-type]
    [said] = heard.said

    def dies(*_arguments: Any, **options: Any) -> Any:
        options["hear"](said)
        raise ChildDied(-11, "")

    monkeypatch.setattr(parser_verdict, "run_child", dies)
    verdict = parser_verdict.parser_verdict(tmp_path / "unknown_operator.onnx")
    assert [one.operator for one in verdict.findings] == ["acme.Sparkle"]
    assert verdict.supports_model is None


@pytest.mark.skipif("tensorrt" in sys.modules, reason="TensorRT is here")
def test_the_real_child_says_what_this_machine_lacks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(os.environ, "CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ModelError) as caught:
        parser_verdict.parser_verdict(onnx_models.identity(tmp_path))
    assert caught.value.kind != "parser-crashed"
    assert caught.value.hint
