from __future__ import annotations

import gzip
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from core.errors import ModelFileError
from core.modelfile import read_model_file
from tests.unit.counted_reads import MEGABYTE, CountingFile, counted_reads, read_with_limit
from tests.unit.plan_writer import Plan, with_prefix

PLAN = Plan(layout="ftrt-8.6").to_bytes()
LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    b"size 56184036\n"
)


def onnx_bytes(**metadata: str) -> bytes:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 8, 8])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [64], [0.5] * 64)
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "g", [value], [result], [weights]
    )
    model = helper.make_model(graph, producer_name="tests", ir_version=8)
    helper.set_model_props(model, metadata)
    data: bytes = model.SerializeToString()
    return data


ONNX = onnx_bytes(task="detect", names="{0: 'cat'}", imgsz="[8, 8]")


def zip_bytes(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "data", "kind", "problem", "words"),
    [
        ("empty.engine", b"", "empty", "empty", "0 bytes"),
        ("pointer.engine", LFS_POINTER, "git-lfs-pointer", "git-lfs-pointer", "56,184,036 bytes"),
        ("pointer.onnx", LFS_POINTER, "git-lfs-pointer", "git-lfs-pointer", "56,184,036 bytes"),
        (
            "strange pointer.onnx",
            LFS_POINTER.replace(b"56184036", b"many"),
            "git-lfs-pointer",
            "git-lfs-pointer",
            "not the model.",
        ),
        ("words.engine", b"hello\nthere\n", "unknown", "unknown", "text"),
        ("page.onnx", b"<!DOCTYPE html><html>404</html>", "unknown", "unknown", "web page"),
        ("weights.engine", gzip.compress(b"x" * 99), "unknown", "unknown", "gzip"),
        ("photo.onnx", b"\x89PNG\r\n\x1a\n" + bytes(90), "unknown", "unknown", "picture"),
        ("photo.engine", b"\xff\xd8\xff\xe0" + bytes(90), "unknown", "unknown", "picture"),
        ("keras.onnx", b"\x89HDF\r\n\x1a\n" + bytes(90), "unknown", "unknown", "HDF5"),
        ("old.pt", pickle.dumps({"a": 1}, protocol=2), "unknown", "unknown", "pickle"),
        ("lite.onnx", b"\x1c\0\0\0TFL3" + bytes(90), "unknown", "unknown", "TensorFlow Lite"),
        ("zeros.engine", bytes(5000), "unknown", "unknown", "nor an ONNX model."),
        ("bytes.engine", b"\1\2\3" * 99, "unknown", "unknown", "nor an ONNX model."),
        ("mixed.engine", b"words\0words", "unknown", "unknown", "nor an ONNX model."),
        ("one byte.engine", b"\0", "unknown", "unknown", "nor an ONNX model."),
        ("half magic.engine", b"ftr", "unknown", "unknown", "text"),
        ("model.engine", PLAN, "tensorrt-plan", None, ""),
        ("plan named.onnx", PLAN, "tensorrt-plan", None, ""),
        ("plan named.txt", PLAN, "tensorrt-plan", None, ""),
        ("best.onnx", with_prefix(PLAN, {"task": "x"}), "ultralytics-engine", None, ""),
        ("model.onnx", ONNX, "onnx", None, ""),
        ("onnx named.engine", ONNX, "onnx", None, ""),
        ("no suffix", ONNX, "onnx", None, ""),
        ("cut.engine", PLAN[:-1], "truncated-plan", "truncated-plan", "cut off"),
        ("cut.onnx", ONNX[:-1], "onnx", "truncated-onnx", "cut off"),
        ("half.onnx", ONNX[: len(ONNX) // 2], "onnx", "truncated-onnx", "cut off"),
    ],
)
def test_content_tells_the_kind_whatever_the_suffix(
    tmp_path: Path, name: str, data: bytes, kind: str, problem: str | None, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    file = read_model_file(path)
    assert (file.path, file.kind, file.size_bytes) == (path, kind, len(data))
    found = file.problem()
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert found.kind == problem
        assert words in found.message
        assert name in found.message
        assert found.hint


def test_a_zip_is_named_as_what_pytorch_writes(tmp_path: Path) -> None:
    path = tmp_path / "model.engine"
    zip_bytes(path)
    file = read_model_file(str(path))  # text is as good as a Path
    assert file.kind == "unknown"
    problem = file.problem()
    assert problem is not None
    assert "zip archive" in problem.message


def test_a_model_is_told_by_its_bytes_and_a_cut_engine_is_none(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(ONNX)
    assert read_model_file(path).kind == "onnx"
    for data, kind in ((PLAN, "tensorrt-plan"), (with_prefix(PLAN, {}), "ultralytics-engine")):
        path.write_bytes(data)
        assert read_model_file(path).kind == kind
        path.write_bytes(data[:-1])
        assert read_model_file(path).kind == "truncated-plan"


def test_metadata_comes_from_the_prefix_and_from_onnx_alike(tmp_path: Path) -> None:
    raw = {"task": "detect", "names": "{0: 'cat'}", "imgsz": "[8, 8]"}
    for data in (with_prefix(PLAN, raw), ONNX):
        path = tmp_path / "model"
        path.write_bytes(data)
        metadata = read_model_file(path).metadata
        assert metadata is not None
        assert metadata.raw == raw
        assert metadata.is_ultralytics
        assert metadata.names == ("cat",)
        assert metadata.image_size_hw == (8, 8)


def test_models_without_metadata_have_none(tmp_path: Path) -> None:
    for data in (PLAN, onnx_bytes()):
        path = tmp_path / "model"
        path.write_bytes(data)
        assert read_model_file(path).metadata is None


def refusal(path: Path | str) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        read_model_file(path)
    assert caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.engine")
    assert error.kind == "not-found"
    assert "none.engine" in error.message


def test_a_folder_is_no_model(tmp_path: Path) -> None:
    assert refusal(tmp_path).kind == "folder"


@pytest.mark.parametrize("method", ["open", "stat"])
def test_a_file_without_permission_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(PLAN)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, method, denied)
        error = refusal(path)
    assert error.kind == "no-permission"
    assert "model.engine" in error.message


def test_a_disk_that_fails_is_unreadable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(PLAN)

    class BrokenFile(CountingFile):
        def read(self, size: int = -1) -> bytes:
            raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        real_open: Callable[..., Any] = Path.open
        patch.setattr(Path, "open", lambda self, mode, **_: BrokenFile(real_open(self, mode)))
        error = refusal(path)
    assert error.kind == "unreadable"
    assert "Input/output error" in error.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    path = tmp_path / "pipe.engine"
    os.mkfifo(path)
    assert refusal(path).kind == "not-a-file"


def test_symlinks_are_followed_and_loops_are_unreadable(tmp_path: Path) -> None:
    one, two = tmp_path / "one.engine", tmp_path / "two.engine"
    try:
        one.symlink_to(two)
    except OSError:
        pytest.skip("this user may not make symbolic links")
    assert refusal(one).kind == "not-found"
    two.symlink_to(one)
    assert refusal(one).kind == "unreadable"
    two.unlink()
    two.write_bytes(PLAN)
    assert read_model_file(one).kind == "tensorrt-plan"


@pytest.mark.parametrize("path", ["a\0b.engine", "x" * 5000])
def test_impossible_paths_are_refused(path: str) -> None:
    assert refusal(path).kind == "unreadable"


@pytest.mark.parametrize("length", [-1, -(2**31), 0, 1, 2**31 - 1, 700_000])
def test_a_prefix_with_an_absurd_length_is_no_prefix(tmp_path: Path, length: int) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(struct.pack("<i", length) + b'{"task": "detect"}' + PLAN)
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)  # so that the length lies within the file
    assert read_with_limit(path).kind == "unknown"


@pytest.mark.parametrize(
    "prefix",
    {
        "deep lists": b'{"names": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        "cut JSON": b'{"names": ["a"',
        "no UTF-8": b'{"names": "\xff\xfe"}',
        "too many digits": b'{"stride": ' + b"9" * 5000 + b"}",
        "two objects": b"{}{}",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_prefix_that_is_no_json_is_no_prefix(tmp_path: Path, prefix: tuple[str, bytes]) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(with_prefix(PLAN, prefix[1]))
    assert read_with_limit(path).kind == "unknown"


def test_json_without_a_plan_behind_it_is_no_engine(tmp_path: Path) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(with_prefix(b"no plan" * 40, {"task": "detect"}))
    assert read_model_file(path).kind == "unknown"


def test_a_prefix_with_numbers_that_json_cannot_write_can_be_written_all_the_same(
    tmp_path: Path,
) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(with_prefix(PLAN, b'{"a": NaN, "b": -Infinity, "c": 1e999, "d": 0.5}'))
    metadata = read_model_file(path).metadata
    assert metadata is not None
    assert metadata.raw == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": 0.5}
    json.dumps(dict(metadata.raw), allow_nan=False)


@pytest.mark.parametrize("offset", [0, 31, 10**6, 2**31, 2**32, 2**63, 2**64 - 1, 2**64 - 56])
def test_a_section_that_points_outside_gives_no_gpu(tmp_path: Path, offset: int) -> None:
    data = bytearray(PLAN)
    struct.pack_into("<Q", data, 32 + 8, offset)
    path = tmp_path / "model.engine"
    path.write_bytes(data)
    file = read_with_limit(path)
    assert file.kind == "tensorrt-plan"
    assert file.plan is not None
    assert file.plan.sections == ("ENGN",)
    assert file.plan.build_gpu is None


@pytest.mark.parametrize("count", [0, 65, 170, 2**32, 2**64 - 1])
def test_an_absurd_number_of_sections_is_bounded(tmp_path: Path, count: int) -> None:
    data = bytearray(PLAN)
    struct.pack_into("<Q", data, 8, count)
    path = tmp_path / "model.engine"
    path.write_bytes(data)
    file = read_with_limit(path)
    assert file.kind == "tensorrt-plan"
    assert file.plan is not None
    assert file.plan.sections is not None
    assert len(file.plan.sections) <= min(count, 64)


def test_an_onnx_whose_fields_claim_more_than_the_file_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    huge = b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f"
    path.write_bytes(b"\x08\x08" + b"\x3a" + huge)  # ir_version 8, graph of 2**63-1 bytes
    file = read_with_limit(path)
    assert file.kind == "onnx"
    problem = file.problem()
    assert problem is not None
    assert problem.kind == "truncated-onnx"


def test_the_most_that_a_hostile_file_makes_us_read_is_a_megabyte(tmp_path: Path) -> None:
    # A prefix as long as is taken, that is an ONNX's producer name too, then all the metadata
    # and fields that are read.
    start = b"\x12\x03\x09\x00{"  # the prefix's length 0x00090312; producer_name of 3 bytes
    entry = b"\x72\x90\x4e" + bytes(10_000)  # metadata_props of 10000 bytes
    field = b"\x3a\x00"  # an empty graph
    path = tmp_path / "model.onnx"
    path.write_bytes(start + b"\x08\x08" + entry * 100 + field * 10_000)
    with counted_reads() as opened:
        assert read_model_file(path).kind == "onnx"
    assert 880_000 < opened[0].bytes_read <= MEGABYTE


def test_the_models_made_here_are_what_the_onnx_package_accepts() -> None:
    onnx.checker.check_model(onnx.load_from_string(ONNX))


def test_an_engine_copied_as_text_has_no_version_that_it_never_had(tmp_path: Path) -> None:
    """Its line feed, byte 10 of TensorRT 10, then stands behind a carriage return, byte 13."""
    path = tmp_path / "crlf.engine"
    plan = Plan(layout="ftrt-10.9", version=(10, 3, 0, 26)).to_bytes()
    path.write_bytes(plan.replace(b"\n", b"\r\n"))
    file = read_model_file(path)
    assert file.plan is not None
    assert file.plan.tensorrt_version is None
