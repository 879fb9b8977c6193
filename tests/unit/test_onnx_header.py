from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.modelfile import OnnxGraph, OnnxHeader, read_model_file
from core.modelfile.onnx_header import read_onnx_header


def graph(weights: int = 4) -> onnx.GraphProto:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [weights])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [weights])
    constant = numpy_helper.from_array(np.zeros(weights, np.float32), "w")
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return helper.make_graph([node], "g", [value], [result], [constant])


def model(weights: int = 4, props: dict[str, str] | None = None, **fields: Any) -> onnx.ModelProto:
    made = helper.make_model(graph(weights), **{"ir_version": 8, **fields})
    helper.set_model_props(made, props or {})
    return made


def header_of(data: bytes) -> OnnxHeader | None:
    return read_onnx_header(io.BytesIO(data), len(data))


def save(folder: Path, made: onnx.ModelProto, **options: Any) -> Path:
    path = folder / "model.onnx"
    onnx.save(made, path, **options)
    return path


def read(path: Path) -> OnnxHeader:
    file = read_model_file(path)
    assert file.kind == "onnx"
    assert file.problem() is None
    assert file.onnx is not None
    return file.onnx


def test_a_whole_model_reads_as_the_onnx_package_wrote_it(tmp_path: Path) -> None:
    made = model(
        props={"author": "测试", "names": "{0: 'a'}", "empty": ""},
        producer_name="pytorch",
        producer_version="2.4.0",
        domain="org.example",
        model_version=7,
        doc_string="words " * 1000,
        opset_imports=[
            helper.make_opsetid("", 17),
            helper.make_opsetid("ai.onnx.ml", 3),
            helper.make_opsetid("com.microsoft", 1),
        ],
    )
    header = read(save(tmp_path, made))
    assert header.graph.operators == 1
    assert replace(header, graph=OnnxGraph()) == OnnxHeader(
        ir_version=8,
        producer="pytorch 2.4.0",
        opsets={"": 17, "ai.onnx.ml": 3, "com.microsoft": 1},
        metadata={"author": "测试", "names": "{0: 'a'}", "empty": ""},
        is_truncated=False,
    )


@pytest.mark.parametrize(
    ("fields", "producer"),
    [
        ({}, ""),
        ({"producer_name": "keras2onnx"}, "keras2onnx"),
        ({"producer_version": "1.0"}, "1.0"),
    ],
)
def test_the_producer_may_be_partly_unknown(
    tmp_path: Path, fields: dict[str, str], producer: str
) -> None:
    assert read(save(tmp_path, model(**fields))).producer == producer


def test_functions_and_training_info_are_passed_over(tmp_path: Path) -> None:
    made = model(props={"a": "b"})
    for index in range(50):
        made.functions.append(
            helper.make_function(
                "local",
                f"F{index}",
                ["a"],
                ["b"],
                [helper.make_node("Identity", ["a"], ["b"])],
                [helper.make_opsetid("", 17)],
            )
        )
    made.training_info.add().algorithm.CopyFrom(graph())
    header = read(save(tmp_path, made))
    assert header.metadata == {"a": "b"}
    assert not header.is_truncated


def test_external_data_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = save(
        tmp_path, model(1000), save_as_external_data=True, location="w.bin", size_threshold=0
    )
    assert (tmp_path / "w.bin").stat().st_size == 4000
    (tmp_path / "w.bin").unlink()
    header = read_model_file(path).onnx
    assert header is not None
    assert not header.is_truncated


def test_weights_are_never_read() -> None:
    class CountingBytes(io.BytesIO):
        count = 0

        def read(self, size: int | None = -1) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    data = model(5_000_000, props={"after": "the graph"}).SerializeToString()
    file = CountingBytes(data)
    header = read_onnx_header(file, len(data))
    assert header is not None
    assert header.metadata == {"after": "the graph"}
    assert file.count < 1000 < len(data)


def test_a_cut_shows_wherever_it_falls_between_two_fields_or_not() -> None:
    made = model(
        props={"k" * 200: "v" * 200, "b": "c"}, producer_name="tests", producer_version="1"
    )
    data = made.SerializeToString()
    assert header_of(data) is not None
    at, ends, graph_begins = 0, set(), None
    for field in ("ir_version", "producer_name", "producer_version", "graph"):
        part = onnx.ModelProto()
        value = getattr(made, field)
        if field == "graph":
            part.graph.CopyFrom(value)
            body = made.graph.ByteSize()
            graph_begins = at + part.ByteSize() - body
        else:
            setattr(part, field, value)
        at += part.ByteSize()
        ends.add(at)
    for field in ("opset_import", "metadata_props"):
        for entry in getattr(made, field):
            part = onnx.ModelProto()
            getattr(part, field).add().CopyFrom(entry)
            at += part.ByteSize()
            ends.add(at)
    assert at == len(data)
    assert graph_begins is not None
    for cut in range(len(data) + 1):
        header = header_of(data[:cut])
        if cut < graph_begins:
            assert header is None, cut
        else:
            assert header is not None, cut
            assert header.is_truncated == (cut not in ends), cut


@pytest.mark.parametrize(
    "data",
    {
        "nothing": b"",
        "text": b"just some words, long enough for a header",
        "zeros": bytes(100),
        "0xff": b"\xff" * 100,
        "no graph": b"\x08\x08\x12\x02ab",
        "no ir_version": b"\x3a\x00",
        "ir_version 0": b"\x08\x00\x3a\x00",
        "ir_version 101": b"\x08\x65\x3a\x00",
        "graph as a number": b"\x08\x08\x38\x01",
        "ir_version as text": b"\x0a\x01\x08\x3a\x00",
        "field 9": b"\x08\x08\x3a\x00\x4a\x00",
        "field 0": b"\x08\x08\x3a\x00\x02\x00",
        "a tag without end": b"\x08\x08\x3a\x00" + b"\x80" * 30,
        "a length without end": b"\x08\x08\x3a" + b"\x80" * 30,
        "a group": b"\x08\x08\x3a\x00\x3b",
        "TFLite": b"\x1c\0\0\0TFL3" + bytes(50),
    }.items(),
    ids=lambda item: item[0],
)
def test_what_is_no_model_has_no_header(data: tuple[str, bytes]) -> None:
    assert header_of(data[1]) is None


def test_the_smallest_model_is_a_version_and_a_graph() -> None:
    assert header_of(b"\x08\x08\x3a\x00") == OnnxHeader(8, "", {}, {}, False)


def test_ir_version_has_limits_that_real_ones_never_reach() -> None:
    for version in (1, 3, 12, 100):
        header = header_of(bytes((0x08, version, 0x3A, 0)))
        assert header is not None
        assert header.ir_version == version


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 255, 256, 16_383, 16_384, 32_768])
def test_texts_of_every_length_are_read(length: int) -> None:
    header = header_of(model(props={"key": "v" * length, "b": "c"}).SerializeToString())
    assert header is not None
    assert header.metadata == {"key": "v" * length, "b": "c"}


def test_the_last_of_two_equal_keys_counts() -> None:
    made = model()
    for value in ("first", "second"):
        entry = made.metadata_props.add()
        entry.key, entry.value = "key", value
    header = header_of(made.SerializeToString())
    assert header is not None
    assert header.metadata == {"key": "second"}


def test_metadata_beyond_the_limit_is_left_out_and_the_rest_is_read() -> None:
    header = header_of(model(props={"big": "x" * 400_000, "small": "y"}).SerializeToString())
    assert header is not None
    assert header.metadata == {"small": "y"}
    assert not header.is_truncated


def test_metadata_that_is_damaged_inside_is_read_as_far_as_it_goes() -> None:
    start = b"\x08\x08\x3a\x00"
    for body in (b"\xff", b"\x0a", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x0b\x01", b""):
        header = header_of(start + b"\x72" + bytes((len(body),)) + body + b"\x42\x02\x10\x11")
        assert header is not None
        assert header.opsets == {"": 17}
        assert list(header.metadata.values()) == [""]


def test_text_that_is_no_utf_8_is_replaced() -> None:
    header = header_of(b"\x08\x08\x12\x02\xff\xfe\x3a\x00")
    assert header is not None
    assert header.producer == "\ufffd\ufffd"
