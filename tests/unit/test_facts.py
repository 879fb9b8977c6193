"""The engine card in words: nothing is missing, nothing is wrong, and every fact is one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from core.modelfile import read_model_file
from core.modelfile.facts import all_facts, card_facts
from core.text import one_line
from tests.unit import onnx_models
from tests.unit.plan_writer import Plan, with_prefix
from tests.unit.sample_files import sample

YOLO = {
    "description": "Ultralytics YOLOv8n model",
    "author": "Ultralytics",
    "date": "2024-05-01T12:00:00",
    "version": "8.2.0",
    "task": "detect",
    "stride": 32,
    "batch": 4,
    "imgsz": [480, 640],
    "names": {str(n): f"class {n}" for n in range(80)},
    "args": {"half": True, "int8": False},
}


def facts_of(path: Path) -> dict[str, str]:
    facts = all_facts(read_model_file(path))
    for label, text in facts:
        assert label.isprintable()
        assert text.isprintable()
        assert text
    return dict(reversed(facts))  # of several inputs the first


def engine(folder: Path, plan: Plan, metadata: dict[str, Any] | None = None) -> Path:
    path = folder / "model.engine"
    data = plan.to_bytes()
    path.write_bytes(data if metadata is None else with_prefix(data, metadata))
    return path


def test_an_engine_tells_all(tmp_path: Path) -> None:
    plan = Plan(layout="ftrt-8.6", sm_count=46, compute_capability=(8, 9))
    path = engine(tmp_path, plan, YOLO)
    size, prefix = path.stat().st_size, 4 + len(json.dumps(YOLO))
    assert facts_of(path) == {
        "path": str(path),
        "kind": "TensorRT engine, exported by Ultralytics",
        "size": f"{size / 1000:.3g} kB ({size:,} bytes)",
        "TensorRT version": "8.6.1.6",
        "sections": "ENGN",
        "complete": f"yes: {size - prefix:,} bytes, as it says",
        "before the engine": f"{prefix:,} bytes of the exporter's metadata",
        "embedded native code": "none",
        "built on": "compute capability 8.9, 46 SMs, 12 GB (from an undocumented layout)",
        "hardware compatibility": "none: it runs on the kind of GPU that built it",
        "task": "detect",
        "classes": "80: class 0, class 1, class 2, class 3, class 4, class 5 and 74 more",
        "image size": "640 x 480",
        "stride": "32",
        "batch": "4",
        "exported as": "FP16",
        "exported on": "2024-05-01T12:00:00",
        "exporter's version": "8.2.0",
        "author": "Ultralytics",
        "metadata: description": "Ultralytics YOLOv8n model",
        "metadata: args": "{'half': True, 'int8': False}",
    }


@pytest.mark.parametrize(
    ("level", "words", "on_the_card"),
    [
        (0, "none: it runs on the kind of GPU that built it", None),
        (1, "Ampere and newer", "hardware-compatible: Ampere and newer"),
        (2, "same compute capability", "hardware-compatible: same compute capability"),
        (3, "level 3, newer than Enginebay", None),
        (99, "not readable", None),
    ],
)
def test_the_hardware_compatibility_level_in_words(
    tmp_path: Path, level: int, words: str, on_the_card: str | None
) -> None:
    path = engine(tmp_path, Plan(layout="ftrt-8.6", hardware_compatibility=level))
    assert facts_of(path)["hardware compatibility"] == words
    card = [one for one in card_facts(read_model_file(path)) if "compatible" in one]
    assert card == ([on_the_card] if on_the_card else [])


def test_engines_before_8_6_have_neither_sections_nor_a_level(tmp_path: Path) -> None:
    facts = facts_of(engine(tmp_path, Plan(layout="ptrt-8.2", version=(8, 4, 3, 1))))
    assert facts["TensorRT version"] == "8.4.3.1"
    assert {"sections", "hardware compatibility"} & facts.keys() == set()


def test_what_an_engine_should_say_and_does_not_is_not_readable(tmp_path: Path) -> None:
    facts = facts_of(engine(tmp_path, Plan(layout="ftrt-8.6", sm_count=9999)))
    assert facts["built on"] == "not readable"
    facts = facts_of(engine(tmp_path, Plan(layout="flatbuffer-5")))
    assert (facts["TensorRT version"], facts["built on"]) == ("5 or older", "not readable")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (-7, "no: it says {size} bytes, 7 of them are missing"),
        (1234, "yes: {size} bytes, as it says, then 1,234 stray bytes"),
    ],
)
def test_the_declared_size_against_the_real_one(tmp_path: Path, more: int, words: str) -> None:
    data = Plan(layout="ftrt-8.6").to_bytes()
    path = tmp_path / "model.engine"
    path.write_bytes(data[:more] if more < 0 else data + bytes(more))
    assert facts_of(path)["complete"] == words.format(size=len(data))


def test_embedded_native_code_is_told(tmp_path: Path) -> None:
    path = engine(tmp_path, Plan(layout="ftrt-8.6", sections=("LEAN", "ENGN")))
    assert facts_of(path)["embedded native code"].startswith("yes: a TensorRT runtime")
    assert facts_of(path)["sections"] == "LEAN, ENGN"


def test_the_card_has_the_exporters_precision(tmp_path: Path) -> None:
    plan = Plan(layout="ftrt-8.6")
    for args, precision in (({"half": True}, "FP16"), ("{'int8': True}", "INT8"), ({}, None)):
        card = card_facts(read_model_file(engine(tmp_path, plan, YOLO | {"args": args})))
        assert [one for one in card if one in ("FP16", "INT8")] == [precision] * bool(precision)
        assert "detect, 80 classes" in card


# ONNX


def test_an_onnx_model_tells_all(tmp_path: Path) -> None:
    path = onnx_models.save(
        tmp_path / "m.onnx",
        [
            helper.make_node("MatMul", ["images", "w"], ["a"]),
            helper.make_node("Relu", ["a"], ["b"]),
            helper.make_node("Relu", ["b"], ["c"]),
            helper.make_node("Glow", ["c"], ["d"], domain="acme"),
        ],
        [("images", "float16", ("n", 4)), ("mask", "bool", ())],
        [("d", "float16", (None, 8))],
        {"w": np.ones((4, 8), np.float16)},
        metadata={"imgsz": "640", "note": "a\nb"},
        more_domains=["acme"],
    )
    facts = facts_of(path)
    assert facts == {
        "path": str(path),
        "kind": "ONNX model",
        "size": f"{path.stat().st_size} B",
        "complete": "yes",
        "IR version": "8",
        "opset": "17, acme 1",
        "producer": "enginebay-tests",
        "input": "images  float16  ? x 4",
        "output": "d  float16  ? x 8",
        "operators": "4: Relu 2, MatMul 1, Glow 1",
        "custom operators": "of acme",
        "weights": "64 B",
        "precision": "FP16",
        "image size": "640 x 640",
        "metadata: note": "a b",
    }
    assert ("input", "mask  bool  scalar") in all_facts(read_model_file(path))
    card = card_facts(read_model_file(path))
    assert card == [
        "ONNX model",
        "opset 17",
        "enginebay-tests",
        "4 operators",
        "FP16 weights, 64 B",
        f"{path.stat().st_size} B",
    ]


def test_a_model_without_weights_says_so(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    assert facts_of(path)["weights"] == "none"
    assert "precision" not in facts_of(path)
    assert "1 operator" in card_facts(read_model_file(path))


def test_external_data_is_told_with_what_is_missing(tmp_path: Path) -> None:
    path = onnx_models.external_data_missing(tmp_path)
    assert facts_of(path)["weights"] == "768 B, 768 B of it in other files"
    assert facts_of(path)["external data"] == "weights.bin (not there)"
    (tmp_path / "weights.bin").write_bytes(bytes(768))
    assert facts_of(path)["external data"] == "weights.bin"


def test_a_graph_too_large_to_look_through_is_not_readable(tmp_path: Path) -> None:
    nodes = [helper.make_node("Relu", ["x" * 300], ["y"]) for _ in range(5000)]
    path = onnx_models.save(
        tmp_path / "m.onnx", nodes, [("x", "float32", (1,))], [("y", "float32", (1,))]
    )
    facts = facts_of(path)
    assert facts["operators"] == "5,000"
    assert facts["input"] == "x  float32  1"
    for label in ("custom operators", "weights", "precision", "external data"):
        assert facts[label] == "not readable"
    assert not any("weights" in one for one in card_facts(read_model_file(path)))


def test_a_cut_off_model_tells_what_is_left(tmp_path: Path) -> None:
    path = onnx_models.identity(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    facts = facts_of(path)
    assert facts["complete"] == "no: it is cut off"
    assert facts["producer"] == "enginebay-tests"
    for label in ("input", "output", "operators", "weights", "precision", "external data"):
        assert facts[label] == "not readable"


def test_many_inputs_are_not_all_told(tmp_path: Path) -> None:
    inputs = [(f"in{n}", "float32", (1,)) for n in range(40)]
    path = onnx_models.save(
        tmp_path / "m.onnx", [helper.make_node("Sum", ["in0"], ["y"])], inputs,
        [("y", "float32", (1,))],
    )  # fmt: skip
    told = [text for label, text in all_facts(read_model_file(path)) if label == "input"]
    assert len(told) == 17
    assert told[-1] == "and 24 more"


# untrusted text


def test_a_files_texts_are_one_line_and_cannot_pass_for_facts(tmp_path: Path) -> None:
    raw = {
        "runs here": "yes",
        "path\n": "\x1b[2Jgone",
        "task": "de\x1b[31mtect\nruns here  yes",
        "author": "x" * 100_000,
        "\u202eodd": "\ud800",
        "names": ["a\nb\x07"],
    }
    path = engine(tmp_path, Plan(layout="ftrt-8.6"), raw)
    facts = facts_of(path)
    assert facts["metadata: runs here"] == "yes"
    assert "runs here" not in facts
    assert facts["path"] == str(path)
    assert facts["metadata: path"] == "\\x1b[2Jgone"
    assert facts["task"] == "de\\x1b[31mtect runs here yes"
    assert facts["author"] == "x" * 157 + "..."
    assert facts["metadata: \\u202eodd"] == "\\ud800"
    assert facts["classes"] == "1: a b"
    assert all(one.isprintable() for one in card_facts(read_model_file(path)))


def test_metadata_nested_as_deep_as_its_parser_takes_is_told_or_not_readable(
    tmp_path: Path,
) -> None:
    for depth in (500, 900, 950):
        text = b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
        path = tmp_path / "model.engine"
        path.write_bytes(with_prefix(Plan(layout="ftrt-8.6").to_bytes(), text))
        facts = facts_of(path)
        assert facts.get("metadata: a", "not readable").startswith(("[[[", "not readable"))


def test_metadata_keys_are_told_up_to_a_number(tmp_path: Path) -> None:
    raw = {f"key {n}": n for n in range(100)}
    facts = facts_of(engine(tmp_path, Plan(layout="ftrt-8.6"), raw))
    assert len([label for label in facts if label.startswith("metadata: ")]) == 40
    assert facts["metadata"] == "and 60 more keys"


def test_malformed_metadata_is_shown_as_it_stands(tmp_path: Path) -> None:
    raw = {"task": 7, "imgsz": "big", "names": "{", "batch": -1, "date": None}
    facts = facts_of(engine(tmp_path, Plan(layout="ftrt-8.6"), raw))
    assert {label: text for label, text in facts.items() if label.startswith("metadata: ")} == {
        "metadata: task": "7",
        "metadata: imgsz": "big",
        "metadata: names": "{",
        "metadata: batch": "-1",
        "metadata: date": "None",
    }


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("", 9, ""),
        ("a  b\t\nc ", 9, "a b c"),
        ("é测试", 9, "é测试"),
        ("\x1b[0m", 9, "\\x1b[0m"),
        ("0123456789", 10, "0123456789"),
        ("0123456789a", 10, "0123456..."),
        ("\x00" * 10, 10, "\\x00\\x0..."),
        (" " * 10**6 + "a", 10, ""),
    ],
)
def test_one_line(text: str, limit: int, expected: str) -> None:
    assert one_line(text, limit) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("engines/trt10.0.1.6_sm89.plan", {"complete": "yes: 3,308 bytes, as it says"}),
        ("engines/trt8.6.0.12_sm90_version_compatible.head", {"built on": "not readable"}),
        ("engines/git_lfs_pointer.engine", {"kind": "Git LFS pointer (56,184,036 bytes)"}),
        ("models/polygraphy_ext_weights.onnx", {"external data": "ext_weights.data (not there)"}),
        ("models/custom_op_noisy_relu.onnx", {"custom operators": "of MyNoisyReluDomain"}),
    ],
)
def test_samples_tell_what_they_are(name: str, expected: dict[str, str]) -> None:
    facts = facts_of(sample(name))
    assert expected.items() <= facts.items()
