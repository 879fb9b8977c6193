"""TensorRT's rules of which engine runs where, each as a finding with its words.

From NVIDIA's support matrix and engine compatibility pages (TensorRT 10 to 11.4), and from what
8.6, 10.16 and 11.4 were seen to do. The operating system is a rule, too, but no plan says it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.machine.driver import Gpu
from core.machine.requirement import Numbers, version_numbers
from core.machine.tensorrt_modules import TensorRTModule
from core.modelfile import PlanHeader

WILL_REFUSE = "it will be refused"
LIKELY_REFUSES = "it will most likely be refused"
MAY_LOAD = "it may load if it was built version-compatible"
TRY = "only trying will tell"
OUTLOOKS = (WILL_REFUSE, LIKELY_REFUSES, MAY_LOAD, TRY)
"""How a sentence about what does not match ends, the worst first."""

_FIRST_COMPATIBLE = (8, 6)  # the first TensorRT that builds version-compatible engines
_NEXT_MAJORS = {(8, 10), (10, 11)}  # which majors they cross; nothing else does
_FLOORS: tuple[tuple[Numbers, tuple[int, int]], ...] = (
    ((10, 5), (7, 5)),  # Volta removed
    ((10, 0), (7, 0)),  # Maxwell and Pascal removed
    ((8, 6), (5, 0)),  # Kepler removed
)
"""From which TensorRT on which compute capability is the least, the newest first."""
_LAST_FOR = (((7, 0), "10.4.0"), ((5, 0), "8.6.1"), ((3, 0), "8.5.3.1"))
"""The last TensorRT that pip has for GPUs from a compute capability on, by the same source."""
_AMPERE = (8, 0)
_EXACT = "engines of before TensorRT 8.6 run only on the very version that built them"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of an engine on this machine.

    Attributes:
        can_run: None when the rule cannot be decided from what is known.
        reason: a short name, "ok" where it can run.
        built: what the engine was built by or for, to follow "Built".
        here: what is here instead, to follow "This machine has".
        outlook: one of OUTLOOKS; "" where it can run.
        rule: the rule in words, where one refuses; "" else.
        note: what is worth knowing although it can run.
    """

    can_run: bool | None
    reason: str
    built: str = ""
    here: str = ""
    outlook: str = ""
    rule: str = ""
    note: str = ""


def judge_version(plan: PlanHeader, module: TensorRTModule) -> Finding:
    """May this TensorRT module run engines of the version that built the plan?

    By default only the very version that built an engine runs it. A version-compatible engine,
    which nothing in the plan shows but an embedded lean runtime, also runs on newer versions of
    its major, and from 8 on 10, and from 10 on 11. The lean and dispatch modules run no others.
    """
    here, relation = _runtime_numbers(module)[0], _relation(plan, module)
    built = version_numbers(plan.tensorrt_version)
    texts = {"built": _built_by(plan, here), "here": _module_text(module, built)}
    is_full, is_dispatch = module.module == "tensorrt", module.module == "tensorrt_dispatch"
    if not built or relation == "unknown":
        # Without sections it is of before 8.6, and a FlatBuffer of before any that runs here.
        is_newer_here = here >= _FIRST_COMPATIBLE or not is_full
        if plan.layout == "flatbuffer" or (plan.sections is None and is_newer_here):
            return Finding(False, "other-version", **texts, outlook=WILL_REFUSE, rule=_EXACT)
        outlook = TRY if built else LIKELY_REFUSES
        return Finding(None, "unknown-version", **texts, outlook=outlook)
    refusal = _version_rule(built, here, relation, is_full=is_full)
    if refusal:
        return Finding(False, "other-version", **texts, outlook=WILL_REFUSE, rule=refusal)
    if plan.embeds_native_code or (is_full and relation == "equal"):
        return Finding(True, "ok", **texts)
    if is_dispatch:
        rule = "the dispatch runtime runs only engines that embed a lean runtime"
        texts["here"] += ", which needs a lean runtime embedded in the engine"
        return Finding(False, "no-lean-runtime", **texts, outlook=WILL_REFUSE, rule=rule)
    if not is_full:
        return Finding(None, "version-compatible-only", **texts, outlook=MAY_LOAD)
    outlook = LIKELY_REFUSES if relation == "unsure" else MAY_LOAD
    return Finding(None, "other-version", **texts, outlook=outlook)


def judge_gpu(plan: PlanHeader, gpu: Gpu | None, module: TensorRTModule) -> Finding:
    """May this GPU run the plan, and may it with this TensorRT?

    An engine runs on the compute capability that it was built on, unless it was built
    hardware-compatible: level 1 on any GPU from Ampere on, level 2 on any model of the same
    capability. TensorRT drops old GPUs over time, whatever the plan.
    """
    built_for = _built_for(plan)
    if gpu is None:
        text = "a GPU that only CUDA can tell"
        return Finding(None, "unknown-gpu", built_for, text, TRY)
    capability, here = _capability(gpu.compute_capability), gpu_text(gpu.compute_capability)
    floor = _floor(module)
    if capability < floor:
        least = f"{floor[0]}.{floor[1]}"
        here = f"{here}, which is too old for TensorRT {shown_version(module)} ({least} or newer)"
        rule = f"TensorRT {shown_version(module)} needs compute capability {least} or newer"
        return Finding(False, "gpu-too-old", built_for, here, WILL_REFUSE, rule)
    level, build = plan.hardware_compatibility, plan.build_gpu
    if level == 1:
        if capability >= _AMPERE:
            return Finding(True, "ok", built_for, here)
        rule = "hardware-compatibility level 1 needs compute capability 8.0 or newer"
        return Finding(False, "other-gpu", built_for, here, WILL_REFUSE, rule)
    if build is None:
        return Finding(None, "unknown-gpu", built_for, here, TRY)
    if build.compute_capability == gpu.compute_capability:
        return Finding(True, "ok", built_for, here, note="" if level == 2 else _model(plan, gpu))
    # Before 8.6 (no sections) there is no hardware compatibility, so no level to read.
    if level in (0, 2) or (level is None and plan.sections is None):
        rule = "an engine runs only on the compute capability that it was built on"
        return Finding(False, "other-gpu", built_for, here, WILL_REFUSE, rule)
    return Finding(None, "other-gpu", built_for, here, LIKELY_REFUSES)


def last_tensorrt_for(gpu: Gpu) -> str | None:
    """The newest TensorRT that still knows an old GPU; None when all do or none does."""
    capability = _capability(gpu.compute_capability)
    return next((text for least, text in _LAST_FOR if capability >= least), None)


def shown_version(module: TensorRTModule) -> str:
    """The version that counts: the library's, as exactly as it is known."""
    numbers = _runtime_numbers(module)[0]
    return ".".join(str(number) for number in numbers) if numbers else "of unknown version"


def gpu_text(capability: str) -> str:
    """With its article: "an 8.6 GPU", "a 9.0 GPU"."""
    article = "an" if capability.startswith(("8", "11")) else "a"
    return f"{article} {capability} GPU"


def _runtime_numbers(module: TensorRTModule) -> tuple[Numbers, int]:
    """The version that counts, and how many of its numbers are sure.

    The library's decides; the package's may add numbers to it. Alone, the package's is sure to
    its second number only: bindings 8.6.1 were seen on a library 8.6.0.
    """
    library, package = version_numbers(module.library_version), version_numbers(module.version)
    if not library:
        return package, min(len(package), 2)
    return (package if package[: len(library)] == library else library), len(library)


def _relation(
    plan: PlanHeader, module: TensorRTModule
) -> Literal["equal", "unsure", "older", "newer", "unknown"]:
    """How the plan's version stands to the runtime's, as far as both are known."""
    built = version_numbers(plan.tensorrt_version)
    here, sure = _runtime_numbers(module)
    if not built or not here:
        return "unknown"
    for index, (one, other) in enumerate(zip(built, here, strict=False)):
        if one != other:
            if index >= sure:
                return "unsure"
            return "older" if one < other else "newer"
    return "equal"


def _version_rule(built: Numbers, here: Numbers, relation: str, *, is_full: bool) -> str:
    """The rule by which this version of a plan cannot run, however it was built; "" if it can."""
    if built < _FIRST_COMPATIBLE and not (is_full and relation in ("equal", "unsure")):
        return _EXACT
    if relation == "newer":
        return "TensorRT never runs engines of a newer version"
    if built[0] != here[0] and (built[0], here[0]) not in _NEXT_MAJORS:
        return "version-compatible engines cross majors only from 8 to 10 and from 10 to 11"
    return ""


def _built_by(plan: PlanHeader, here: Numbers) -> str:
    if plan.tensorrt_version is not None:
        return f"by TensorRT {_short(version_numbers(plan.tensorrt_version), here)}"
    if plan.layout == "flatbuffer":
        return "by TensorRT 5 or older"
    return "by a TensorRT whose version cannot be read"


def _module_text(module: TensorRTModule, built: Numbers) -> str:
    numbers = _runtime_numbers(module)[0]
    name = f"TensorRT {_short(numbers, built)}" if numbers else "a TensorRT of unknown version"
    kind = {"tensorrt_lean": " (lean runtime)", "tensorrt_dispatch": " (dispatch runtime)"}
    return name + kind.get(module.module, "")


def _short(numbers: Numbers, other: Numbers) -> str:
    """Three numbers of a version, or all where only the fourth differs from the other's."""
    shown = 4 if numbers[:3] == other[:3] and len(numbers) == len(other) else 3
    return ".".join(str(number) for number in numbers[:shown])


def _built_for(plan: PlanHeader) -> str:
    if plan.hardware_compatibility == 1:
        return "for GPUs of compute capability 8.0 and newer"
    if plan.build_gpu is None:
        return "for a GPU that cannot be read"
    return f"for compute capability {plan.build_gpu.compute_capability}"


def _capability(text: str) -> tuple[int, int]:
    major, _, minor = text.partition(".")
    return int(major), int(minor)


def _floor(module: TensorRTModule) -> tuple[int, int]:
    here = _runtime_numbers(module)[0]
    return next((least for version, least in _FLOORS if here >= version), (0, 0))


def _model(plan: PlanHeader, gpu: Gpu) -> str:
    """A note when the GPU is another model of the same capability; TensorRT warns of it."""
    build = plan.build_gpu
    assert build is not None
    if gpu.sm_count is not None and gpu.sm_count != build.sm_count:
        what = f"{build.sm_count} SMs, here {gpu.sm_count}"
    elif build.memory_bytes and gpu.memory_bytes and not _alike(build.memory_bytes, gpu):
        what = f"{build.memory_bytes / 1e9:.0f} GB, here {gpu.memory_bytes / 1e9:.0f}"
    else:
        return ""
    return f"Built on another model of GPU ({what}): it may be slower."


def _alike(memory_bytes: int, gpu: Gpu) -> bool:
    """CUDA and NVML count a GPU's memory a few percent differently; models differ by more."""
    return 0.8 < memory_bytes / gpu.memory_bytes < 1.25
