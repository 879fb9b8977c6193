from __future__ import annotations

import dataclasses
import io
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.modelfile import BuildGpu, PlanHeader, read_model_file
from core.modelfile.plan import read_plan_header
from tests.unit.plan_writer import Layout, Plan, with_prefix

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "engines"

PLANS: dict[str, Plan] = {
    "5": Plan(layout="flatbuffer-5"),
    "7.0": Plan(layout="ptrt-7", version=(7, 0, 0, 11), memory_bytes=None),
    "7.1": Plan(
        layout="ptrt-7",
        version=(7, 1, 3, 0),
        compute_capability=(5, 3),
        sm_count=1,
        memory_bytes=4_155_465_728,
    ),
    "8.0": Plan(
        layout="ptrt-8.0", version=(8, 0, 1, 6), compute_capability=(7, 2), memory_bytes=33 * 10**9
    ),
    "8.2": Plan(layout="ptrt-8.2", version=(8, 2, 1, 9), compute_capability=(7, 5), sm_count=40),
    "8.5": Plan(layout="ptrt-8.2", version=(8, 5, 2, 2)),
    "8.6": Plan(
        layout="ftrt-8.6", version=(8, 6, 1, 6), compute_capability=(8, 9), hardware_compatibility=1
    ),
    "8.6 version-compatible": Plan(
        layout="ftrt-8.6", version=(8, 6, 0, 12), sections=("LEAN", "ENGN"), sm_count=132
    ),
    "8.6 engine beyond the first read": Plan(
        layout="ftrt-8.6", version=(8, 6, 0, 12), sections=("LEAN", "ENGN"), body_bytes=200_000
    ),
    "10.0": Plan(
        layout="ftrt-8.6",
        version=(10, 0, 1, 6),
        compute_capability=(9, 0),
        sm_count=132,
        memory_bytes=150_109_880_320,
        hardware_compatibility=2,
    ),
    "10.9": Plan(
        layout="ftrt-10.9",
        version=(10, 9, 0, 34),
        compute_capability=(12, 0),
        sm_count=70,
        sections=("ENGN", "WGHT"),
    ),
    "10.9 version-compatible": Plan(
        layout="ftrt-10.9", version=(10, 9, 0, 34), sections=("LEAN", "ENGN", "WGHT")
    ),
}
DEVICE_PLANS = {name: plan for name, plan in PLANS.items() if plan.layout != "flatbuffer-5"}

each_plan = pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
each_device_plan = pytest.mark.parametrize("plan", DEVICE_PLANS.values(), ids=DEVICE_PLANS.keys())


def header_of(path: Path, data: bytes) -> PlanHeader:
    path.write_bytes(data)
    header = read_model_file(path).plan
    assert header is not None
    return header


def expected_header(plan: Plan) -> dict[str, Any]:
    size = len(plan.to_bytes())
    is_sectioned = plan.layout.startswith("ftrt")
    says_version = plan.layout != "flatbuffer-5"
    return {
        "tensorrt_version": ".".join(map(str, plan.version)) if says_version else None,
        "sections": list(plan.sections) if is_sectioned else None,
        "complete": True,
        "declared_bytes": size,
        "embeds_native_code": is_sectioned and "LEAN" in plan.sections,
        "hardware_compatibility": plan.hardware_compatibility if is_sectioned else None,
        "build_gpu": {
            "compute_capability": "{}.{}".format(*plan.compute_capability),
            "sm_count": plan.sm_count,
            "memory_bytes": plan.memory_bytes,
        }
        if says_version
        else None,
    }


@each_plan
def test_every_layout_reads_back_as_written(tmp_path: Path, plan: Plan) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(plan.to_bytes())
    file = read_model_file(path)
    assert file.kind == "tensorrt-plan"
    assert file.problem() is None
    assert file.plan is not None
    assert file.plan.as_json() == expected_header(plan)
    assert file.plan.actual_bytes == file.size_bytes == path.stat().st_size


@each_plan
def test_every_layout_reads_back_behind_ultralytics_prefix(tmp_path: Path, plan: Plan) -> None:
    path = tmp_path / "best.engine"
    metadata = {"task": "detect", "names": {"0": "cat"}, "imgsz": [64, 64]}
    data = with_prefix(plan.to_bytes(), metadata)
    path.write_bytes(data)
    file = read_model_file(path)
    assert file.kind == "ultralytics-engine"
    assert file.plan_offset == len(data) - len(plan.to_bytes())
    assert file.plan is not None
    assert file.plan.as_json() == expected_header(plan)
    assert file.plan.actual_bytes == len(plan.to_bytes())
    assert file.metadata is not None
    assert file.metadata.raw == metadata


@each_device_plan
@pytest.mark.parametrize("missing", [1, 100, 299])
def test_missing_bytes_make_a_truncated_plan(tmp_path: Path, plan: Plan, missing: int) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(plan.to_bytes()[:-missing])
    file = read_model_file(path)
    assert file.kind == "truncated-plan"
    assert file.plan is not None
    assert file.plan.is_truncated
    assert not file.plan.is_complete
    problem = file.problem()
    assert problem is not None
    assert problem.kind == "truncated-plan"
    assert f"{len(plan.to_bytes()):,}" in problem.message
    assert f"{len(plan.to_bytes()) - missing:,}" in problem.message


@each_device_plan
def test_a_plan_cut_anywhere_is_a_truncated_plan(tmp_path: Path, plan: Plan) -> None:
    data = plan.to_bytes()
    path = tmp_path / "model.engine"
    for cut in (4, 5, 11, 16, 23, 24, 27, 31, 32, 43, 44, 60, 100, 150, 200, len(data) - 1):
        path.write_bytes(data[:cut])
        file = read_model_file(path)
        assert file.kind == "truncated-plan", cut
        problem = file.problem()
        assert problem is not None
        assert problem.kind == "truncated-plan"


@each_device_plan
def test_a_cut_plan_tells_true_values_or_none(plan: Plan) -> None:
    data = plan.to_bytes()
    true = expected_header(plan)
    told = 0
    for cut in range(4, min(len(data), 600)):
        header = read_plan_header(io.BytesIO(data[:cut]), 0, cut)
        assert header is not None
        assert header.tensorrt_version in (None, true["tensorrt_version"]), cut
        assert header.hardware_compatibility in (None, true["hardware_compatibility"]), cut
        if header.build_gpu is not None:
            told += 1
            gpu = header.build_gpu.as_json()
            assert gpu["memory_bytes"] in (None, plan.memory_bytes), cut
            assert gpu | {"memory_bytes": plan.memory_bytes} == true["build_gpu"], cut
    assert told > 0 or plan.body_bytes > 600


_NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=4, max_size=4)
_VERSIONS: dict[Layout, Any] = {
    "ptrt-7": st.just(7),
    "ptrt-8.0": st.just(8),
    "ptrt-8.2": st.just(8),
    "ftrt-8.6": st.integers(8, 12),
    "ftrt-10.9": st.integers(8, 12),
}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any engine that a TensorRT from 7 to 20 could write, in a layout that is known."""
    layout = draw(st.sampled_from([*_VERSIONS]))
    byte = st.integers(0, 255)
    others = draw(st.lists(_NAMES.filter(lambda name: name != "ENGN"), max_size=63))
    at = draw(st.integers(0, len(others)))
    memory = st.integers(10**9, 10**12)
    return Plan(
        layout=layout,
        version=(draw(_VERSIONS[layout]), draw(st.integers(0, 99)), draw(byte), draw(byte)),
        compute_capability=(draw(st.integers(3, 13)), draw(st.integers(0, 9))),
        sm_count=draw(st.integers(1, 256)),
        memory_bytes=draw(memory if layout == "ftrt-10.9" else st.none() | memory),
        hardware_compatibility=draw(st.integers(0, 8)),
        sections=(*others[:at], "ENGN", *others[at:]),
        body_bytes=draw(st.integers(0, 300) | st.integers(0, 20_000)),
    )


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(plan=plans(), metadata=st.none() | st.dictionaries(st.text(), st.text(), max_size=3))
def test_any_engine_reads_back_exactly(plan: Plan, metadata: dict[str, str] | None) -> None:
    data = plan.to_bytes()
    prefixed = data if metadata is None else with_prefix(data, metadata)
    start = len(prefixed) - len(data)
    header = read_plan_header(io.BytesIO(prefixed), start, len(prefixed))
    assert header is not None
    assert header.as_json() == expected_header(plan)
    assert header.actual_bytes == len(data)


def test_a_prefixed_plan_that_is_cut_is_a_truncated_plan(tmp_path: Path) -> None:
    path = tmp_path / "best.engine"
    path.write_bytes(with_prefix(PLANS["10.0"].to_bytes(), {"task": "detect"})[:-1])
    assert read_model_file(path).kind == "truncated-plan"


@each_device_plan
def test_trailing_bytes_show_as_incomplete_and_still_open(tmp_path: Path, plan: Plan) -> None:
    path = tmp_path / "model.engine"
    path.write_bytes(plan.to_bytes() + b"\r\n")
    file = read_model_file(path)
    assert file.kind == "tensorrt-plan"
    assert file.plan is not None
    assert file.plan.as_json()["complete"] is False
    assert file.plan.is_truncated is False
    assert file.plan.actual_bytes == file.plan.declared_bytes + 2


IMPLAUSIBLE: dict[str, dict[str, Any]] = {
    "compute capability 2.0": {"compute_capability": (2, 0)},
    "compute capability 14.0": {"compute_capability": (14, 0)},
    "compute capability 8.10": {"compute_capability": (8, 10)},
    "no SM": {"sm_count": 0},
    "257 SMs": {"sm_count": 257},
    "4 billion SMs": {"sm_count": 2**32 - 1},
}


@each_device_plan
@pytest.mark.parametrize("change", IMPLAUSIBLE.values(), ids=IMPLAUSIBLE.keys())
def test_an_implausible_gpu_reads_as_none(
    tmp_path: Path, plan: Plan, change: dict[str, Any]
) -> None:
    header = header_of(tmp_path / "e", dataclasses.replace(plan, **change).to_bytes())
    assert header.build_gpu is None
    assert header.tensorrt_version == ".".join(map(str, plan.version))
    assert header.is_complete


PLAUSIBLE: dict[str, dict[str, Any]] = {
    "the oldest and smallest": {"compute_capability": (3, 0), "sm_count": 1},
    "the newest and largest": {"compute_capability": (13, 9), "sm_count": 256},
}


@each_device_plan
@pytest.mark.parametrize("change", PLAUSIBLE.values(), ids=PLAUSIBLE.keys())
def test_a_gpu_at_the_limits_reads(tmp_path: Path, plan: Plan, change: dict[str, Any]) -> None:
    header = header_of(tmp_path / "e", dataclasses.replace(plan, **change).to_bytes())
    text = "{}.{}".format(*change["compute_capability"])
    assert header.build_gpu == BuildGpu(text, change["sm_count"], plan.memory_bytes)


@each_device_plan
@pytest.mark.parametrize("memory", [0, 999_999_999, 10**12 + 1, 2**64 - 1])
def test_implausible_memory_reads_as_none_and_the_rest_of_the_gpu_stays(
    tmp_path: Path, plan: Plan, memory: int
) -> None:
    header = header_of(tmp_path / "e", dataclasses.replace(plan, memory_bytes=memory).to_bytes())
    assert header.build_gpu is not None
    assert header.build_gpu.memory_bytes is None
    assert header.build_gpu.sm_count == plan.sm_count


@each_device_plan
@pytest.mark.parametrize("memory", [10**9, 10**12])
def test_memory_at_the_limits_reads(tmp_path: Path, plan: Plan, memory: int) -> None:
    header = header_of(tmp_path / "e", dataclasses.replace(plan, memory_bytes=memory).to_bytes())
    assert header.build_gpu is not None
    assert header.build_gpu.memory_bytes == memory


@pytest.mark.parametrize("level", [9, 2**32 - 1])
def test_an_implausible_compatibility_level_reads_as_none(tmp_path: Path, level: int) -> None:
    plan = Plan(layout="ftrt-8.6", hardware_compatibility=level)
    header = header_of(tmp_path / "e", plan.to_bytes())
    assert header.hardware_compatibility is None
    assert header.build_gpu == BuildGpu("8.6", 28, 12_000_000_000)


@pytest.mark.parametrize("layout", ["ftrt-8.6", "ftrt-10.9"])
def test_records_that_repeat_another_version_are_not_trusted(
    tmp_path: Path, layout: Layout
) -> None:
    data = bytearray(Plan(layout=layout, version=(10, 5, 0, 18)).to_bytes())
    data[24] = 9  # the header's version no longer is the engine section's
    header = header_of(tmp_path / "e", bytes(data))
    assert header.tensorrt_version == "9.5.0.18"
    assert header.build_gpu is None
    assert header.hardware_compatibility is None


@each_device_plan
def test_damaged_records_read_as_no_gpu(tmp_path: Path, plan: Plan) -> None:
    data = plan.to_bytes()
    flag = 0x00 if plan.layout in ("ptrt-7", "ptrt-8.0") else 0x80
    sms = data.index(bytes((0x07, flag, 1, 0)) + struct.pack("<I", plan.sm_count))
    header = header_of(tmp_path / "e", data[:sms] + b"\xff\xff\xff\xff" + data[sms + 4 :])
    assert header.build_gpu is None
    assert header.tensorrt_version == ".".join(map(str, plan.version))


def test_a_ptrt_plan_without_version_records_has_no_version(tmp_path: Path) -> None:
    data = Plan(layout="ptrt-8.2").to_bytes()
    header = header_of(tmp_path / "e", data[:24] + b"\xff" * 8 + data[32:])
    assert header.tensorrt_version is None
    assert header.build_gpu is None
    assert header.is_complete


def test_a_flatbuffer_of_another_size_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "e"
    path.write_bytes(Plan(layout="flatbuffer-5").to_bytes() + b"x")
    assert read_model_file(path).kind == "unknown"


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        (0, "unknown"),
        (3, "unknown"),
        (4, "tensorrt-plan"),
        (1023, "tensorrt-plan"),
        (1024, "unknown"),
        (2**32 - 1, "unknown"),
    ],
)
def test_a_flatbuffer_begins_with_a_small_root_offset(tmp_path: Path, root: int, kind: str) -> None:
    data = bytearray(Plan(layout="flatbuffer-5").to_bytes())
    struct.pack_into("<I", data, 8, root)
    path = tmp_path / "e"
    path.write_bytes(data)
    assert read_model_file(path).kind == kind


def test_unprintable_section_names_are_shown_in_hexadecimal(tmp_path: Path) -> None:
    names = ("ENGN", "\x00\x01\x02\x03", "\xff\xfe\xfd\xfc", "ABCD")
    header = header_of(tmp_path / "e", Plan(layout="ftrt-8.6", sections=names).to_bytes())
    assert header.sections == ("ENGN", "00010203", "fffefdfc", "ABCD")


def test_a_lean_runtime_is_found_wherever_it_stands(tmp_path: Path) -> None:
    for sections in (("LEAN", "ENGN"), ("ENGN", "LEAN"), ("ENGN", "WGHT", "XXXX", "LEAN")):
        plan = Plan(layout="ftrt-8.6", sections=sections)
        assert header_of(tmp_path / "e", plan.to_bytes()).embeds_native_code, sections
    for sections in (("ENGN",), ("ENGN", "NAEL")):
        plan = Plan(layout="ftrt-8.6", sections=sections)
        assert not header_of(tmp_path / "e", plan.to_bytes()).embeds_native_code, sections


def test_a_plan_without_an_engine_section_has_a_version_and_no_gpu(tmp_path: Path) -> None:
    header = header_of(tmp_path / "e", Plan(layout="ftrt-8.6", sections=("WGHT",)).to_bytes())
    assert header.tensorrt_version == "8.6.1.6"
    assert header.sections == ("WGHT",)
    assert header.build_gpu is None


def sample_facts() -> dict[str, dict[str, Any]]:
    facts = SAMPLES / "facts.json"
    return json.loads(facts.read_text()) if facts.is_file() else {}


PLAN_FACTS = {name: fact for name, fact in sample_facts().items() if "tensorrt" in fact}
needs_samples = pytest.mark.skipif(not PLAN_FACTS, reason=f"no sample engines in {SAMPLES}")


@needs_samples
@pytest.mark.parametrize("name", PLAN_FACTS)
def test_sample_engines_read_as_their_facts_say(tmp_path: Path, name: str) -> None:
    fact = PLAN_FACTS[name]
    path = tmp_path / name
    path.write_bytes((SAMPLES / name).read_bytes())
    with path.open("r+b") as file:
        file.truncate(fact["size_bytes"])  # a hole stands for what the .head leaves out
    file = read_model_file(path)
    assert file.kind == "tensorrt-plan"
    header = file.plan
    assert header is not None
    assert header.tensorrt_version == fact["tensorrt"]
    assert header.is_complete
    assert header.declared_bytes == fact["size_bytes"]
    assert header.sections == (None if fact["sections"] is None else tuple(fact["sections"]))
    assert header.embeds_native_code is fact.get("embeds_native_code", False)
    if fact["compute_capability"] is None:
        assert header.build_gpu is None
    else:
        assert header.build_gpu is not None
        assert header.build_gpu.compute_capability == fact["compute_capability"]
        assert header.build_gpu.sm_count == fact["sm_count"]
        assert header.build_gpu.memory_bytes is not None


@needs_samples
@pytest.mark.parametrize("name", [name for name in PLAN_FACTS if name.endswith(".head")])
def test_the_heads_of_sample_engines_are_truncated_plans(name: str) -> None:
    file = read_model_file(SAMPLES / name)
    assert file.kind == "truncated-plan"
    assert file.plan is not None
    assert file.plan.declared_bytes == PLAN_FACTS[name]["size_bytes"]


@needs_samples
def test_the_sample_pointer_names_the_real_size() -> None:
    file = read_model_file(SAMPLES / "git_lfs_pointer.engine")
    assert file.kind == "git-lfs-pointer"
    problem = file.problem()
    assert problem is not None
    real = sample_facts()["git_lfs_pointer.engine"]["lfs_object_bytes"]
    assert f"{real:,}" in problem.message
