"""What a verdict compares: the plan's side, and this machine's; a short sentence each."""

from __future__ import annotations

from core.machine import Machine
from core.machine.driver import Gpu
from core.modelfile import PlanHeader
from core.modelfile.facts import HARDWARE_COMPATIBILITY


def plan_evidence(plan: PlanHeader) -> list[str]:
    """What a plan says that decides whether it runs."""
    version, gpu, level = plan.tensorrt_version, plan.build_gpu, plan.hardware_compatibility
    evidence = [f"built by TensorRT {version}" if version else "TensorRT version not readable"]
    if gpu is None:
        evidence.append("build GPU not readable")
    else:
        memory = "" if gpu.memory_bytes is None else f", {gpu.memory_bytes / 1e9:.0f} GB"
        evidence.append(
            f"built for compute capability {gpu.compute_capability} ({gpu.sm_count} SMs{memory})"
        )
    if level is not None:
        words = HARDWARE_COMPATIBILITY.get(level, "not known")
        evidence.append(f"hardware-compatibility level {level}: {words}")
    if plan.embeds_native_code:
        evidence.append("version-compatible: embeds a lean runtime")
    return evidence


def machine_evidence(machine: Machine) -> list[str]:
    """What this machine has that decides it."""
    evidence = []
    for module in machine.modules:
        library = module.library_path or "library not found"
        if module.library_version:
            library += f", {module.library_version}"
        text = f"{module.module} {module.version or 'of unknown version'} ({library})"
        use = "here" if module is machine.tensorrt else "here, not used"
        evidence.append(f"{use}: {text}")
    if not machine.modules:
        evidence.append("here: no TensorRT")
    for index, gpu in enumerate(machine.driver.gpus):
        use = "here" if index == 0 else "here, not used"
        evidence.append(f"{use}: GPU {gpu_words(gpu)}")
    if not machine.driver.gpus:
        evidence.append("here: no GPU that the driver shows")
    if machine.driver.version:
        evidence.append(f"here: NVIDIA driver {machine.driver.version}")
    evidence.append(
        f"here: {machine.system}; a plan does not say on which system it was built, and runs on no "
        "other"
    )
    return evidence


def gpu_words(gpu: Gpu) -> str:
    """A GPU's name and compute capability."""
    return f"{gpu.name}, compute {gpu.compute_capability}"
