"""External data of ONNX files: found wherever it may hide, and refused where it leads away."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from core.errors import ModelFileError
from core.modelfile import check_external_data, read_model_file
from core.modelfile import external_data as module
from tests.unit import onnx_models
from tests.unit.onnx_models import external_tensor
from tests.unit.wire import length, nested, varint

Hide = Callable[[onnx.TensorProto], onnx.ModelProto]

OUTSIDE = (
    "/etc/passwd",
    "//server/share/w.bin",
    "\\\\server\\share\\w.bin",
    "\\w.bin",
    "C:\\x",
    "c:w.bin",
    "C:/x",
    "../../x",
    "..",
    "../models/w.bin",  # back in again, but by a way that leaves
    "a/../../w.bin",
    "a\\..\\..\\w.bin",
    "./.././w.bin",
    "a/b/../../../w.bin",
    "w.bin\0/../../../etc/passwd",
    "*/_ORT_MEM_ADDR_/*",
    "x/" * 20_000 + "w.bin",
)


def refusal(path: Path) -> ModelFileError:
    with pytest.raises(ModelFileError) as caught:
        check_external_data(path)
    assert caught.value.hint
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300
    assert path.name in caught.value.message
    return caught.value


def problem_of(path: Path) -> ModelFileError | None:
    return read_model_file(path).problem()


def both(path: Path) -> ModelFileError:
    """The refusal, which the card and the check before loading word alike."""
    error, known = refusal(path), problem_of(path)
    assert known is not None
    assert (known.kind, known.message, known.hint) == (error.kind, error.message, error.hint)
    return error


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("location", OUTSIDE, ids=lambda text: repr(text)[:30])
def test_a_location_outside_the_folder_is_refused(folder: Path, location: str) -> None:
    error = both(onnx_models.external_data(folder, location))
    assert error.kind == "external-data-outside"
    if len(location) < 30:
        assert location.replace("\0", "\\x00") in error.message


@pytest.mark.parametrize(
    "location", ["w.bin", "./w.bin", "sub/w.bin", "sub/../w.bin", "..w.bin", "a..b", "w b.bin", "é"]
)
def test_a_file_in_the_folder_is_taken(folder: Path, location: str) -> None:
    (folder / "sub").mkdir()
    (folder / location).write_bytes(bytes(768))
    path = onnx_models.external_data(folder, location)
    check_external_data(path)
    assert problem_of(path) is None
    assert read_model_file(path).external.locations == (location,)


def test_a_model_named_without_its_folder_is_looked_for_in_the_current_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx_models.external_data(folder, "w.bin")
    (folder / "w.bin").write_bytes(bytes(768))
    monkeypatch.chdir(folder)
    check_external_data(Path("external.onnx"))
    assert problem_of(Path("external.onnx")) is None


def link(path: Path, target: Path) -> None:
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("this user may not make symbolic links")


@pytest.mark.parametrize("location", ["w.bin", "sub/w.bin"])
def test_a_symbolic_link_out_of_the_folder_is_refused(folder: Path, location: str) -> None:
    outside = folder.parent / "outside"
    outside.mkdir()
    (outside / "w.bin").write_bytes(bytes(768))
    link(folder / location.partition("/")[0], outside / location.partition("/")[2] or outside)
    if location == "w.bin":
        (folder / location).unlink()
        link(folder / location, outside / "w.bin")
    assert both(onnx_models.external_data(folder, location)).kind == "external-data-outside"


def test_a_symbolic_link_within_the_folder_is_taken(folder: Path) -> None:
    (folder / "real.bin").write_bytes(bytes(768))
    link(folder / "w.bin", folder / "real.bin")
    check_external_data(onnx_models.external_data(folder, "w.bin"))


def test_model_and_weights_that_are_links_into_one_folder_are_taken(folder: Path) -> None:
    """As the Hugging Face cache keeps them."""
    blobs = folder.parent / "blobs"
    blobs.mkdir()
    onnx_models.external_data(blobs, "w.bin").rename(blobs / "1")
    (blobs / "2").write_bytes(bytes(768))
    link(folder / "model.onnx", blobs / "1")
    link(folder / "w.bin", blobs / "2")
    check_external_data(folder / "model.onnx")
    assert problem_of(folder / "model.onnx") is None


def test_a_loop_of_links_is_no_file(folder: Path) -> None:
    link(folder / "w.bin", folder / "w.bin")
    assert both(onnx_models.external_data(folder, "w.bin")).kind == "external-data"


# missing


def many(folder: Path, locations: list[str]) -> Path:
    tensors = [external_tensor(one, f"w{n}") for n, one in enumerate(locations)]
    graph = helper.make_graph([], "g", [], [], tensors)
    path = folder / "many.onnx"
    path.write_bytes(helper.make_model(graph, ir_version=8).SerializeToString())
    return path


def test_missing_files_are_counted_each_once_and_the_first_is_named(folder: Path) -> None:
    (folder / "there").write_bytes(b"")
    path = many(folder, ["b", "there", "a", "b", "c"])
    error = both(path)
    assert error.kind == "external-data"
    assert error.message == (
        "many.onnx keeps weights in other files, which are not there: b and 2 more."
    )
    assert read_model_file(path).external.missing == ("b", "a", "c")
    assert both(many(folder, ["there", "b"])).message == (
        "many.onnx keeps weights in another file b, which is not there."
    )


def test_an_outside_location_goes_before_a_missing_one(folder: Path) -> None:
    assert both(many(folder, ["a", "b", "/etc/passwd"])).kind == "external-data-outside"


@pytest.mark.parametrize(("offset", "length", "is_short"), [
    ("0", "16", False), ("4", "12", False), ("4", "16", True), ("0", "17", True),
    ("99", "", False), ("-9", "16", False), ("", "9" * 30, False),
])  # fmt: skip
def test_a_file_that_ends_before_its_weights_is_named_with_what_is_lacking(
    folder: Path, offset: str, length: str, is_short: bool
) -> None:
    (folder / "w.bin").write_bytes(bytes(16))
    tensor = external_tensor("w.bin")
    del tensor.external_data[1:]
    for key, value in (("offset", offset), ("length", length)):
        if value:
            tensor.external_data.add(key=key, value=value)
    path = folder / "model.onnx"
    path.write_bytes(model_of(constant(tensor)).SerializeToString())
    if not is_short:
        check_external_data(path)
        return
    error = refusal(path)
    assert error.kind == "external-data"
    assert f"it has 16 bytes, and {int(offset) + int(length)} are asked for" in error.message


def test_a_folder_is_no_file(folder: Path) -> None:
    (folder / "w.bin").mkdir()
    assert both(onnx_models.external_data(folder, "w.bin")).kind == "external-data"
    assert both(onnx_models.external_data(folder, ".")).kind == "external-data"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes are POSIX's")
def test_a_pipe_is_no_file_and_nobody_waits_for_it(folder: Path) -> None:
    os.mkfifo(folder / "w.bin")
    assert both(onnx_models.external_data(folder, "w.bin")).kind == "external-data"


def test_a_name_that_no_system_takes_is_missing(folder: Path) -> None:
    assert both(onnx_models.external_data(folder, "w" * 5000)).kind == "external-data"


def test_a_location_in_terminal_codes_is_written_out(folder: Path) -> None:
    error = both(onnx_models.external_data(folder, "\x1b[2J\nw.bin"))
    assert "\\x1b[2J w.bin" in error.message


# hiding places


def model_of(*nodes: onnx.NodeProto, **more: object) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(list(nodes), "g", [], [], **more), ir_version=8)


def branch(*nodes: onnx.NodeProto, **more: object) -> onnx.GraphProto:
    return helper.make_graph(list(nodes), "branch", [], [], **more)


def constant(tensor: onnx.TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], value=tensor)


def if_node(then: onnx.GraphProto) -> onnx.NodeProto:
    return helper.make_node("If", ["x"], ["y"], then_branch=then, else_branch=branch())


def in_function(tensor: onnx.TensorProto) -> onnx.ModelProto:
    made = model_of()
    opset = [helper.make_opsetid("", 17)]
    made.functions.append(helper.make_function("d", "F", [], ["c"], [constant(tensor)], opset))
    return made


def in_function_default(tensor: onnx.TensorProto) -> onnx.ModelProto:
    made = in_function(numpy_helper.from_array(np.ones(1), "w"))
    made.functions[0].attribute_proto.append(helper.make_attribute("value", tensor))
    return made


def in_training(tensor: onnx.TensorProto) -> onnx.ModelProto:
    made = model_of()
    made.training_info.add().algorithm.initializer.append(tensor)
    return made


def sparse(values: onnx.TensorProto, indices: onnx.TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=values, indices=indices, dims=[200])


SMALL = numpy_helper.from_array(np.ones(1, np.int64), "small")
HIDING: dict[str, Hide] = {
    "an initializer": lambda t: model_of(initializer=[t]),
    "a constant": lambda t: model_of(constant(t)),
    "a list of tensors": lambda t: model_of(helper.make_node("F", [], ["y"], values=[SMALL, t])),
    "a body": lambda t: model_of(if_node(branch(initializer=[t]))),
    "a constant in a body": lambda t: model_of(if_node(branch(constant(t)))),
    "a body in a body": lambda t: model_of(if_node(branch(if_node(branch(constant(t)))))),
    "a list of bodies": lambda t: model_of(
        helper.make_node("F", [], ["y"], bodies=[branch(), branch(initializer=[t])])
    ),
    "sparse values": lambda t: model_of(sparse_initializer=[sparse(t, SMALL)]),
    "sparse indices": lambda t: model_of(sparse_initializer=[sparse(SMALL, t)]),
    "a sparse constant": lambda t: model_of(
        helper.make_node("Constant", [], ["c"], sparse_value=sparse(t, SMALL))
    ),
    "a list of sparse tensors": lambda t: model_of(
        helper.make_node("F", [], ["y"], values=[sparse(t, SMALL)])
    ),
    "a function": in_function,
    "a function's default": in_function_default,
    "training": in_training,
}


@pytest.mark.parametrize("place", HIDING)
@pytest.mark.parametrize(
    ("location", "kind"),
    [("/etc/passwd", "external-data-outside"), ("none.bin", "external-data"), ("w.bin", None)],
)
def test_external_data_is_found_wherever_it_is(
    folder: Path, place: str, location: str, kind: str | None
) -> None:
    (folder / "w.bin").write_bytes(bytes(768))
    path = folder / "m.onnx"
    path.write_bytes(HIDING[place](external_tensor(location)).SerializeToString())
    if kind is None:
        check_external_data(path)
        assert problem_of(path) is None
    else:
        assert refusal(path).kind == kind


def entry(key: bytes, value: bytes) -> bytes:
    return length(13, length(1, key) + length(2, value))


GROUP = b"\x9b\x06\x0a\x03abc\x9c\x06"  # field 99
PLACE = entry(b"location", b"/etc/passwd")
TRICKS: dict[str, bytes] = {
    "said before the place": b"\x70\x01" + PLACE,
    "after a group": b"\x70\x01" + GROUP + PLACE,
    "after fixed fields": b"\x99\x06" + bytes(8) + b"\x9d\x06" + bytes(4) + PLACE + b"\x70\x01",
    "a group in the entry": b"\x70\x01"
    + length(13, GROUP + length(1, b"location") + GROUP + length(2, b"/etc/passwd")),
    "the place before the key": b"\x70\x01"
    + length(13, length(2, b"/etc/passwd") + length(1, b"location")),
    "the last key counts": b"\x70\x01"
    + length(13, length(1, b"x") + length(1, b"location") + length(2, b"/etc/passwd")),
    "two places": b"\x70\x01" + PLACE + entry(b"location", b"w.bin"),
    "two places, the other way": b"\x70\x01" + entry(b"location", b"w.bin") + PLACE,
    "numbers written long": b"\xea\x80\x80\x00" + varint(len(PLACE) - 2) + PLACE[2:] + b"\x70\x01",
    "not said to count": PLACE,  # another part of the message may say so
    "no UTF-8": b"\x70\x01" + entry(b"location", b"\xff.bin"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_no_way_of_writing_it_hides_a_location(folder: Path, trick: str) -> None:
    (folder / "w.bin").write_bytes(bytes(768))
    path = folder / "m.onnx"
    data = b"\x08\x08" + length(7, length(5, b"\x08\x04\x10\x01" + TRICKS[trick]))
    path.write_bytes(data)
    assert refusal(path).kind == "external-data-outside"
    tensor = onnx.load_from_string(data).graph.initializer[0]  # protobuf reads it too
    values = [one.value for one in tensor.external_data if one.key == "location"]
    assert {"/etc/passwd", b"\xff.bin"} & {*values}


def test_a_place_that_is_not_said_to_count_and_not_there_is_no_fault(folder: Path) -> None:
    tensor = external_tensor("none.bin")
    tensor.data_location = TensorProto.DEFAULT
    path = folder / "m.onnx"
    path.write_bytes(model_of(initializer=[tensor]).SerializeToString())
    check_external_data(path)
    assert problem_of(path) is None


# limits


def test_bodies_nested_ten_thousand_deep_are_refused(folder: Path) -> None:
    path = folder / "deep.onnx"
    hidden = length(5, external_tensor("/etc/passwd").SerializeToString())
    path.write_bytes(b"\x08\x08" + length(7, nested(10_000, hidden)))
    error = both(path)
    assert error.kind == "damaged-onnx"
    assert "nested more than 128 deep" in error.message
    path.write_bytes(b"\x08\x08" + length(7, nested(30, hidden)))
    assert both(path).kind == "external-data-outside"


@pytest.mark.parametrize("data", [b"words", b"\x3a\x7f", b"\x3a" + varint(2**62), b"\xff" * 40])
def test_what_is_no_protobuf_is_damaged(folder: Path, data: bytes) -> None:
    path = folder / "m.onnx"
    path.write_bytes(data)
    assert refusal(path).kind == "damaged-onnx"


def test_a_file_that_is_not_there_is_unreadable(folder: Path) -> None:
    assert refusal(folder / "m.onnx").kind == "unreadable"


def test_a_long_file_is_walked_with_little_memory_and_its_weights_are_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """5,000 places, and after them a tensor of 3 GB in a file that is mostly a hole."""
    path, raw = folder / "big.onnx", 3 * 10**9
    places = b"".join(
        length(5, b"\x70\x01" + entry(b"location", b"missing/%d" % n)) for n in range(5_000)
    )
    after = length(5, external_tensor("/etc/passwd").SerializeToString())
    tensor = b"\x2a" + varint(1 + len(varint(raw)) + raw) + b"\x4a" + varint(raw)
    size = len(places) + len(tensor) + raw + len(after)
    start = b"\x08\x08\x3a" + varint(size) + places + tensor
    with path.open("wb") as file:
        file.write(start)
        file.seek(len(start) + raw)
        file.write(after)
    monkeypatch.setattr(module._Folder, "size", lambda self, location: None)
    tracemalloc.start()
    try:
        assert refusal(path).kind == "external-data-outside"
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def places_in(message: Any) -> set[str]:
    """Every external location in a message, as protobuf's own parser found it."""
    found = set()
    for _, value in message.ListFields():
        for part in [value] if hasattr(value, "ListFields") else value if _is_list(value) else []:
            if isinstance(part, TensorProto) and part.data_location == TensorProto.EXTERNAL:
                found |= {str(one.value) for one in part.external_data if one.key == "location"}
            elif hasattr(part, "ListFields"):
                found |= places_in(part)
    return found


def _is_list(value: object) -> bool:
    return not isinstance(value, (str, bytes)) and hasattr(value, "__iter__")


MODELS = [
    HIDING[place](external_tensor("/etc/passwd")).SerializeToString() for place in sorted(HIDING)
]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.sampled_from(MODELS),
    changes=st.lists(st.tuples(st.integers(0, 10**4), st.binary(max_size=4)), max_size=3),
)
def test_what_protobuf_finds_after_damage_is_found_here(
    mutants: Path, data: bytes, changes: list[tuple[int, bytes]]
) -> None:
    for where, new in changes:
        at = where % len(data)
        data = data[:at] + new + data[at + (len(new) + where) % 5 :]
    path = mutants / "m.onnx"
    path.write_bytes(data)
    try:
        check_external_data(path)
    except ModelFileError:
        return
    try:
        made = onnx.load_from_string(data)
    except DecodeError:
        return
    assert places_in(made) <= {""}


@pytest.fixture(scope="module")
def mutants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutants")
