"""Each build option against stand-ins of TensorRT's option sets: set where it exists, told where
not, and never an AttributeError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.building import BuildOptions, child
from core.building.capabilities import OPTIONS, capabilities_of, require_available
from core.errors import MachineError, ModelError
from core.machine import TensorRTModule
from core.tensors import Profile
from tests.unit.fake_builder import VERSIONS, install_builder
from tests.unit.test_build_child import PROFILE, Heard, Prepare, build, order, prepare

__all__ = ["prepare"]

OLD = ("8.5.3", "8.6.1")
TEN = ("10.3.0", "10.16.1")
FROM_8_6 = VERSIONS[1:]
FROM_10 = (*TEN, "11.4.0")
BELOW_11 = VERSIONS[:-1]

# What is asked for, the builder flags that it sets, and the versions that have it.
FLAGS: list[tuple[str, dict[str, Any], set[str], tuple[str, ...]]] = [
    ("tf32", {"precision": frozenset({"tf32"})}, {"TF32"}, VERSIONS),
    ("fp16", {"precision": frozenset({"fp16"})}, {"FP16"}, BELOW_11),
    ("bf16", {"precision": frozenset({"bf16"})}, {"BF16"}, TEN),
    ("fp8", {"precision": frozenset({"fp8"})}, {"FP8"}, ("8.6.1", *TEN)),
    ("version", {"version_compatible": True}, {"VERSION_COMPATIBLE"}, FROM_8_6),
    (
        "lean",
        {"version_compatible": True, "exclude_lean_runtime": True},
        {"VERSION_COMPATIBLE", "EXCLUDE_LEAN_RUNTIME"},
        FROM_8_6,
    ),
    ("strip", {"strip_weights": True}, {"STRIP_PLAN", "REFIT_IDENTICAL"}, FROM_10),
    ("strip-refit", {"strip_weights": True, "refit": True}, {"STRIP_PLAN", "REFIT"}, FROM_10),
    ("refit", {"refit": True}, {"REFIT"}, VERSIONS),
    ("sparsity", {"sparsity": True}, {"SPARSE_WEIGHTS"}, VERSIONS),
    ("no-cache", {"timing_cache": False}, {"DISABLE_TIMING_CACHE"}, VERSIONS),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("options", "flags", "where"), [one[1:] for one in FLAGS], ids=[one[0] for one in FLAGS]
)
def test_an_option_sets_its_flag_where_it_exists_and_is_refused_where_not(
    prepare: Prepare,
    tmp_path: Path,
    version: str,
    options: dict[str, Any],
    flags: set[str],
    where: tuple[str, ...],
) -> None:
    builder = prepare(version)
    if version in where:
        build(order(tmp_path, **options))
        assert builder.config.flags == flags | {"TF32"}  # TensorRT has that one by itself
        return
    with pytest.raises(ModelError) as caught:
        build(order(tmp_path, **options))
    assert caught.value.kind == "option-not-available"
    assert version in caught.value.message
    assert caught.value.hint
    assert not (tmp_path / "out.part").exists()


@pytest.mark.parametrize("version", VERSIONS)
def test_strict_fp32_clears_tf32_everywhere(prepare: Prepare, tmp_path: Path, version: str) -> None:
    builder = prepare(version)
    build(order(tmp_path, precision=frozenset({"fp32"})))
    assert builder.config.flags == set()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("level", "name", "where"),
    [
        ("ampere-plus", "AMPERE_PLUS", FROM_8_6),
        ("same-compute-capability", "SAME_COMPUTE_CAPABILITY", ("10.16.1", "11.4.0")),
    ],
)
def test_hardware_compatibility_is_set_by_name(
    prepare: Prepare,
    tmp_path: Path,
    version: str,
    level: str,
    name: str,
    where: tuple[str, ...],
) -> None:
    builder = prepare(version)
    if version in where:
        build(order(tmp_path, hardware_compatibility=level))
        assert builder.config.hardware_compatibility_level.name == name
    else:
        with pytest.raises(ModelError) as caught:
            build(order(tmp_path, hardware_compatibility=level))
        assert caught.value.kind == "option-not-available"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_networks_flags_are_told_by_name_as_their_numbers_change(
    prepare: Prepare, tmp_path: Path, version: str
) -> None:
    builder = prepare(version)
    build(order(tmp_path))
    explicit = 0 if version == "11.4.0" else 1
    assert builder.network_flags == explicit
    if version in OLD:
        with pytest.raises(ModelError, match="no option strongly-typed"):
            build(order(tmp_path, strongly_typed=True))
        return
    build(order(tmp_path, strongly_typed=True))
    # On 11 bit 0 is STRONGLY_TYPED itself, and a network is always that.
    assert builder.network_flags == (explicit if version == "11.4.0" else 1 | 1 << 1)
    assert builder.config.flags == {"TF32"}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_missing_optimization_level_is_a_warning_not_an_end(
    prepare: Prepare, tmp_path: Path, version: str
) -> None:
    builder = prepare(version)
    found = build(order(tmp_path, optimization_level=5))
    if version == "8.5.3":
        assert found["warnings"] == [
            "The optimization level 5 was left out. Optimization levels need TensorRT 8.6 or newer."
        ]
    else:
        assert builder.config.builder_optimization_level == 5
        assert found["warnings"] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_the_rest_is_there_in_all_versions(prepare: Prepare, tmp_path: Path, version: str) -> None:
    builder = prepare(version)
    build(order(tmp_path, workspace_bytes=1 << 30, profiling_verbosity="layer_names_only"))
    assert builder.config.pools == {"WORKSPACE": 1 << 30}
    assert builder.config.profiling_verbosity.name == "LAYER_NAMES_ONLY"
    assert builder.config.previews == (["sharing"] if version == "8.6.1" else [])
    monitored = getattr(builder.config, "progress_monitor", None)
    assert (monitored is not None) == (version in FROM_10)


def test_without_a_wish_the_workspace_is_a_share_of_what_is_free(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder = prepare()
    found = build(order(tmp_path))
    free = builder.state.gpu.free_bytes
    assert builder.config.pools == {"WORKSPACE": int(free * 0.8)}
    assert any("80% of the" in note for note in found["notes"])


def test_each_profile_is_added_with_its_shapes(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare()
    size = type(builder.network.inputs[0])(name="size", shape=(2,), is_shape_tensor=True)
    builder.network.inputs.append(size)
    other = Profile((8, 3, 8, 8), (8, 3, 8, 8), (8, 3, 8, 8))
    values = Profile((1, 1), (2, 2), (9, 9))
    profiles = ({"images": PROFILE, "size": values}, {"images": other, "size": values})
    build(order(tmp_path, profiles=profiles))
    assert [profile.shapes for profile in builder.config.profiles] == [
        {"images": ([1, 3, 8, 8], [2, 3, 8, 8], [4, 3, 8, 8])},
        {"images": ([8, 3, 8, 8], [8, 3, 8, 8], [8, 3, 8, 8])},
    ]
    # A shape tensor's limits are those of its values, and have a call of their own.
    assert [profile.values for profile in builder.config.profiles] == [
        {"size": ([1, 1], [2, 2], [9, 9])},
        {"size": ([1, 1], [2, 2], [9, 9])},
    ]


def test_a_profile_that_tensorrt_refuses_is_an_error_with_its_words(
    prepare: Prepare, tmp_path: Path
) -> None:
    prepare().refuses_shapes = True
    with pytest.raises(ModelError, match=r"'images' of profile 0") as caught:
        build(order(tmp_path))
    assert caught.value.kind == "bad-profile"
    assert "inconsistent" in caught.value.details


def test_a_shape_tensor_that_only_the_parser_finds_needs_a_profile(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder = prepare()
    size = type(builder.network.inputs[0])(name="size", shape=(2,), is_shape_tensor=True)
    builder.network.inputs.append(size)
    with pytest.raises(ModelError, match="values that decide shapes") as caught:
        build(order(tmp_path))
    assert caught.value.kind == "no-profile"


def test_fp16_and_int8_can_be_chosen_together(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare("8.6.1")
    builder.network.layer_types.append("QUANTIZE")
    build(order(tmp_path, precision=frozenset({"fp16", "int8"})))
    assert builder.config.flags == {"FP16", "INT8", "TF32"}


def test_int8_without_ranges_is_refused_before_the_build(prepare: Prepare, tmp_path: Path) -> None:
    prepare("10.3.0")
    with pytest.raises(ModelError) as caught:
        build(order(tmp_path, precision=frozenset({"int8"})))
    assert caught.value.kind == "int8-needs-ranges"
    assert "--calibration" in caught.value.hint


@pytest.mark.parametrize(
    ("version", "has_ranges", "flags"),
    [
        ("8.6.1", False, {"FP16"}),
        ("8.6.1", True, {"FP16", "INT8"}),
        ("10.3.0", False, {"FP16", "BF16"}),
        ("10.3.0", True, {"FP16", "BF16", "INT8"}),
    ],
)
def test_the_best_precision_is_all_that_is_there_and_safe(
    prepare: Prepare, tmp_path: Path, version: str, has_ranges: bool, flags: set[str]
) -> None:
    builder = prepare(version)
    if has_ranges:
        builder.network.layer_types.append("QUANTIZE")
    found = build(order(tmp_path, precision=frozenset({"best"})))
    assert builder.config.flags == flags | {"TF32"}
    assert any("INT8 was left out" in note for note in found["notes"]) is not has_ranges


def test_what_is_asked_for_beside_the_best_is_not_dropped(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare("10.3.0")
    builder.network.layer_types.append("QUANTIZE")
    build(order(tmp_path, precision=frozenset({"best", "fp8"})))
    assert builder.config.flags == {"FP16", "BF16", "FP8", "TF32"}  # INT8 and FP8 exclude others


def test_a_dla_core_that_is_not_there_is_refused(prepare: Prepare, tmp_path: Path) -> None:
    builder = prepare("10.3.0")
    with pytest.raises(MachineError, match="no DLA core 0 here, nor any other") as caught:
        build(order(tmp_path, dla_core=0))
    assert caught.value.kind == "no-dla"
    builder.num_DLA_cores = 2
    build(order(tmp_path, dla_core=1, gpu_fallback=True))
    assert builder.config.DLA_core == 1
    assert builder.config.default_device_type.name == "DLA"
    assert "GPU_FALLBACK" in builder.config.flags


def test_on_11_fp16_comes_from_a_cast_of_the_onnx(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import core.building.capabilities
    import core.building.child

    builder, heard = prepare("11.4.0"), Heard()
    asked = []

    def cast(onnx: Path, precision: str, folder: Path) -> tuple[Path, str]:
        asked.append((onnx.name, precision))
        (folder / "cast.onnx").write_bytes(b"cast")
        return folder / "cast.onnx", "FP16 by casting."

    monkeypatch.setattr(core.building.child, "cast_onnx", cast)
    monkeypatch.setattr(core.building.capabilities, "find_package", lambda name: name)
    found = build(order(tmp_path, precision=frozenset({"fp16"})), heard)
    assert asked == [("model.onnx", "fp16")]
    assert builder.parsed == str(tmp_path / "scratch" / "cast.onnx")
    assert "casting the ONNX to FP16" in heard.texts
    assert "FP16 by casting." in found["notes"]
    assert builder.config.flags == {"TF32"}


def test_on_11_without_modelopt_the_way_to_fp16_is_told(prepare: Prepare, tmp_path: Path) -> None:
    prepare("11.4.0")
    with pytest.raises(ModelError) as caught:
        build(order(tmp_path, precision=frozenset({"fp16"})))
    assert "nvidia-modelopt" in caught.value.hint
    assert "autocast" in caught.value.hint


def test_a_cast_that_modelopt_fails_at_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys
    from types import ModuleType

    from core.building.precision import cast_onnx

    def convert(**given: Any) -> None:
        assert given["low_precision_type"] == "bf16"
        assert given["keep_io_types"] is True
        raise ValueError("node 7: no such type\nmore")

    for name in ("modelopt", "modelopt.onnx", "modelopt.onnx.autocast"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["modelopt.onnx.autocast"].convert_to_mixed_precision = (  # type: ignore[attr-defined]
        convert
    )
    with pytest.raises(ModelError, match=r"to BF16: node 7: no such type\.$") as caught:
        cast_onnx(tmp_path / "m.onnx", "bf16", tmp_path)
    assert caught.value.kind == "cast-failed"


# Capabilities


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        (
            "8.5.3",
            {
                "bf16", "fp8", "strongly-typed", "optimization-level", "ampere-plus",
                "same-compute-capability", "version-compatible", "exclude-lean-runtime",
                "strip-weights", "progress",
            },
        ),
        (
            "8.6.1",
            {"bf16", "strongly-typed", "same-compute-capability", "strip-weights", "progress"},
        ),
        ("10.3.0", {"same-compute-capability"}),
        ("10.16.1", set()),
        ("11.4.0", {"fp16", "bf16", "int8", "fp8", "best", "calibration"}),
    ],
)  # fmt: skip
def test_what_a_version_lacks_is_told_with_a_reason(
    monkeypatch: pytest.MonkeyPatch, version: str, missing: set[str]
) -> None:
    builder = install_builder(monkeypatch, version)
    # The stand-in has the methods on its class; the attributes are slots.
    found = capabilities_of(builder.state.module, has_modelopt=False)
    assert set(found.missing) == missing
    assert all(found.why_not(option) for option in missing)
    assert {option for option in OPTIONS if not found.has(option)} == missing
    assert found.version == version
    assert found.always_strongly_typed == (version == "11.4.0")


def test_with_modelopt_11_has_fp16_and_bf16_by_the_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = install_builder(monkeypatch, "11.4.0")
    found = capabilities_of(builder.state.module, has_modelopt=True)
    assert found.by_onnx == {"fp16", "bf16"}
    assert found.has("fp16")
    assert not found.has("int8")
    both = BuildOptions(precision=frozenset({"fp16", "bf16"}))
    with pytest.raises(ModelError, match="not to both"):
        require_available(both, found)


def test_a_module_without_a_builder_has_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    builder = install_builder(monkeypatch, "10.3.0", "tensorrt_lean")
    del builder.state.module.Builder  # type: ignore[attr-defined]
    found = capabilities_of(builder.state.module, "tensorrt_lean")
    assert set(found.missing) == set(OPTIONS)
    with pytest.raises(MachineError) as caught:
        require_available(BuildOptions(), found)
    assert caught.value.kind == "no-builder"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("options", "is_portable"),
    [
        ({}, False),
        ({"version_compatible": True}, True),
        ({"hardware_compatibility": "ampere-plus"}, True),
    ],
)
def test_an_engine_for_others_has_instance_normalization_without_a_plugin(
    prepare: Prepare, tmp_path: Path, version: str, options: dict[str, Any], is_portable: bool
) -> None:
    builder = prepare(version)
    wanted = order(tmp_path, **options)
    if version == "8.5.3" and is_portable:
        with pytest.raises(ModelError, match="has no option"):
            build(wanted)
        return
    build(wanted)
    assert builder.parser_flags == (["NATIVE_INSTANCENORM"] if is_portable else [])


@pytest.mark.parametrize(
    ("library_version", "is_set"),
    [("8.6.0", False), ("8.6.1", True), ("10.3.0", True), (None, True)],
)
def test_a_parser_of_an_older_library_is_not_told_what_would_crash_it(
    prepare: Prepare,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    library_version: str | None,
    is_set: bool,
) -> None:
    builder = prepare("8.6.1")
    found = TensorRTModule("tensorrt", "8.6.1", library_version=library_version)
    monkeypatch.setattr(child, "find_tensorrt", lambda: [found])
    notes = build(order(tmp_path, version_compatible=True))["notes"]
    assert bool(builder.parser_flags) is is_set
    assert any("library is 8.6.0, older than its Python module" in one for one in notes) != is_set
    assert not any("older than its" in one for one in build(order(tmp_path))["notes"])


def test_tensorrts_own_plugins_go_into_a_version_compatible_engine_too(
    prepare: Prepare, tmp_path: Path
) -> None:
    builder = prepare("8.6.1")
    builder.vc_plugins = ["/lib/libnvinfer_vc_plugin.so.8"]
    build(order(tmp_path, version_compatible=True))
    assert builder.config.plugins_to_serialize == ["/lib/libnvinfer_vc_plugin.so.8"]
    build(order(tmp_path))
    assert not hasattr(builder.config, "plugins_to_serialize")
