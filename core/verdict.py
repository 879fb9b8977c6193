"""Whether a model file can run on this machine, before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import EnginebayError, MachineError
from core.machine import Driver, find_tensorrt, read_driver, require_gpu_stack
from core.modelfile import ModelFile


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its reason as a short name, and the same in words with the next step.

    `can_run` None means that only trying will tell.
    """

    can_run: bool | None
    reason: str
    message: str
    hint: str = ""

    def as_json(self) -> dict[str, object]:
        """The `verdict` object of `enginebay info --json`."""
        return {
            "can_run": self.can_run,
            "reason": self.reason,
            "message": self.message,
            "hint": self.hint,
        }

    @classmethod
    def refused(cls, error: EnginebayError) -> Verdict:
        """A verdict from the error that opening the file gives; consent is still to be had."""
        can_run = None if error.kind == "needs-consent" else False
        return cls(can_run, error.kind, error.message, error.hint)


def judge(file: ModelFile) -> Verdict:
    """Judge a file by what it says of itself and what is installed; loads nothing."""
    problem = file.problem()
    if problem is not None:
        return Verdict.refused(problem)
    if file.kind == "onnx":
        return Verdict(True, "ok", "Runs here on the CPU, by ONNX Runtime.")
    driver = read_driver()
    try:
        require_gpu_stack(driver)
    except MachineError as error:
        return Verdict.refused(error)
    return _judge_engine(file, driver)


def _judge_engine(file: ModelFile, driver: Driver) -> Verdict:
    plan = file.plan
    assert plan is not None  # every engine has a header
    if plan.embeds_native_code:
        return Verdict(
            None,
            "needs-consent",
            "Embeds native code that runs on opening; it needs your consent.",
            "Allow it only for a file whose origin you trust.",
        )
    gpu = driver.gpus[0] if driver.gpus else None
    built_on = plan.build_gpu
    if (
        gpu is not None
        and built_on is not None
        and built_on.compute_capability != gpu.compute_capability
        and not plan.hardware_compatibility
    ):
        return Verdict(
            None,
            "other-gpu",
            f"Built for compute capability {built_on.compute_capability}; this GPU is "
            f"{gpu.compute_capability}: it will most likely be refused.",
            "Build it again here from its ONNX.",
        )
    installed = find_tensorrt()
    versions = [found.version for found in installed if found.version is not None]
    built_by = plan.tensorrt_version
    # Bindings and library may differ in their last numbers, so two are compared.
    if built_by and versions and not any(_same_minor(built_by, here) for here in versions):
        return Verdict(
            None,
            "other-version",
            f"Built by TensorRT {built_by}; here is {', '.join(versions)}: it loads only if it "
            "was built version-compatible.",
            f"Build it again here from its ONNX, or install tensorrt=={_patch(built_by)}.",
        )
    if built_by is None:
        return Verdict(
            None,
            "unknown-version",
            "Does not say which TensorRT built it, as TensorRT 5 and older do not: it will most "
            "likely be refused.",
            "Build it again here from its ONNX.",
        )
    return Verdict(True, "ok", "Runs here: TensorRT and GPU match.")


def _same_minor(one: str, other: str) -> bool:
    return one.split(".")[:2] == other.split(".")[:2]


def _patch(version: str) -> str:
    return ".".join(version.split(".")[:3])
