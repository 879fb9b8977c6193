"""trtexec's spelling of build options, there and back, and the commands to copy."""

from __future__ import annotations

import shlex
import struct
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.building import BuildOptions, options_of_json
from core.building.flags import options_of_flags, python_script, trtexec_command
from core.errors import EnginebayError
from core.tensors import Profile
from tests.unit.fake_builder import VERSIONS, StandInBuilder
from tests.unit.test_build_child import Prepare, build, order, prepare

__all__ = ["prepare"]

ONNX, ENGINE = Path("my model.onnx"), Path("out.engine")
SMALL = Profile((1, 3, 8, 8), (2, 3, 8, 8), (4, 3, 8, 8))
LARGE = Profile((8, 3, 8, 8), (8, 3, 8, 8), (16, 3, 8, 8))


def words(command: str) -> list[str]:
    """The last line of a command, as a shell splits it."""
    return shlex.split(command.splitlines()[-1])


def test_the_guides_three_flags_are_one_profile() -> None:
    found = options_of_flags(
        [
            "--minShapes=input:1x3x224x224",
            "--optShapes=input:8x3x224x224",
            "--maxShapes=input:16x3x224x224",
            "--fp16",
        ]
    )
    limits = Profile((1, 3, 224, 224), (8, 3, 224, 224), (16, 3, 224, 224))
    assert found == BuildOptions(profiles=({"input": limits},), precision=frozenset({"fp16"}))


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("a:1x3,b:2", {"a": (1, 3), "b": (2,)}),
        ("input:0:1x3", {"input:0": (1, 3)}),
        ("'input:0':1x3", {"input:0": (1, 3)}),
        ("'a,b':4,c:5", {"a,b": (4,), "c": (5,)}),
        ("model/in:7:1,x:2", {"model/in:7": (1,), "x": (2,)}),
    ],
)
def test_the_last_colon_ends_a_name_and_quotes_hold_it_together(
    text: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    (profile,) = options_of_flags([f"--optShapes={text}"]).profiles
    # The optimum alone is all three, as trtexec has it.
    assert profile == {name: Profile(dims, dims, dims) for name, dims in shapes.items()}


def test_profiles_are_counted_by_their_flag() -> None:
    found = options_of_flags(
        [
            "--profile=1", "--minShapes=x:8", "--optShapes=x:8", "--maxShapes=x:16",
            "--profile=0", "--minShapes=x:1", "--optShapes=x:2", "--maxShapes=x:4",
        ]
    )  # fmt: skip
    assert found.profiles == (
        {"x": Profile((1,), (2,), (4,))},
        {"x": Profile((8,), (8,), (16,))},
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--bf16", "--int8"], {"precision": frozenset({"bf16", "int8"})}),
        (["--best"], {"precision": frozenset({"best"})}),
        (["--noTF32"], {"precision": frozenset({"fp32"})}),
        (["--memPoolSize=workspace:1024"], {"workspace_bytes": 1 << 30}),
        (["--memPoolSize=workspace:0.5"], {"workspace_bytes": 1 << 19}),
        (["--memPoolSize=workspace:2G"], {"workspace_bytes": 2 << 30}),
        (["--workspace=64"], {"workspace_bytes": 64 << 20}),
        (["--builderOptimizationLevel=5"], {"optimization_level": 5}),
        (["--vc"], {"version_compatible": True}),
        (
            ["--versionCompatible", "--excludeLeanRuntime"],
            {"version_compatible": True, "exclude_lean_runtime": True},
        ),
        (
            ["--hardwareCompatibilityLevel=ampere+"],
            {"hardware_compatibility": "ampere-plus"},
        ),
        (
            ["--hardwareCompatibilityLevel=sameComputeCapability"],
            {"hardware_compatibility": "same-compute-capability"},
        ),
        (["--stripWeights", "--refit"], {"strip_weights": True, "refit": True}),
        (["--stripAllWeights"], {"strip_weights": True, "refit": True}),
        (["--sparsity=enable"], {"sparsity": True}),
        (["--sparsity=disable"], {}),
        (["--useDLACore=1", "--allowGPUFallback"], {"dla_core": 1, "gpu_fallback": True}),
        (["--timingCacheFile=t.cache"], {"timing_cache_file": Path("t.cache")}),
        (["--noBuilderCache"], {"timing_cache": False}),
        (["--profilingVerbosity=layer_names_only"], {"profiling_verbosity": "layer_names_only"}),
        (["--staticPlugins=a.so", "--plugins=b.so"], {"plugins": (Path("a.so"), Path("b.so"))}),
        (["--stronglyTyped"], {"strongly_typed": True}),
        (
            ["--int8", "--calibration=pictures"],
            {"precision": frozenset({"int8"}), "calibration": Path("pictures")},
        ),
        (["--explicitBatch", "--skipInference", "--buildOnly"], {}),
    ],
)
def test_each_flag_is_an_option(flags: list[str], expected: dict[str, Any]) -> None:
    assert options_of_flags(flags) == BuildOptions(**expected)


@pytest.mark.parametrize(
    ("flags", "kind", "words"),
    [
        (["--fp61"], "build-flags", "does not take --fp61"),
        (["fp16"], "build-flags", "does not take fp16"),
        (["--fp16=1"], "build-flags", "--fp16 takes no value"),
        (["--minShapes"], "build-flags", "--minShapes needs a value"),
        (["--optShapes="], "build-flags", "--optShapes needs a value"),
        (["--optShapes=1x3"], "build-flags", "no shape in '1x3'"),
        (["--optShapes=x:1xa"], "build-flags", "no shape in 'x:1xa'"),
        (["--optShapes=x:1,x:2"], "build-flags", "names the input 'x' twice"),
        (["--optShapes=x:1", "--optShapes=y:1"], "build-flags", "given twice for one profile"),
        (["--minShapes=x:1", "--maxShapes=x:2"], "build-flags", "lacks --optShapes"),
        (["--profile=1"], "build-flags", "lacks --minShapes and --optShapes and --maxShapes"),
        (
            ["--minShapes=x:1", "--optShapes=x:1,y:1", "--maxShapes=x:1,y:1"],
            "build-flags",
            "--minShapes leaves out the input 'y'",
        ),
        (["--memPoolSize=dlaSRAM:1"], "build-flags", "no workspace in 'dlaSRAM:1'"),
        (["--memPoolSize=workspace:many"], "build-flags", "no workspace"),
        (["--memPoolSize=workspace:0"], "build-options", "more than 0"),
        (["--builderOptimizationLevel=high"], "build-flags", "a whole number"),
        (["--builderOptimizationLevel=9"], "build-options", "no optimization level 9"),
        (["--hardwareCompatibilityLevel=turing"], "build-flags", "no level 'turing'"),
        (["--sparsity=force"], "build-flags", "change the model's weights"),
        (["--sparsity=on"], "build-flags", "enable or disable"),
        (["--calib=x"], "build-flags", "does not take --calib"),
        (["--shapes=x:1"], "build-flags", "does not take --shapes"),
        (["--profilingVerbosity=loud"], "build-options", "no profiling verbosity 'loud'"),
        (["--int8", "--fp8"], "build-options", "INT8 and FP8"),
        (["--excludeLeanRuntime"], "build-options", "only of a version-compatible engine"),
        (["--allowGPUFallback"], "build-options", "only on a DLA core"),
        (["--stronglyTyped", "--int8"], "build-options", "int8 cannot be asked for"),
        (["--calibration=x"], "build-options", "only with INT8"),
    ],
)
def test_what_is_wrong_with_a_flag_is_one_clear_error(
    flags: list[str], kind: str, words: str
) -> None:
    with pytest.raises(EnginebayError) as caught:
        options_of_flags(flags)
    assert caught.value.kind == kind
    assert words in caught.value.message
    assert caught.value.hint


EVERYTHING = BuildOptions(
    profiles=({"in:0": SMALL, "b": LARGE}, {"in:0": LARGE, "b": LARGE}),
    precision=frozenset({"fp32", "fp16"}),
    workspace_bytes=(1 << 30) + (1 << 19),
    optimization_level=4,
    timing_cache_file=Path("kept here.cache"),
    hardware_compatibility="ampere-plus",
    version_compatible=True,
    exclude_lean_runtime=True,
    strip_weights=True,
    refit=True,
    profiling_verbosity="layer_names_only",
    sparsity=True,
    dla_core=0,
    gpu_fallback=True,
    plugins=(Path("a b.so"),),
)


def test_options_survive_the_way_to_trtexec_and_back() -> None:
    found = words(trtexec_command(ONNX, ENGINE, EVERYTHING, "10.16.1"))
    assert found[:4] == [
        "trtexec", "--onnx=my model.onnx", "--saveEngine=out.engine", "--skipInference"
    ]  # fmt: skip
    assert options_of_flags(found[4:]) == EVERYTHING


def test_options_survive_json() -> None:
    whole = options_of_json(EVERYTHING.as_json())
    absolute = {
        "timing_cache_file": Path("kept here.cache").absolute(),
        "plugins": (Path("a b.so").absolute(),),
    }
    assert whole == replace(EVERYTHING, **absolute)
    assert options_of_json({}) == BuildOptions()


def test_paths_are_recorded_so_that_they_are_found_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = options_of_flags(
        ["--int8", "--calibration=pictures", "--timingCacheFile=t.cache", "--staticPlugins=p.so"]
    )
    told = options.as_json()
    assert told["calibration"] == str(tmp_path / "pictures")
    assert told["timing_cache_file"] == str(tmp_path / "t.cache")
    assert told["plugins"] == [str(tmp_path / "p.so")]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "no JSON object"),
        ({"fp16": True}, "no build option 'fp16'"),
        ({"precision": "fp16"}, "'precision' cannot be fp16"),
        ({"precision": ["fp61"]}, "no precision 'fp61'"),
        ({"profiles": [{"x": {"min": [1]}}]}, "'profiles' cannot be"),
        ({"profiles": [{"x": {"min": [1], "opt": [True], "max": [1]}}]}, "'profiles' cannot be"),
        ({"optimization_level": "3"}, "'optimization_level' cannot be 3"),
        ({"refit": 1}, "'refit' cannot be 1"),
        ({"metadata": {"a": 1}}, "'metadata' cannot be"),
        ({"calibration": 7}, "'calibration' cannot be 7"),
    ],
)
def test_json_that_is_no_build_options_is_refused(value: Any, words: str) -> None:
    with pytest.raises(EnginebayError) as caught:
        options_of_json(value)
    assert caught.value.kind == "build-options"
    assert words in caught.value.message


# The command is right for each version


@pytest.mark.parametrize(
    ("version", "options", "there", "remark"),
    [
        ("8.5.3", {"plugins": (Path("p.so"),)}, ["--buildOnly", "--plugins=p.so"], ""),
        ("8.6.1", {"plugins": (Path("p.so"),)}, ["--skipInference", "--staticPlugins=p.so"], ""),
        ("8.5.3", {"version_compatible": True}, [], "no --versionCompatible"),
        ("8.5.3", {"optimization_level": 3}, [], "no --builderOptimizationLevel=3"),
        ("8.6.1", {"precision": frozenset({"bf16"})}, [], "no --bf16"),
        ("10.3.0", {"precision": frozenset({"bf16", "fp16"})}, ["--fp16", "--bf16"], ""),
        ("10.3.0", {"strongly_typed": True}, ["--stronglyTyped"], ""),
        ("8.6.1", {"strongly_typed": True}, [], "no --stronglyTyped"),
        ("8.6.1", {"strip_weights": True}, [], "no --stripWeights"),
        (
            "10.3.0",
            {"hardware_compatibility": "same-compute-capability"},
            [],
            "no --hardwareCompatibilityLevel=sameComputeCapability",
        ),
        (
            "10.16.1",
            {"hardware_compatibility": "same-compute-capability"},
            ["--hardwareCompatibilityLevel=sameComputeCapability"],
            "",
        ),
        ("11.4.0", {"strongly_typed": True}, [], ""),
        ("11.4.0", {"precision": frozenset({"int8"})}, [], "INT8 comes from Q/DQ nodes"),
        ("11.4.0", {"precision": frozenset({"fp32"})}, ["--noTF32"], ""),
        ("10.3.0", {"metadata": {"task": "detect"}}, [], "no metadata"),
    ],
)
def test_the_command_has_what_the_versions_trtexec_takes(
    version: str, options: dict[str, Any], there: list[str], remark: str
) -> None:
    command = trtexec_command(ONNX, ENGINE, BuildOptions(**options), version)
    flags = words(command)[3:]
    assert set(there) <= set(flags)
    always = {"--buildOnly" if version == "8.5.3" else "--skipInference"}
    always.add("--profilingVerbosity=detailed")
    assert set(flags) == always | set(there)  # and nothing that it would stumble over
    remarks = [line for line in command.splitlines() if line.startswith("# ")]
    assert [remark in one for one in remarks] == ([True] if remark else [])


def test_from_11_on_the_command_casts_the_onnx_first() -> None:
    options = BuildOptions(precision=frozenset({"fp16"}))
    command = trtexec_command(ONNX, ENGINE, options, "11.4.0")
    comment, cast, built = command.splitlines()
    assert "ModelOpt" in comment
    assert shlex.split(cast) == [
        "python", "-m", "modelopt.onnx.autocast", "--low_precision_type", "fp16",
        "--keep_io_types", "--onnx_path", "my model.onnx", "--output_path",
        "my model-fp16.onnx",
    ]  # fmt: skip
    assert shlex.split(built)[1] == "--onnx=my model-fp16.onnx"
    assert "--fp16" not in built


@pytest.mark.parametrize(
    ("version", "is_asked"),
    [("8.5.3", False), ("8.6.1", True), ("9.2.0", True), ("10.3.0", False), ("11.4.0", False)],
)
def test_contexts_share_a_profile_where_that_has_to_be_asked_for(
    version: str, is_asked: bool
) -> None:
    command = trtexec_command(ONNX, ENGINE, options_of_flags(["--optShapes=x:1x3"]), version)
    assert ("--preview=+profileSharing0806" in command) is is_asked
    script = python_script(ONNX, ENGINE, options_of_flags([]), version)
    assert ("PROFILE_SHARING_0806" in script) is is_asked
    with pytest.raises(EnginebayError, match="has no feature"):
        options_of_flags(["--preview=+aliasedPluginIO1003"])


def test_before_9_trtexec_has_one_profile_and_the_command_says_so() -> None:
    options = BuildOptions(profiles=({"x": SMALL}, {"x": LARGE}))
    old = trtexec_command(ONNX, ENGINE, options, "8.6.1")
    assert "first of 2" in old.splitlines()[0]
    assert [flag for flag in words(old) if "Shapes" in flag] == [
        "--minShapes=x:1x3x8x8", "--optShapes=x:2x3x8x8", "--maxShapes=x:4x3x8x8"
    ]  # fmt: skip
    new = words(trtexec_command(ONNX, ENGINE, options, "10.3.0"))
    assert new.index("--profile=0") < new.index("--minShapes=x:1x3x8x8")
    assert new.index("--profile=1") < new.index("--minShapes=x:8x3x8x8")


# The script, run on the stand-in of its version, leaves the same configuration


SCRIPTS: list[tuple[str, dict[str, Any]]] = [
    ("plain", {}),
    ("workspace", {"workspace_bytes": 1 << 28, "optimization_level": 2}),
    ("precision", {"precision": frozenset({"fp32", "fp16"})}),
    ("best", {"precision": frozenset({"best"})}),
    ("best-fp8", {"precision": frozenset({"best", "fp8"})}),
    ("two-profiles", {"profiles": ({"images": SMALL}, {"images": LARGE})}),
    ("compatible", {"version_compatible": True, "hardware_compatibility": "ampere-plus"}),
    ("hardware", {"hardware_compatibility": "ampere-plus"}),
    ("strip", {"strip_weights": True}),
    ("typed", {"strongly_typed": True}),
    ("metadata", {"metadata": {"names": "{0: 'café'}"}, "timing_cache": False, "sparsity": True}),
]


def configuration(builder: StandInBuilder) -> dict[str, Any]:
    """All that was set, but for a workspace limit of ours and a monitor."""
    found = {
        name: getattr(builder.config, name)
        for name in builder.config_class.__slots__  # type: ignore[attr-defined]
        if hasattr(builder.config, name)
    }
    found["profiles"] = [(one.shapes, one.values) for one in found["profiles"]]
    found.pop("progress_monitor", None)
    found.pop("cache")
    found["network"] = builder.network_flags
    found["parser"] = builder.parser_flags
    builder.parser_flags, builder.parsed = [], ""  # as a new parser has them
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", [one[1] for one in SCRIPTS], ids=[one[0] for one in SCRIPTS])
def test_the_script_builds_what_enginebay_builds(
    prepare: Prepare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    options: dict[str, Any],
) -> None:
    builder = prepare(version)
    builder.vc_plugins = ["/lib/libnvinfer_vc_plugin.so"]
    wanted = order(tmp_path, **options)
    try:
        build(wanted)
    except EnginebayError as refused:
        if refused.kind == "option-not-available":
            return  # what a script leaves out then is tested below
        raise
    ours = configuration(builder)
    trt = builder.state.module
    trt.Logger = lambda severity: SimpleNamespace(log=print)  # type: ignore[attr-defined]
    trt.Logger.WARNING = "warning"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    chosen = options_of_json(wanted["options"])
    target = tmp_path / "script.engine"
    script = python_script(tmp_path / "model.onnx", target, chosen, version)
    exec(compile(script, "script.py", "exec"), {})
    theirs = configuration(builder)
    if chosen.workspace_bytes is None:  # the script says so in a comment
        assert theirs.pop("pools") == {}
        ours.pop("pools")
    assert theirs == ours
    assert target.read_bytes() == (tmp_path / "out.part").read_bytes()
    if chosen.metadata:
        size = struct.unpack("<i", target.read_bytes()[:4])[0]
        assert size > 2


def test_the_script_ends_with_the_parsers_words(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = prepare("10.3.0")
    order(tmp_path)
    builder.num_errors = 1
    trt = builder.state.module
    trt.Logger = lambda severity: None  # type: ignore[attr-defined]
    trt.Logger.WARNING = "warning"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    script = python_script(tmp_path / "model.onnx", tmp_path / "x", BuildOptions(), "10.3.0")
    with pytest.raises(SystemExit, match="no importer"):
        exec(compile(script, "script.py", "exec"), {})


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        ("plain.onnx", "images", ["--onnx=plain.onnx", "--optShapes=images:1x3"]),
        ("R&D.onnx", "a:0", ['"--onnx=R&D.onnx"', "\"--optShapes='a:0':1x3\""]),
        ("my model.onnx", "a,b", ['"--onnx=my model.onnx"', "\"--optShapes='a,b':1x3\""]),
        ("(1)\\", "x^y", ['"--onnx=(1)\\\\"', '"--optShapes=x^y:1x3"']),
    ],
)
def test_what_a_shell_of_windows_would_act_on_stands_in_quotes(
    monkeypatch: pytest.MonkeyPatch, model: str, name: str, words: list[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    options = BuildOptions(profiles=({name: Profile((1, 3), (1, 3), (1, 3))},))
    command = trtexec_command(Path(model), ENGINE, options, "10.3.0")
    for word in words:
        assert f" {word} " in command


@pytest.mark.parametrize("version", VERSIONS)
def test_every_script_is_python(version: str) -> None:
    calibrated = BuildOptions(
        precision=frozenset({"int8"}), calibration=Path("p"), plugins=(Path("it's.so"),),
        timing_cache_file=Path("t"), dla_core=1, gpu_fallback=True, refit=True,
    )  # fmt: skip
    compile(python_script(ONNX, ENGINE, calibrated, version), "script.py", "exec")
    cast = BuildOptions(precision=frozenset({"fp16"}), strongly_typed=True)
    script = python_script(ONNX, ENGINE, cast, version)
    # What cannot be strongly typed needs no cast.
    assert ("my model-fp16.onnx" in script) == (version not in ("8.5.3", "8.6.1"))
    compile(script, "script.py", "exec")


LACKING = BuildOptions(
    precision=frozenset({"bf16", "fp16"}),
    strip_weights=True,
    hardware_compatibility="same-compute-capability",
    strongly_typed=True,
    optimization_level=5,
    version_compatible=True,
    exclude_lean_runtime=True,
)


def run_script(
    prepare: Prepare,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: BuildOptions,
    version: str,
) -> tuple[StandInBuilder, str]:
    """Run a script on the stand-in of a version, which has no name that the version lacks."""
    builder = prepare(version)
    order(folder)
    (folder / "model-fp16.onnx").write_bytes((folder / "model.onnx").read_bytes())  # as cast
    trt = builder.state.module
    trt.Logger = lambda severity: None  # type: ignore[attr-defined]
    trt.Logger.WARNING = "warning"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    script = python_script(folder / "model.onnx", folder / "x", options, version)
    exec(compile(script, "script.py", "exec"), {})
    return builder, script


def left_out(script: str) -> list[str]:
    """The flags that the comments say are left out."""
    return [
        line.partition(" has no ")[2].partition(",")[0]
        for line in script.splitlines()
        if line.endswith("so it is left out.")
    ]


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        (
            "8.5.3",
            {
                "--bf16", "--stripWeights", "--stronglyTyped", "--versionCompatible",
                "--excludeLeanRuntime", "--builderOptimizationLevel=5",
                "--hardwareCompatibilityLevel=sameComputeCapability",
            },
        ),
        (
            "8.6.1",
            {
                "--bf16", "--stripWeights", "--stronglyTyped",
                "--hardwareCompatibilityLevel=sameComputeCapability",
            },
        ),
        ("10.3.0", {"--hardwareCompatibilityLevel=sameComputeCapability"}),
        ("10.16.1", set()),
        ("11.4.0", set()),
    ],
)  # fmt: skip
def test_what_a_version_lacks_is_left_out_of_script_and_command_and_said(
    prepare: Prepare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    missing: set[str],
) -> None:
    builder, script = run_script(prepare, tmp_path, monkeypatch, LACKING, version)
    assert set(left_out(script)) == missing
    assert set(left_out(trtexec_command(ONNX, ENGINE, LACKING, version))) == missing
    if version == "8.6.1":
        flags = {"VERSION_COMPATIBLE", "EXCLUDE_LEAN_RUNTIME", "FP16", "TF32"}
        assert builder.config.flags == flags
        assert builder.config.builder_optimization_level == 5


@pytest.mark.parametrize("write", [trtexec_command, python_script])
def test_where_types_come_from_the_onnx_no_wish_vanishes_without_a_word(
    write: Callable[[Path, Path, BuildOptions, str], str],
) -> None:
    options = options_of_flags(["--int8", "--best", "--calibration=pictures"])
    text = write(ONNX, ENGINE, options, "11.4.0")
    assert "# INT8 comes from Q/DQ nodes in the ONNX alone." in text
    assert "# There is no best precision any more: types come from the ONNX alone." in text
    assert "# Pictures are no longer calibrated with" in text
    text = write(ONNX, ENGINE, options_of_flags(["--fp16", "--bf16"]), "11.4.0")
    assert "not to both: BF16 is left out." in text


def test_where_trtexec_means_something_else_the_command_says_so() -> None:
    best = trtexec_command(ONNX, ENGINE, options_of_flags(["--best"]), "10.3.0")
    assert "--best" in words(best)
    assert "trtexec's --best takes placeholder ranges" in best
    assert "a build here leaves INT8 out then" in best
    int8 = trtexec_command(ONNX, ENGINE, options_of_flags(["--int8"]), "8.6.1")
    assert "trtexec's --int8 takes placeholder ranges" in int8
    assert "a build here refuses that" in int8
    calibrated = options_of_flags(["--best", "--calibration=pictures"])
    command = trtexec_command(ONNX, ENGINE, calibrated, "10.3.0")
    assert "--calib=calibration.cache" in words(command)
    assert "placeholder" not in command
    fp8 = trtexec_command(ONNX, ENGINE, options_of_flags(["--best", "--fp8"]), "10.3.0")
    assert {"--fp16", "--bf16", "--fp8"} <= set(words(fp8))
    assert "--best" not in words(fp8)
