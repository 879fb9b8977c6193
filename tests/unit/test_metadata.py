from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from core.modelfile import Metadata, read_model_file
from core.modelfile.metadata import parse_metadata
from tests.unit.plan_writer import Plan, with_prefix


@pytest.mark.parametrize(
    "names",
    [
        {0: "cat", 1: "dog"},
        {1: "dog", 0: "cat"},
        {"0": "cat", "1": "dog"},
        ["cat", "dog"],
        ("cat", "dog"),
        "{0: 'cat', 1: 'dog'}",
        '{"0": "cat", "1": "dog"}',
        '["cat", "dog"]',
        "('cat', 'dog')",
        "  ['cat', 'dog']",
    ],
)
def test_names_come_in_many_forms(names: object) -> None:
    assert parse_metadata({"names": names}).names == ("cat", "dog")


def test_names_that_are_no_text_are_written_out() -> None:
    assert parse_metadata({"names": [0, 1.5, None]}).names == ("0", "1.5", "None")
    assert parse_metadata({"names": "{0: 7}"}).names == ("7",)


def test_names_keep_any_language() -> None:
    assert parse_metadata({"names": "{0: '猫', 1: 'it\\'s'}"}).names == ("猫", "it's")


@pytest.mark.parametrize(
    "names",
    [
        None,
        "",
        "cat",
        "{",
        "{0: 'cat'",
        "{1: 'cat'}",  # ids do not begin at 0
        "{0: 'cat', 2: 'dog'}",
        {"-1": "cat", "0": "dog"},
        {"a": "cat"},
        {"": "cat"},
        "{(0, 1): 'cat'}",
        "{[0]: 'cat'}",  # a list cannot be a key
        "{{}}",
        "{1e999: 'cat'}",
        "{'inf': 'cat'}",
        {float("nan"): "cat"},
        {float("inf"): "cat"},
        "12",
        12,
        True,
        "'cat'",
        "cat, dog",
        "names = ['cat']",
        "lambda: ['cat']",
        "['cat' for _ in range(9)]",
        "[" * 100_000,
        "-" * 100_000 + "1",
        "1+" * 50_000 + "1",
        "9" * 100_000,
        "['" + "x" * 200_000 + "']",  # longer than is parsed
        "\0",
        "['a\0']",
        "\ud800",
    ],
    ids=lambda value: repr(value)[:30],
)
def test_malformed_names_read_as_absent(names: object) -> None:
    assert parse_metadata({"names": names}).names == ()


def test_code_in_metadata_is_never_evaluated(tmp_path: Path) -> None:
    trace = tmp_path / "executed"
    code = f"[open({str(trace)!r}, 'w').write('x')]"
    imported = f"[__import__('pathlib').Path({str(trace)!r}).touch()]"
    for text in (code, imported, f"{{0: {code[1:-1]}}}", f"f'{{{code[1:-1]}}}'"):
        raw = dict.fromkeys(("names", "imgsz", "stride", "channels", "end2end", "task"), text)
        metadata = parse_metadata(raw)
        assert metadata == Metadata(raw=raw, task=text)
        path = tmp_path / "model.engine"
        path.write_bytes(with_prefix(Plan(layout="ftrt-8.6").to_bytes(), raw))
        assert read_model_file(path).metadata == metadata
    assert not trace.exists()


@pytest.mark.parametrize(
    ("imgsz", "size_hw"),
    [
        (640, (640, 640)),
        ("640", (640, 640)),
        ([640], (640, 640)),
        ([480, 640], (480, 640)),
        ("[480, 640]", (480, 640)),
        ("(480, 640)", (480, 640)),
        ((480, 640), (480, 640)),
        ([1, 640], (1, 640)),
        (None, None),
        (0, None),
        (-640, None),
        ([640, 0], None),
        ([640, -1], None),
        ([], None),
        ("[]", None),
        (640.0, None),
        ("640.0", None),
        ([640, "640"], None),
        ("640x640", None),
        ("", None),
        (True, None),
        ([True, 640], None),
        ({"h": 640}, None),
        ([[640, 640]], None),
        ([1, 3, 480, 640], None),  # a shape, not a size
    ],
)
def test_imgsz_is_one_side_or_height_and_width(
    imgsz: object, size_hw: tuple[int, int] | None
) -> None:
    assert parse_metadata({"imgsz": imgsz}).image_size_hw == size_hw


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (32, 32),
        ("32", 32),
        (1, 1),
        ("1", 1),
        ([8, 16, 32], 8),
        (0, None),
        (-1, None),
        (True, None),
        ("True", None),
        (32.0, None),
        ("many", None),
        (None, None),
    ],
)
def test_stride_and_channels_are_positive_whole_numbers(value: object, number: int | None) -> None:
    assert parse_metadata({"stride": value}).stride == number
    assert parse_metadata({"channels": value}).channels == number


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        ("True", True),
        (False, False),
        ("False", False),
        ("true", False),
        (1, False),
        ("1", False),
        (None, False),
        ("not False", False),
    ],
)
def test_only_true_is_end_to_end(value: object, expected: bool) -> None:
    assert parse_metadata({"end2end": value}).end_to_end is expected


@pytest.mark.parametrize(
    ("args", "precision"),
    [
        ({"half": True}, "FP16"),
        ({"int8": True}, "INT8"),
        ({"int8": True, "half": True}, "INT8"),
        ({"int8": False, "half": True, "batch": 1}, "FP16"),
        ("{'batch': 1, 'half': True, 'int8': False}", "FP16"),
        ("{'int8': True}", "INT8"),
        ({"half": False, "int8": False}, None),
        ({"half": 1}, None),
        ({"half": "True"}, None),
        ({}, None),
        ("", None),
        ("{'half': True", None),
        ("{'half': __import__('os')}", None),
        ("half", None),
        (["half"], None),
        ("{{}: True}", None),
        (True, None),
        (None, None),
    ],
)
def test_precision_is_what_the_export_was_asked_for(args: object, precision: str | None) -> None:
    assert parse_metadata({"args": args}).precision == precision


@pytest.mark.parametrize(
    ("batch", "expected"), [(4, 4), ("4", 4), (0, None), (-1, None), ("many", None), (None, None)]
)
def test_batch_is_a_positive_whole_number(batch: object, expected: int | None) -> None:
    assert parse_metadata({"batch": batch}).batch == expected


def test_date_version_and_author_are_texts() -> None:
    raw = {"date": "2024-05-01T12:00:00", "version": "8.2.0", "author": "Ultralytics"}
    metadata = parse_metadata(raw)
    assert (metadata.date, metadata.version, metadata.author) == tuple(raw.values())
    for value in (8.2, None, ["8.2.0"], {"major": 8}):
        metadata = parse_metadata(dict.fromkeys(raw, value))
        assert (metadata.date, metadata.version, metadata.author) == (None, None, None)


def test_texts_are_taken_as_they_are_and_nothing_else_is() -> None:
    raw = {
        "task": "segment",
        "Image.BitmapPixelFormat": "Bgr8",
        "Image.NominalPixelRange": "NominalRange_0_255",
    }
    metadata = parse_metadata(raw)
    assert metadata.task == "segment"
    assert metadata.pixel_format == "Bgr8"
    assert metadata.pixel_range == "NominalRange_0_255"
    for value in (7, None, ["detect"], {"a": 1}, True):
        metadata = parse_metadata(dict.fromkeys(raw, value))
        assert (metadata.task, metadata.pixel_format, metadata.pixel_range) == (None, None, None)


def test_raw_metadata_is_kept_whole_and_is_a_copy() -> None:
    raw: dict[str, object] = {"author": "x", "names": "broken {", "custom": [1, {"a": None}]}
    metadata = parse_metadata(raw)
    before = dict(raw)
    raw.clear()
    assert metadata.raw == before


def test_ultralytics_is_told_by_its_three_keys() -> None:
    whole = {"task": "detect", "names": "", "imgsz": ""}
    assert parse_metadata(whole).is_ultralytics
    for missing in whole:
        part = {key: value for key, value in whole.items() if key != missing}
        assert not parse_metadata(part).is_ultralytics


def test_winml_keys_are_read_from_an_onnx_file(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 4, 4])
    result = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, 3, 4, 4])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["data"], ["out"])], "g", [value], [result]
    )
    model = helper.make_model(graph, ir_version=8)
    keys = {
        "Image.BitmapPixelFormat": "Gray8",
        "Image.ColorSpaceGamma": "SRGB",
        "Image.NominalPixelRange": "Normalized_0_1",
    }
    helper.set_model_props(model, keys)
    path = tmp_path / "winml.onnx"
    onnx.save(model, path)
    metadata = read_model_file(path).metadata
    assert metadata is not None
    assert metadata.raw == keys
    assert metadata.pixel_format == "Gray8"
    assert metadata.pixel_range == "Normalized_0_1"
    assert not metadata.is_ultralytics
