"""The verdict for a machine: every rule as a row of what is there and what is said."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from core import machine as machine_room
from core import verdict as verdict_room
from core.errors import ModelFileError
from core.machine import Driver, Gpu, Machine, TensorRTModule, find_package
from core.machine.requirement import pip_requirement
from core.modelfile import ModelFile, OnnxHeader, read_model_file
from core.verdict import Verdict, judge
from tests.unit.plan_writer import Plan, with_prefix

FULL, LEAN, DISPATCH = "tensorrt", "tensorrt_lean", "tensorrt_dispatch"


def gpu(capability: str, sm_count: int | None = 28, name: str = "GPU", **more: Any) -> Gpu:
    return Gpu(name, capability, 12_000_000_000, sm_count, **more)


def module(name: str, version: str | None, library: str | None = None) -> TensorRTModule:
    return TensorRTModule(name, version, f"/site/{name}", f"/site/{name}_libs/lib.so", library)


def machine(
    version: str | None = "10.3.0",
    *gpus: Gpu,
    name: str = FULL,
    library: str | None = None,
    **more: Any,
) -> Machine:
    """One TensorRT module and one 8.6 GPU, if nothing else is said."""
    here = Machine(
        driver=Driver("570.86", gpus or (gpu("8.6"),)),
        modules=(module(name, version, library),),
        has_pycuda=True,
        onnxruntime="1.20.1",
        system="Linux",
        is_jetson=False,
    )
    return replace(here, **more)


def plan(version: str = "10.3.0.26", **more: Any) -> bytes:
    """A plan of its version's layout, built on an 8.6 GPU of 28 SMs, if nothing else is said."""
    numbers = tuple(int(part) for part in version.split("."))
    layout = (
        "ptrt-7" if numbers[0] == 7
        else "ptrt-8.2" if numbers < (8, 6)
        else "ftrt-8.6" if numbers < (10, 6)
        else "ftrt-10.9"
    )  # fmt: skip
    return Plan(**{"layout": layout, "version": numbers, **more}).to_bytes()


LEAN_INSIDE = {"sections": ("LEAN", "ENGN")}
NO_DRIVER = Driver(None, (), "no-driver", "NVML Shared Library Not Found")
NO_GPU = Driver("570.86", (), "no-gpu")
REFUSED, LIKELY = "it will be refused", "it will most likely be refused"
MAY_LOAD, TRY = "it may load if it was built version-compatible", "only trying will tell"


@dataclass(frozen=True)
class Row:
    """A file, a machine, and what must come out; `words` stand in the message or the hint."""

    data: bytes
    here: Machine
    can_run: bool | None
    reason: str
    words: tuple[str, ...] = ()
    absent: tuple[str, ...] = field(default=())


ROWS: dict[str, Row] = {
    # What the machine lacks, with what the engine needs.
    "no driver": Row(
        plan(), machine(driver=NO_DRIVER), False, "no-driver",
        ("driver", "built by TensorRT 10.3.0.26 for compute capability 8.6",
         "an 8.6 GPU and tensorrt==10.3.0"),
    ),
    "no GPU": Row(
        plan("8.6.1.6"), machine(driver=NO_GPU), False, "no-gpu",
        ("shows no GPU", "built by TensorRT 8.6.1.6", "tensorrt==8.6.1"),
    ),
    "no GPU, hardware-compatible": Row(
        plan(hardware_compatibility=1), machine(driver=NO_GPU), False, "no-gpu",
        ("needs tensorrt==10.3.0.",), ("an 8.6 GPU",),
    ),
    "no TensorRT": Row(
        plan(), machine(modules=()), False, "no-tensorrt",
        ("TensorRT is not installed", "built by TensorRT 10.3.0.26", "Install tensorrt==10.3.0,"),
    ),
    "no TensorRT, and pip has none for it": Row(
        plan("8.4.3.1"), machine(modules=()), False, "no-tensorrt",
        ("built by TensorRT 8.4.3.1", "--extra gpu"), ("tensorrt==",),
    ),
    "the wanted module is not installed": Row(
        plan(), machine(wanted_module=LEAN), False, "no-tensorrt",
        ("ENGINEBAY_TENSORRT asks for 'tensorrt_lean'", "Unset it"),
    ),
    "no pycuda": Row(
        plan(), machine(has_pycuda=False), False, "no-pycuda",
        ("pycuda is not installed", "CUDA toolkit"), (REFUSED,),
    ),
    "no pycuda, and it would be refused anyway": Row(
        plan("10.9.0.34"), machine(has_pycuda=False), False, "no-pycuda",
        ("pycuda is not installed", "Built by TensorRT 10.9.0", REFUSED, "tensorrt==10.9.0.34"),
    ),
    "no driver comes before no TensorRT": Row(
        plan(), machine(driver=NO_DRIVER, modules=(), has_pycuda=False), False, "no-driver",
    ),
    # The very version.
    "the same version, as far as the package says": Row(plan(), machine(), True, "ok"),
    "the same four numbers": Row(
        plan("10.9.0.34"), machine("10.9.0.34"), True, "ok", ("TensorRT and GPU match",)
    ),
    "a post release of the same": Row(plan("8.6.1.6"), machine("8.6.1.post1"), True, "ok"),
    "8.5 by 8.5": Row(plan("8.5.3.1"), machine("8.5.3.1"), True, "ok"),
    "11 by 11": Row(plan("11.4.0.106"), machine("11.4.0.106"), True, "ok"),
    "9 by 9": Row(plan("9.2.0.5"), machine("9.2.0.5"), True, "ok"),
    "the library decides: equal": Row(
        plan("8.6.0.12"), machine("8.6.1", library="8.6.0"), True, "ok"
    ),
    "the library decides: older": Row(
        plan("8.6.1.6"), machine("8.6.1", library="8.6.0"), False, "other-version",
        ("Built by TensorRT 8.6.1.", "has TensorRT 8.6.0:", REFUSED),
    ),
    "the patch differs, and only the package's is known": Row(
        plan("8.6.0.12"), machine("8.6.1"), None, "other-version", (LIKELY, "tensorrt==8.6.0")
    ),
    "the patch is newer, and only the package's is known": Row(
        plan("10.13.3.9"), machine("10.13.2.6"), None, "other-version", (LIKELY,)
    ),
    "the build differs, and the library says three numbers": Row(
        plan("10.13.3.4"), machine("10.13.3.9", library="10.13.3"), None, "other-version",
        ("by TensorRT 10.13.3.4", "TensorRT 10.13.3.9", LIKELY),
    ),
    "the build differs, and the library says all four": Row(
        plan("10.13.3.11"), machine("10.13.3.9", library="10.13.3.9"), False, "other-version",
        ("10.13.3.11", REFUSED),
    ),
    "8.5 of another patch": Row(
        plan("8.5.2.2"), machine("8.5.3.1"), None, "other-version", (LIKELY, "tensorrt==8.5.2.2")
    ),
    # Other versions, full runtime: only trying tells whether it was built version-compatible.
    "older within the major": Row(
        plan(), machine("10.13.3.9"), None, "other-version",
        ("Built by TensorRT 10.3.0.", "has TensorRT 10.13.3:", MAY_LOAD, "tensorrt==10.3.0"),
        ("GPU",),
    ),
    "10.9 is not 10.90": Row(plan("10.9.0.34"), machine("10.90.0"), None, "other-version"),
    "8.6 on 10": Row(plan("8.6.1.6"), machine("10.3.0"), None, "other-version", (MAY_LOAD,)),
    "10 on 11": Row(plan(), machine("11.4.0.106"), None, "other-version", (MAY_LOAD,)),
    "9 on a newer 9": Row(plan("9.0.1.4"), machine("9.2.0"), None, "other-version", (MAY_LOAD,)),
    "a patch older than the library": Row(
        plan("10.13.2.6"), machine("10.13.3.9", library="10.13.3"), None, "other-version",
        (MAY_LOAD,),
    ),
    "newer than what is here": Row(
        plan("10.9.0.34"), machine("10.8.0.43"), False, "other-version",
        (REFUSED, "tensorrt==10.9.0.34"),
    ),
    "a newer major than what is here": Row(
        plan("11.0.0.114"), machine("10.13.3.9"), False, "other-version", (REFUSED,)
    ),
    "8 on 11": Row(plan("8.6.1.6"), machine("11.4.0.106"), False, "other-version", (REFUSED,)),
    "8 on 9": Row(plan("8.6.1.6"), machine("9.2.0"), False, "other-version", (REFUSED,)),
    "9 on 10": Row(
        plan("9.2.0.5"), machine("10.3.0"), False, "other-version", (REFUSED,), ("install",)
    ),
    "7 on 8.6": Row(
        plan("7.1.3.0"), machine("8.6.1"), False, "other-version",
        ("TensorRT 7.1.3", REFUSED, "Build it again"), ("install",),
    ),
    "8.4 on 8.5": Row(plan("8.4.3.1"), machine("8.5.3.1"), False, "other-version", (REFUSED,)),
    "8.5 on 8.6": Row(
        plan("8.5.2.2"), machine("8.6.1"), False, "other-version", (REFUSED, "tensorrt==8.5.2.2")
    ),
    "8.5 on 10": Row(plan("8.5.3.1"), machine("10.3.0"), False, "other-version", (REFUSED,)),
    "TensorRT 5": Row(
        Plan(layout="flatbuffer-5").to_bytes(), machine("8.5.3.1"), False, "other-version",
        ("by TensorRT 5 or older. This", REFUSED),
    ),
    "a version that is none": Row(
        plan(version="255.255.255.255"), machine(), None, "unknown-version",
        ("version cannot be read", LIKELY),
    ),
    "an old layout whose version is none": Row(
        plan("0.0.0.0", layout="ptrt-8.2"), machine(), False, "other-version", (REFUSED,)
    ),
    "an old layout whose version is none, on 8.5": Row(
        plan("0.0.0.0", layout="ptrt-8.2"), machine("8.5.3.1"), None, "unknown-version", (LIKELY,)
    ),
    "a TensorRT of unknown version": Row(
        plan(), machine(None), None, "unknown-version", ("of unknown version", TRY)
    ),
    "the library's version alone will do": Row(plan(), machine(None, library="10.3.0"), True, "ok"),
    # The lean and dispatch runtimes.
    "lean, the same version": Row(
        plan(), machine(name=LEAN), None, "version-compatible-only",
        ("by TensorRT 10.3.0.", "TensorRT 10.3.0 (lean runtime)", MAY_LOAD,
         "version-compatible, with its lean runtime"),
    ),
    "lean, newer": Row(
        plan(), machine("10.16.1.11", name=LEAN), None, "version-compatible-only", (MAY_LOAD,)
    ),
    "lean, older": Row(
        plan("10.16.1.11"), machine(name=LEAN), False, "other-version", (REFUSED,)
    ),
    "lean, and of before 8.6": Row(
        plan("8.5.3.1"), machine("8.6.1", name=LEAN), False, "other-version", (REFUSED,)
    ),
    "lean of unknown version, and of before 8.6": Row(
        plan("0.0.0.0", layout="ptrt-8.2"), machine(None, name=LEAN), False, "other-version",
    ),
    "dispatch, and no lean runtime inside": Row(
        plan(), machine(name=DISPATCH), False, "no-lean-runtime",
        ("(dispatch runtime), which needs a lean runtime embedded in the engine:",
         "with its lean runtime embedded"),
    ),
    "dispatch, newer than here": Row(
        plan("11.0.0.114"), machine(name=DISPATCH), False, "other-version", (REFUSED,)
    ),
    # Embedded native code: asked for, unless it is refused anyway.
    "a lean runtime inside": Row(
        plan(**LEAN_INSIDE), machine(), None, "needs-consent",
        ("native code", "needs your consent", "trust"), ("Built",),
    ),
    "a lean runtime inside, newer here": Row(
        plan("8.6.0.12", **LEAN_INSIDE), machine("10.16.1.11", name=LEAN), None, "needs-consent",
        ("consent",), (MAY_LOAD,),
    ),
    "a lean runtime inside, dispatch": Row(
        plan("8.6.0.12", **LEAN_INSIDE), machine("10.16.1.11", name=DISPATCH), None,
        "needs-consent",
    ),
    "a lean runtime inside, 8 on 11": Row(
        plan("8.6.0.12", **LEAN_INSIDE), machine("11.4.0.106", name=LEAN), False, "other-version",
        (REFUSED,), ("consent",),
    ),
    "a lean runtime inside, newer than here": Row(
        plan("10.9.0.34", **LEAN_INSIDE), machine(), False, "other-version", (REFUSED,)
    ),
    "a lean runtime inside, for another GPU": Row(
        plan(**LEAN_INSIDE), machine("10.3.0", gpu("8.9")), False, "other-gpu", (REFUSED,)
    ),
    "a lean runtime inside, GPU not readable": Row(
        plan(sm_count=0, **LEAN_INSIDE), machine(), None, "needs-consent", ("consent", TRY)
    ),
    # The GPU.
    "another capability": Row(
        plan(), machine("10.3.0", gpu("8.9")), False, "other-gpu",
        ("Built for compute capability 8.6.", "has an 8.9 GPU:", REFUSED, "Build it again here"),
        ("TensorRT", "install"),
    ),
    "another minor capability, before 8.6": Row(
        plan("8.5.3.1"), machine("8.5.3.1", gpu("8.9")), False, "other-gpu", (REFUSED,)
    ),
    "level not readable": Row(
        plan(hardware_compatibility=9), machine("10.3.0", gpu("8.9")), None, "other-gpu", (LIKELY,)
    ),
    "level not known": Row(
        plan(hardware_compatibility=5), machine("10.3.0", gpu("8.9")), None, "other-gpu", (LIKELY,)
    ),
    "Ampere and newer on a newer": Row(
        plan(hardware_compatibility=1), machine("10.3.0", gpu("12.0")), True, "ok"
    ),
    "Ampere and newer on an 8.0": Row(
        plan(hardware_compatibility=1), machine("10.3.0", gpu("8.0")), True, "ok"
    ),
    "Ampere and newer on a Turing": Row(
        plan(hardware_compatibility=1), machine("10.3.0", gpu("7.5")), False, "other-gpu",
        ("for GPUs of compute capability 8.0 and newer", "a 7.5 GPU", REFUSED),
    ),
    "same capability level, the same": Row(
        plan("10.9.0.34", hardware_compatibility=2), machine("10.9.0.34", gpu("8.6", 84)),
        True, "ok", (), ("another model",),
    ),
    "same capability level, another": Row(
        plan("10.9.0.34", hardware_compatibility=2), machine("10.9.0.34", gpu("8.9")),
        False, "other-gpu", (REFUSED,),
    ),
    "another model": Row(
        plan(), machine("10.3.0", gpu("8.6", 84)), True, "ok",
        ("another model of GPU (28 SMs, here 84)", "it may be slower"),
    ),
    "another model by its memory": Row(
        plan(memory_bytes=48 * 10**9), machine(), True, "ok",
        ("another model of GPU (48 GB, here 12)",),
    ),
    "a model whose SMs nobody counts": Row(
        plan(sm_count=84), machine("10.3.0", gpu("8.6", None)), True, "ok", (), ("another model",)
    ),
    "the plan's GPU is not readable": Row(
        plan(sm_count=0), machine(), None, "unknown-gpu", ("for a GPU that cannot be read", TRY)
    ),
    "the board's GPU is not known": Row(
        plan(), machine(driver=NO_DRIVER, is_jetson=True), None, "unknown-gpu", (TRY,)
    ),
    "a Jetson's TensorRT is not pip's": Row(
        plan(), machine("10.13.3", is_jetson=True), None, "other-version", (MAY_LOAD,), ("install",)
    ),
    "the first of several counts, and another fits": Row(
        plan(), machine("10.3.0", gpu("8.9"), gpu("8.6", name="RTX 3060")), False, "other-gpu",
        (REFUSED, "GPU 1 (RTX 3060, compute 8.6) fits", "CUDA_VISIBLE_DEVICES=1."),
    ),
    "another that fits is named by its UUID": Row(
        plan(), machine("10.3.0", gpu("8.9"), gpu("8.6", uuid="GPU-0123abcd-4567")), False,
        "other-gpu", ("CUDA_VISIBLE_DEVICES=GPU-0123abcd.",),
    ),
    "of several none fits": Row(
        plan(), machine("10.3.0", gpu("8.9"), gpu("9.0")), False, "other-gpu", (), ("fits",)
    ),
    "only CUDA knows the first": Row(
        plan(), machine("10.3.0", gpu("8.9"), gpu("8.6"), is_order_sure=False), None, "other-gpu",
        ("several kinds", TRY, "CUDA_VISIBLE_DEVICES=1"),
    ),
    "only CUDA knows the first, and none fits": Row(
        plan(), machine("10.3.0", gpu("8.9"), gpu("9.0"), is_order_sure=False), False, "other-gpu",
    ),
    "Volta is too old for 10.5": Row(
        plan("10.5.0.18", compute_capability=(7, 0)), machine("10.5.0", gpu("7.0")), False,
        "gpu-too-old", ("a 7.0 GPU, which is too old for TensorRT 10.5.0 (7.5 or newer)",
                        "install tensorrt==10.4.0"),
    ),
    "Volta is not too old for 10.4": Row(
        plan("10.4.0.26", compute_capability=(7, 0)), machine("10.4.0", gpu("7.0")), True, "ok"
    ),
    "Pascal is too old for 10": Row(
        plan("8.6.1.6", compute_capability=(6, 1)), machine("10.0.1", gpu("6.1")), False,
        "gpu-too-old", ("7.0 or newer", "Built by TensorRT 8.6.1", "install tensorrt==8.6.1"),
    ),
    "Kepler is too old for 8.6": Row(
        plan("8.6.1.6", compute_capability=(3, 5)), machine("8.6.1", gpu("3.5")), False,
        "gpu-too-old", ("install tensorrt==8.5.3.1",),
    ),
    "Kepler is not too old for 8.5": Row(
        plan("8.5.3.1", compute_capability=(3, 5)), machine("8.5.3.1", gpu("3.5")), True, "ok"
    ),
    # Both.
    "another version and another GPU": Row(
        plan(), machine("10.13.3.9", gpu("8.9")), False, "other-version-and-gpu",
        ("Built by TensorRT 10.3.0 for compute capability 8.6. This machine has TensorRT 10.13.3 "
         "and an 8.9 GPU: it will be refused.",
         "Build it again here from its ONNX, or install tensorrt==10.3.0 (and it would still need "
         "an 8.6 GPU).",),
    ),
    "a newer version and perhaps another GPU": Row(
        plan("10.9.0.34", hardware_compatibility=9), machine("10.3.0", gpu("9.0")), False,
        "other-version-and-gpu", ("a 9.0 GPU", REFUSED),
    ),
    "perhaps another version and perhaps another GPU": Row(
        plan(hardware_compatibility=9), machine("10.13.3.9", gpu("11.0")), None,
        "other-version-and-gpu", ("an 11.0 GPU", LIKELY),
    ),
    "another version, and a GPU that is not readable": Row(
        plan(sm_count=0), machine("10.13.3.9"), None, "other-version", (MAY_LOAD,)
    ),
    # Which module is used.
    "a better module is installed, too": Row(
        plan("10.16.1.11"), machine(modules=(module(FULL, "8.6.1"), module(LEAN, "10.16.1.11"))),
        False, "other-version",
        (REFUSED, "set ENGINEBAY_TENSORRT=tensorrt_lean", "10.16.1.11 is installed, too"),
    ),
    "a module that is no better is not named": Row(
        plan("11.4.0.106"), machine(modules=(module(FULL, "8.6.1"), module(LEAN, "10.16.1.11"))),
        False, "other-version", (REFUSED,), ("ENGINEBAY_TENSORRT",),
    ),
    "the wanted module counts": Row(
        plan(), machine(modules=(module(FULL, "10.3.0"), module(LEAN, "10.16.1.11")),
                        wanted_module=LEAN),
        None, "version-compatible-only", ("lean runtime", "set ENGINEBAY_TENSORRT=tensorrt:"),
    ),
    "the wanted module has the version": Row(
        plan(**LEAN_INSIDE), machine(modules=(module(FULL, "8.6.1"), module(LEAN, "10.16.1.11")),
                                     wanted_module=LEAN),
        None, "needs-consent",
    ),
    # How to install what is needed.
    "10.0.1 by its CUDA variant": Row(
        plan("10.0.1.6"), machine("10.9.0.34"), None, "other-version", ("tensorrt-cu12==10.0.1",)
    ),
    "Windows before 10 by NVIDIA's zip": Row(
        plan("8.6.1.6"), machine("10.9.0.34", system="Windows"), None, "other-version",
        ("install TensorRT 8.6.1 from NVIDIA's zip file",), ("tensorrt==",),
    ),
    "Windows from 10 on by pip": Row(
        plan(), machine("10.9.0.34", system="Windows"), None, "other-version", ("tensorrt==10.3.0",)
    ),
    # Bytes that do not belong.
    "stray bytes at the end": Row(
        plan() + b"\r\n", machine(), None, "stray-bytes", (LIKELY, "bytes", "Copy it again")
    ),
    "stray bytes do not hide a refusal": Row(
        plan() + b"\r\n", machine("8.6.1"), False, "other-version", (REFUSED,)
    ),
    "behind Ultralytics' prefix": Row(
        with_prefix(plan(), {"task": "detect"}), machine(), True, "ok", ("Runs here",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_each_rule(tmp_path: Path, row: Row) -> None:
    answer = judge(model_file(tmp_path, row.data), row.here)
    assert (answer.can_run, answer.reason) == (row.can_run, row.reason), answer
    text = f"{answer.message} {answer.hint}"
    for words in row.words:
        assert words in text
    for words in row.absent:
        assert words not in text
    assert answer.message.endswith((".", ")"))
    assert answer.can_run is True or answer.hint.endswith(".")
    assert "None" not in text
    assert text.isprintable()
    evidence = "\n".join(answer.evidence)
    for found in row.here.modules:
        assert f"{found.module} {found.version or 'of unknown version'}" in evidence
        assert str(found.library_path) in evidence
    assert json.loads(json.dumps(answer.as_json()))["evidence"] == list(answer.evidence)


def model_file(folder: Path, data: bytes) -> ModelFile:
    path = folder / "model.engine"
    path.write_bytes(data)
    return read_model_file(path)


NO_SYSTEM = "; a plan does not say on which system it was built, and runs on no other"


def test_the_evidence_is_what_was_compared(tmp_path: Path) -> None:
    here = machine("10.13.3.9", gpu("8.9", name="NVIDIA L4"), library="10.13.3")
    answer = judge(model_file(tmp_path, plan(**LEAN_INSIDE)), here)
    assert answer.evidence == (
        "built by TensorRT 10.3.0.26",
        "built for compute capability 8.6 (28 SMs, 12 GB)",
        "hardware-compatibility level 0: none: it runs on the kind of GPU that built it",
        "version-compatible: embeds a lean runtime",
        "here: tensorrt 10.13.3.9 (/site/tensorrt_libs/lib.so, 10.13.3)",
        "here: GPU NVIDIA L4, compute 8.9",
        "here: NVIDIA driver 570.86",
        f"here: Linux{NO_SYSTEM}",
        "rule: an engine runs only on the compute capability that it was built on",
    )


def test_the_evidence_names_what_is_missing_and_what_is_not_used(tmp_path: Path) -> None:
    file = model_file(tmp_path, Plan(layout="flatbuffer-5").to_bytes())
    nothing = machine(driver=NO_DRIVER, modules=())
    assert judge(file, nothing).evidence == (
        "TensorRT version not readable",
        "build GPU not readable",
        "here: no TensorRT",
        "here: no GPU that the driver shows",
        f"here: Linux{NO_SYSTEM}",
    )
    modules = (TensorRTModule(FULL, None), module(LEAN, "10.3.0"))
    several = machine("", gpu("8.6", name="A"), gpu("9.0", name="B"), modules=modules)
    assert judge(file, several).evidence[2:6] == (
        "here: tensorrt of unknown version (library not found)",
        "here, not used: tensorrt_lean 10.3.0 (/site/tensorrt_lean_libs/lib.so)",
        "here: GPU A, compute 8.6",
        "here, not used: GPU B, compute 9.0",
    )


# From PyPI's index of tensorrt and tensorrt-cu12.
@pytest.mark.parametrize(
    ("version", "linux", "windows"),
    [
        ("7.1.3.0", "", ""),
        ("8.4.3.1", "", ""),
        ("8.5.2.2", "tensorrt==8.5.2.2", ""),
        ("8.6.0.12", "tensorrt==8.6.0", ""),
        ("8.6.1.6", "tensorrt==8.6.1", ""),
        ("8.6.2.3", "", ""),
        ("9.2.0.5", "", ""),
        ("10.0.1.6", "tensorrt-cu12==10.0.1", "tensorrt-cu12==10.0.1"),
        ("10.1.0.27", "tensorrt-cu12==10.1.0", "tensorrt-cu12==10.1.0"),
        ("10.2.0.19", "tensorrt==10.2.0", "tensorrt==10.2.0"),
        ("10.7.0.23", "tensorrt==10.7.0", "tensorrt==10.7.0"),
        ("10.8.0.43", "tensorrt==10.8.0.43", "tensorrt==10.8.0.43"),
        ("11.4.0.106", "tensorrt==11.4.0.106", "tensorrt==11.4.0.106"),
        (None, "", ""),
    ],
)
def test_what_pip_has_is_named_as_pip_names_it(
    version: str | None, linux: str, windows: str
) -> None:
    assert pip_requirement(version, "Linux") == linux
    assert pip_requirement(version, "Windows") == windows


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\nsize 5\n", "git-lfs-pointer"),
        (plan()[:-1], "truncated-plan"),
        (b"\x08\x08\x3a\x05", "truncated-onnx"),
        (b"words", "unknown"),
    ],
)
def test_a_file_that_is_no_model_runs_nowhere(tmp_path: Path, data: bytes, reason: str) -> None:
    file = model_file(tmp_path, data)
    problem = file.problem()
    assert problem is not None
    assert judge(file, machine()) == Verdict(False, reason, problem.message, problem.hint)


ONNX = ModelFile(
    path=Path("m.onnx"),
    kind="onnx",
    size_bytes=4,
    onnx=OnnxHeader(8, "", {"": 17}, {}, is_truncated=False),
)


def test_an_onnx_runs_wherever_onnx_runtime_is() -> None:
    here = machine(driver=NO_DRIVER, modules=(), has_pycuda=False)
    answer = judge(ONNX, here)
    assert (answer.can_run, answer.reason) == (True, "ok")
    assert answer.evidence == ("here: ONNX Runtime 1.20.1",)
    assert judge(ONNX, replace(here, onnxruntime="")).can_run is True
    answer = judge(ONNX, replace(here, onnxruntime=None))
    assert (answer.can_run, answer.reason) == (False, "no-onnxruntime")
    assert "pip install onnxruntime" in answer.hint


def test_onnx_is_judged_without_asking_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_room, "read_driver", lambda: pytest.fail("not for ONNX"))
    found = find_package("onnxruntime")
    assert found is not None
    answer = judge(ONNX)
    assert answer.can_run is True
    assert answer.evidence == (f"here: ONNX Runtime {found.version}",)
    monkeypatch.setattr(verdict_room, "find_package", lambda name: None)
    assert judge(ONNX).reason == "no-onnxruntime"


def test_an_engine_is_judged_by_this_machine_when_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = model_file(tmp_path, plan())
    for here in (machine(), machine("8.6.1")):
        monkeypatch.setattr(verdict_room, "read_machine", lambda here=here: here)
        assert judge(file) == judge(file, here)


def test_a_verdict_from_an_error_and_its_json() -> None:
    answer = Verdict.refused(ModelFileError("kind", "What happened.", "What to do."))
    assert answer.as_json() == {
        "can_run": False,
        "reason": "kind",
        "message": "What happened.",
        "hint": "What to do.",
        "evidence": [],
    }


def test_the_table_has_every_reason_that_the_code_knows() -> None:
    known = set()
    for name in ("verdict.py", "compatibility.py", "machine/__init__.py"):
        text = (Path(verdict_room.__file__).parent / name).read_text(encoding="utf-8")
        known |= set(
            re.findall(r'(?:Finding|Verdict|MachineError)\(\s*(?:\w+,\s*)?"([a-z-]+)"', text)
        )
    assert len(ROWS) >= 40
    told = {row.reason for row in ROWS.values()} | {"no-onnxruntime"}
    assert known - told == set()
