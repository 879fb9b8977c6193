"""Files that were damaged, or made to do harm: a clear answer, within a megabyte read.

The normal run tries the same few thousand files every time. `pytest -m slow` tries 20,000 others,
new ones each time; what fails is printed in a form that Hypothesis can repeat.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO, get_args

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from core.errors import EnginebayError, ModelFileError
from core.machine import Driver, Gpu, Machine, TensorRTModule
from core.modelfile import Kind, ModelFile, check_external_data, read_model_file
from core.modelfile.facts import all_facts, card_facts
from core.report import info_text
from core.verdict import judge
from tests.unit import onnx_models
from tests.unit.counted_reads import MEGABYTE, CountingFile, counted_reads, read_with_limit
from tests.unit.plan_writer import Layout, Plan, with_prefix

KINDS = get_args(Kind)

PLANS = [
    Plan(layout="flatbuffer-5"),
    Plan(layout="ptrt-7", version=(7, 1, 3, 0)),
    Plan(layout="ptrt-8.0", version=(8, 0, 1, 6)),
    Plan(layout="ptrt-8.2", version=(8, 5, 2, 2)),
    Plan(layout="ftrt-8.6"),
    Plan(layout="ftrt-8.6", version=(8, 6, 0, 12), sections=("LEAN", "ENGN")),
    Plan(layout="ftrt-10.9", version=(10, 9, 0, 34), sections=("ENGN", "WGHT")),
    Plan(layout="ftrt-10.9", version=(11, 4, 0, 106), hardware_compatibility=1),
]
each_plan = pytest.mark.parametrize("plan", PLANS, ids=lambda plan: f"{plan.layout} {plan.version}")
METADATA: list[dict[str, Any]] = [
    {"task": "detect", "names": "{0: 'cat', 1: 'dog'}", "imgsz": [64, 64], "stride": 32},
    {"task": "segment", "names": ["a"], "end2end": "True", "batch": "1", "imgsz": "[64, 32]"},
]
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 56184036\n"


def machines() -> list[Machine]:
    """One of each kind that the verdict tells apart."""
    gpu = Gpu("NVIDIA RTX 3060", "8.6", 12_000_000_000, 28)
    here = Machine(
        driver=Driver("570.86", (gpu,)),
        modules=(TensorRTModule("tensorrt", "10.9.0.34", "/site", "/lib/nvinfer.so.10", "10.9.0"),),
        has_pycuda=True,
        onnxruntime="1.20.1",
        system="Linux",
        is_jetson=False,
    )
    lean, dispatch = (
        TensorRTModule(name, version) for name, version in
        (("tensorrt_lean", "10.16.1.11"), ("tensorrt_dispatch", None))
    )  # fmt: skip
    full = (TensorRTModule("tensorrt", "8.5.3.1"), lean)
    return [
        here,
        dataclasses.replace(here, modules=full, system="Windows"),
        dataclasses.replace(here, modules=(lean, dispatch)),
        dataclasses.replace(here, modules=(dispatch,), has_pycuda=False),
        dataclasses.replace(here, driver=Driver(None, (), "no-driver"), is_jetson=True),
        dataclasses.replace(here, driver=Driver(None, (), "no-driver"), modules=()),
        dataclasses.replace(
            here, driver=Driver("1", (Gpu("K80", "3.7", 0), gpu)), onnxruntime=None
        ),
    ]


MACHINES = machines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def seeds(folder: Path) -> list[bytes]:
    """Whole files of every kind, to be damaged."""
    engines = [plan.to_bytes() for plan in PLANS]
    prefixed = [with_prefix(engines[4 + index], raw) for index, raw in enumerate(METADATA)]
    metadata = {key: str(value) for key, value in METADATA[0].items()}
    onnx = [
        onnx_models.identity(folder, metadata=metadata).read_bytes(),
        onnx_models.two_inputs(folder).read_bytes(),
    ]
    return [*engines, *prefixed, *onnx, LFS_POINTER, b""]


Step = tuple[str, float, int, bytes]
"""What to do, where (a part of the length), a number, and bytes."""

EXTREMES = [
    struct.pack(form, value)
    for form, values in (
        ("<Q", (0, 1, 24, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 24, 2**64 - 1)),
        ("<I", (0, 1, 2**31 - 1, 2**31, 2**32 - 1)),
    )
    for value in values
]
FIELDS = [0, 4, 8, 12, 16, 20, 24, 28, *range(32, 88, 4)]
"""Where lengths, counts, offsets and versions stand in one layout or another."""

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["flip", "field", "overwrite", "insert", "delete", "cut", "repeat", "splice"]
        ),
        st.floats(0.0, 1.0) | st.floats(0.0, 0.05),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=12) | st.sampled_from(EXTREMES),
    ),
    max_size=5,
)
beginnings = st.sampled_from(
    [b"ftrt", b"ptrt", b"ftrt\0\0\0\0\1\0\0\0\0\0\0\0", b"\x20\0\0\0{", b"\x08\x08\x3a", b""]
)
damage = st.tuples(st.integers(0, 2**16), steps) | st.tuples(
    beginnings, st.binary(max_size=400) | st.binary(min_size=100, max_size=2000)
)
holes = st.sampled_from([0, 0, 0, 1, 4096, 10**7, 10**10])
here = st.sampled_from(MACHINES)


def damaged(seeds: list[bytes], how: tuple[Any, Any]) -> bytes:
    """A seed with steps done to it, or a beginning with bytes after it."""
    first, rest = how
    if isinstance(first, bytes):
        return first + bytes(rest)
    data = seeds[first % len(seeds)]
    for step in rest:
        data = _do(data, step, seeds)
    return data


def _do(data: bytes, step: Step, seeds: list[bytes]) -> bytes:
    action, where, number, raw = step
    at = int(where * len(data))
    if action == "flip" and at < len(data):
        return data[:at] + bytes([data[at] ^ 1 << number % 8]) + data[at + 1 :]
    if action == "field":
        prefix = 4 + int.from_bytes(data[:4], "little") if data[4:5] == b"{" and number & 1 else 0
        at = prefix + FIELDS[number % len(FIELDS)]
    if action in ("field", "overwrite"):
        return data[:at] + raw + data[at + len(raw) :]
    if action == "insert":
        return data[:at] + raw + data[at:]
    if action == "delete":
        return data[:at] + data[at + len(raw) :]
    if action == "cut":
        return data[:at]
    if action == "repeat":
        return data[:at] + data[at : at + 64] * len(raw) + data[at:]
    other = seeds[number % len(seeds)]
    return data[:at] + other[int(where * len(other)) :]


def check(path: Path, data: bytes, hole: int, machine: Machine) -> ModelFile:
    """Everything that must hold of any file, in all that is done before a file is loaded."""
    path.write_bytes(data)
    if hole:
        os.truncate(path, len(data) + hole)
    try:
        file = read_with_limit(path)
    except EnginebayError as error:
        pytest.fail(f"a readable file must be identified, not refused: {error.kind}")
    assert file.size_bytes == len(data) + hole
    assert_told(file, machine)
    return file


def assert_told(file: ModelFile, machine: Machine) -> None:
    assert file.kind in KINDS
    problem = file.problem()
    if problem is None:
        assert file.kind in ("tensorrt-plan", "ultralytics-engine", "onnx")
    verdict = judge(file, machine)
    assert verdict.message
    assert verdict.can_run is not True or problem is None
    assert all(line.isprintable() for line in verdict.evidence)
    text = info_text(file, verdict, None)
    assert all(line.isprintable() for line in text.split("\n"))
    json.dumps(verdict.as_json(), allow_nan=False)
    if file.plan is not None:
        json.dumps(file.plan.as_json(), allow_nan=False)
        version = file.plan.tensorrt_version
        assert version is None or 5 <= int(version.split(".")[0]) <= 20
        assert len(file.plan.sections or ()) <= 64
    if file.metadata is not None:
        json.dumps(dict(file.metadata.raw), allow_nan=False)
    for line in (*card_facts(file), *(part for fact in all_facts(file) for part in fact)):
        assert line.isprintable()
        assert len(line) <= 1000
    if file.onnx is not None:
        json.dumps(file.onnx.graph.as_json(), allow_nan=False)
        with contextlib.suppress(ModelFileError):
            check_external_data(file.path)


# Files are written and read, so a slow disk must not fail the test.
common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)


@settings(common, max_examples=2000, derandomize=True)
@given(how=damage, hole=holes, machine=here)
def test_no_file_raises_or_is_read_beyond_a_megabyte(
    folder: Path, seeds: list[bytes], how: tuple[Any, Any], hole: int, machine: Machine
) -> None:
    event(check(folder / "file", damaged(seeds, how), hole, machine).kind)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@settings(common, max_examples=20_000, print_blob=True)
@given(how=damage, hole=holes, machine=here)
def test_of_many_more_files_none_raises_or_is_read_beyond_a_megabyte(
    folder: Path, seeds: list[bytes], how: tuple[Any, Any], hole: int, machine: Machine
) -> None:
    event(check(folder / "slow", damaged(seeds, how), hole, machine).kind)


def test_the_whole_files_are_what_they_should_be(folder: Path, seeds: list[bytes]) -> None:
    """So that what is damaged above is damaged, and not broken from the start."""
    kinds = []
    for data in seeds:
        (folder / "whole").write_bytes(data)
        file = read_model_file(folder / "whole")
        kinds.append(file.kind)
        for machine in MACHINES:
            assert_told(file, machine)
    expected = ["tensorrt-plan"] * 8 + ["ultralytics-engine"] * 2 + ["onnx"] * 2
    assert kinds == [*expected, "git-lfs-pointer", "empty"]


@each_plan
def test_every_flipped_bit_of_a_header_is_borne(folder: Path, plan: Plan) -> None:
    data = plan.to_bytes()
    for bit, machine in zip(range(8 * 64), itertools.cycle(MACHINES), strict=False):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        check(folder / "bit", bytes(flipped), 0, machine)


@each_plan
@pytest.mark.parametrize(
    "version",
    [(255, 255, 255, 255), (0, 0, 0, 0), (4, 0, 1, 6), (21, 0, 0, 0), (10, 100, 0, 0)],
    ids=str,
)
def test_an_implausible_version_is_not_readable_and_the_rest_is(
    folder: Path, plan: Plan, version: tuple[int, int, int, int]
) -> None:
    path = folder / "version"
    path.write_bytes(dataclasses.replace(plan, version=version).to_bytes())
    file = read_with_limit(path)
    header = file.plan
    assert header is not None
    assert header.tensorrt_version is None
    assert header.is_complete
    if plan.layout != "flatbuffer-5":
        assert header.build_gpu is not None
        assert header.build_gpu.sm_count == plan.sm_count
    for machine in MACHINES:
        assert_told(file, machine)
        assert judge(file, machine).can_run is not True


@pytest.mark.parametrize("version", [(5, 0, 0, 0), (9, 3, 0, 1), (11, 4, 1, 0), (12, 99, 255, 255)])
@pytest.mark.parametrize("layout", ["ftrt-8.6", "ftrt-10.9"])
def test_a_version_at_the_limits_reads(
    folder: Path, layout: Layout, version: tuple[int, int, int, int]
) -> None:
    path = folder / "version"
    path.write_bytes(Plan(layout=layout, version=version).to_bytes())
    header = read_model_file(path).plan
    assert header is not None
    assert header.tensorrt_version == ".".join(map(str, version))
    assert header.build_gpu is not None


@each_plan
@pytest.mark.parametrize("declared", [24, 25, 31, 2**63, 2**64 - 1])
def test_an_absurd_declared_size_is_told_as_incomplete(
    folder: Path, plan: Plan, declared: int
) -> None:
    path = folder / "declared"
    path.write_bytes(dataclasses.replace(plan, declared_bytes=declared).to_bytes())
    file = read_with_limit(path)
    for machine in MACHINES:
        assert_told(file, machine)
        assert judge(file, machine).can_run is not True
    if plan.layout == "flatbuffer-5":  # which is known by nothing but its size
        assert file.kind == "unknown"
    else:
        assert file.plan is not None
        assert not file.plan.is_complete
        assert file.kind == ("tensorrt-plan" if declared < 2**32 else "truncated-plan")


@pytest.mark.parametrize("declared", [0, 1])
def test_a_sectioned_plan_that_says_it_is_nothing_is_incomplete(
    folder: Path, declared: int
) -> None:
    path = folder / "declared"
    path.write_bytes(Plan(layout="ftrt-8.6", declared_bytes=declared).to_bytes())
    file = read_with_limit(path)
    answer = judge(file, MACHINES[0])
    assert (file.kind, answer.can_run) == ("tensorrt-plan", None)
    assert f"says that it has {declared} bytes" in judge(file, dataclasses.replace(
        MACHINES[0], modules=(TensorRTModule("tensorrt", "8.6.1"),)
    )).message  # fmt: skip


@pytest.mark.parametrize("size", [0, 1, 3, 24, 2**64 - 1])
def test_a_section_of_no_bytes_has_no_gpu(folder: Path, size: int) -> None:
    data = bytearray(Plan(layout="ftrt-8.6").to_bytes())
    struct.pack_into("<Q", data, 32 + 16, size)
    path = folder / "section"
    path.write_bytes(data)
    header = read_with_limit(path).plan
    assert header is not None
    assert header.sections == ("ENGN",)
    assert (header.build_gpu is None) == (size < 2**32)


@pytest.mark.parametrize("count", [65, 1000, 2**32, 2**64 - 1])
@pytest.mark.parametrize("sections", [("ENGN",), ("LEAN", "ENGN"), ("ENGN", "WGHT", "LEAN")])
def test_sections_that_an_absurd_count_invents_are_not_told(
    folder: Path, sections: tuple[str, ...], count: int
) -> None:
    data = bytearray(Plan(layout="ftrt-8.6", sections=sections).to_bytes())
    struct.pack_into("<Q", data, 8, count)
    path = folder / "count"
    path.write_bytes(data)
    header = read_with_limit(path).plan
    assert header is not None
    assert header.sections == sections
    assert header.embeds_native_code == ("LEAN" in sections)


class ChangingFile(CountingFile):
    """Another program writes while we read: the file gets another size before each read."""

    def __init__(self, file: BinaryIO, path: Path, sizes: list[int]) -> None:
        super().__init__(file)
        self._path, self._sizes = path, sizes

    def read(self, size: int = -1) -> bytes:
        if self._sizes:
            os.truncate(self._path, self._sizes.pop(0))
        return super().read(size)


def read_while_it_changes(path: Path, sizes: list[int]) -> ModelFile:
    """As read_model_file, on a file that has these sizes in turn once its size was asked."""
    real_open = Path.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Path,
            "open",
            lambda self, mode="r", **_: ChangingFile(
                real_open(self, mode, buffering=0), path, sizes
            ),
        )
        return read_model_file(path)


@pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody shorten an open file")
@pytest.mark.parametrize("left", [0, 1, 3, 4, 5, 16, 31, 32, 60, 100, 200])
def test_a_file_that_shrinks_while_it_is_read_is_borne(
    folder: Path, seeds: list[bytes], left: int
) -> None:
    path = folder / "shrinking"
    for data, reads in itertools.product(seeds, range(4)):
        path.write_bytes(data)
        sizes = [len(data)] * reads + [min(left, len(data))]
        try:
            file = read_while_it_changes(path, sizes)
        except ModelFileError:
            continue
        assert file.size_bytes == len(data)
        for machine in MACHINES:
            assert_told(file, machine)


@pytest.mark.parametrize("more", [1, 5000, 10**8])
def test_a_file_that_grows_while_it_is_read_is_told_as_it_was(
    folder: Path, seeds: list[bytes], more: int
) -> None:
    path = folder / "growing"
    for data in seeds:
        path.write_bytes(data)
        before = read_model_file(path)
        sizes = [len(data) + more * number for number in range(1, 6)]
        with counted_reads() as opened:
            assert read_model_file(path) == before
        assert sum(item.bytes_read for item in opened) <= MEGABYTE
        assert read_while_it_changes(path, sizes) == before


def test_class_names_that_are_code_or_controls_are_shown_as_they_stand(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = folder / "executed"
    code = f"__import__('pathlib').Path({str(trace)!r}).touch()"
    names = {"0": code, "1": "\x1b[2J\x1b]0;owned\x07", "2": "a\nruns here: yes"}
    path = folder / "best\x1b[2J.engine"
    try:
        path.write_bytes(with_prefix(PLANS[4].to_bytes(), {"task": code, "names": names}))
    except OSError:
        pytest.skip("this system has no such file names")
    file = read_model_file(path)
    assert file.metadata is not None
    assert file.metadata.names == (code, "[2J]0;owned", "a runs here: yes")
    for machine in MACHINES:
        text = info_text(file, judge(file, machine), None)
        assert code in text
        assert all(line.isprintable() for line in text.split("\n"))
    assert not trace.exists()
