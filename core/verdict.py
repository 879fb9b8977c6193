"""Whether a model file can run on this machine, before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from core.compatibility import (
    OUTLOOKS,
    Finding,
    gpu_text,
    judge_gpu,
    judge_version,
    last_tensorrt_for,
    shown_version,
)
from core.errors import MachineError
from core.evidence import gpu_words, machine_evidence, plan_evidence
from core.machine import MODULE_VARIABLE, Machine, TensorRTModule, find_package, read_machine
from core.machine.requirement import pip_requirement
from core.modelfile import ModelFile, PlanHeader
from core.text import printable

_REBUILD = "Build it again here from its ONNX"
_REBUILD_COMPATIBLE = "Build it again version-compatible, with its lean runtime embedded"


RUNS = {True: "yes", False: "no", None: "perhaps"}
"""Verdict.can_run in words."""

_SAYS_NOTHING_OF_THE_FILE = (
    "needs-consent",
    "plugin-library",
    "out-of-memory",
    "file-changed",
    "trial-killed",
)


class Reason(Protocol):
    """What an error says, be it an exception or what of it crossed threads as text."""

    @property
    def kind(self) -> str:
        """See core.errors.EnginebayError."""

    @property
    def message(self) -> str:
        """See core.errors.EnginebayError."""

    @property
    def hint(self) -> str:
        """See core.errors.EnginebayError."""

    @property
    def details(self) -> str:
        """See core.errors.EnginebayError."""

    @property
    def evidence(self) -> Mapping[str, str] | tuple[tuple[str, str], ...]:
        """See core.errors.EnginebayError; as pairs where it crossed threads."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its reason as a short name, and the same in words with the next step.

    Attributes:
        can_run: None means that only trying will tell.
        reason: "ok", what the file or the machine lacks ("no-tensorrt"), what does not match
            ("other-version", "other-gpu", "other-version-and-gpu"), or "needs-consent".
        message: the answer in words.
        hint: what to do next, or "".
        evidence: what was compared, the file's side first, a short sentence each.
        details: the raw text behind a refusal (TensorRT's log), or "".
    """

    can_run: bool | None
    reason: str
    message: str
    hint: str = ""
    evidence: tuple[str, ...] = ()
    details: str = ""

    def as_json(self) -> dict[str, object]:
        """The `verdict` object of `enginebay info --json`."""
        found: dict[str, object] = {
            "can_run": self.can_run,
            "reason": self.reason,
            "message": self.message,
            "hint": self.hint,
            "evidence": list(self.evidence),
        }
        return found | ({"details": self.details} if self.details else {})

    def as_facts(self) -> list[tuple[str, str]]:
        """As label and text, for people: the answer, the next step, what was compared."""
        answer = f"{RUNS[self.can_run]}. {self.message.removeprefix('Runs here: ')}"
        facts = [("runs here", answer)]
        facts += [("", self.hint)] if self.hint else []
        labels = ("compared", *[""] * len(self.evidence))
        return facts + list(zip(labels, self.evidence, strict=False))

    @classmethod
    def refused(cls, error: Reason) -> Verdict:
        """A verdict from the error that opening the file gives; consent is still to be had."""
        can_run = None if error.kind in _SAYS_NOTHING_OF_THE_FILE else False
        return cls(can_run, error.kind, error.message, error.hint)

    def after_opening(self, runtime: str) -> Verdict:
        """The verdict once the file is open: that it runs, on the same evidence."""
        return replace(self, can_run=True, reason="ok", message=f"Runs here: {runtime}.", hint="")

    def after_refusal(self, error: Reason) -> Verdict:
        """The verdict once opening has failed: what was compared before, and what is new."""
        new = tuple(
            f"{name.replace('_', ' ')}: {text}" for name, text in dict(error.evidence).items()
        )
        refused = Verdict.refused(error)
        return replace(refused, evidence=self.evidence + new, details=error.details)


def judge(file: ModelFile, machine: Machine | None = None) -> Verdict:
    """Judge a file by what it says of itself and what is installed; loads nothing.

    Args:
        file: what read_model_file gave.
        machine: what read_machine gave; None reads what is needed of it now.
    """
    problem = file.problem()
    if problem is not None:
        return Verdict.refused(problem)
    if file.kind == "onnx":
        verdict = _judge_onnx(machine)
        domains = None if file.onnx is None else file.onnx.graph.custom_domains
        return _with_custom_operators(verdict, domains) if domains and verdict.can_run else verdict
    plan = file.plan
    assert plan is not None  # every engine has a header
    machine = read_machine() if machine is None else machine
    evidence = (*plan_evidence(plan), *machine_evidence(machine))
    module = machine.tensorrt
    missing = machine.problem()
    if module is None or (missing is not None and missing.kind != "no-pycuda"):
        assert missing is not None  # without a module there is a problem
        return replace(_lacking(plan, machine, missing), evidence=evidence)
    version, gpu = judge_version(plan, module), _judge_first_gpu(plan, machine, module)
    verdict = _combined(plan, machine, module, version, gpu)
    if missing is not None:
        more = f" {verdict.message}" if verdict.can_run is False else ""
        hint = f"{missing.hint} {verdict.hint}" if more else missing.hint
        verdict = Verdict(False, missing.kind, missing.message + more, hint)
    rules = tuple(f"rule: {finding.rule}" for finding in (version, gpu) if finding.rule)
    return replace(verdict, evidence=evidence + rules)


def _judge_onnx(machine: Machine | None) -> Verdict:
    if machine is None:  # neither the driver nor TensorRT matters
        found = find_package("onnxruntime")
        version = None if found is None else found.version or ""
    else:
        version = machine.onnxruntime
    if version is None:
        return Verdict(
            False,
            "no-onnxruntime",
            "ONNX Runtime, which runs ONNX models, is not installed in this Python.",
            "Install it: pip install onnxruntime.",
            ("here: no ONNX Runtime",),
        )
    evidence = (f"here: ONNX Runtime {version}".rstrip(),)
    return Verdict(True, "ok", "Runs here on the CPU, by ONNX Runtime.", "", evidence)


def _with_custom_operators(verdict: Verdict, domains: Sequence[str]) -> Verdict:
    names = ", ".join(printable(domain[:60]) for domain in domains[:3])
    return replace(
        verdict,
        can_run=None,
        reason="custom-operators",
        message=f"Uses operators of {names}, which ONNX Runtime has only from a library.",
        hint="Open it with that library: --plugin LIBRARY, or File > Use a plugin library.",
    )


def _lacking(plan: PlanHeader, machine: Machine, missing: MachineError) -> Verdict:
    """The machine cannot run any engine: say what it lacks, and what this engine will need."""
    version, gpu = plan.tensorrt_version, plan.build_gpu
    built = f" by TensorRT {version}" if version else ""
    built += f" for compute capability {gpu.compute_capability}" if gpu else ""
    message = missing.message + (f" The engine was built{built}." if built else "")
    requirement = _install(plan, machine)
    if plan.embeds_native_code and version:  # it runs on newer ones, too
        requirement = f"TensorRT {'.'.join(version.split('.')[:2])} or newer"
    hint = missing.hint
    if missing.kind == "no-tensorrt" and not machine.modules:
        if requirement:
            hint = (
                f"{requirement[0].upper()}{requirement[1:]}, the version that built this engine; "
                "or the newest (python3 -m uv sync --extra gpu), and build the engine again."
            )
    elif missing.kind in ("no-driver", "no-gpu"):
        needs = (
            [gpu_text(gpu.compute_capability)] if gpu and not plan.hardware_compatibility else []
        )
        needs += [requirement.removeprefix("install ")] if requirement else []
        hint += f" As an engine it needs {' and '.join(needs)}." if needs else ""
    return Verdict(False, missing.kind, message, hint)


def _judge_first_gpu(plan: PlanHeader, machine: Machine, module: TensorRTModule) -> Finding:
    """By CUDA's first GPU, which is the one that is used."""
    finding = judge_gpu(plan, machine.gpu, module)
    if machine.is_order_sure:
        return finding
    others = {judge_gpu(plan, gpu, module).can_run for gpu in machine.driver.gpus}
    if len(others) == 1:
        return finding
    here = "GPUs of several kinds, of which CUDA picks the first"
    return Finding(None, "other-gpu", finding.built, here, OUTLOOKS[-1])


def _combined(
    plan: PlanHeader, machine: Machine, module: TensorRTModule, version: Finding, gpu: Finding
) -> Verdict:
    unmet = [finding for finding in (version, gpu) if finding.can_run is not True]
    mismatch = _mismatch(unmet)
    hint = _hint(plan, machine, module, version, gpu)
    if any(finding.can_run is False for finding in unmet):
        return Verdict(False, _reason(unmet), mismatch, hint)
    if plan.embeds_native_code:
        message = "Embeds native code that runs on opening; it needs your consent."
        message += f" {mismatch}" if unmet else ""
        hint = "Allow it only for a file whose origin you trust."
        return Verdict(None, "needs-consent", message, hint)
    if unmet:
        return Verdict(None, _reason(unmet), mismatch, hint)
    if not plan.is_complete:  # cut off is no engine at all, so it is too long
        return Verdict(
            None,
            "stray-bytes",
            f"The engine says that it has {plan.declared_bytes:,} bytes, and {plan.actual_bytes:,} "
            f"are there: {OUTLOOKS[1]}.",
            "Copy it again from where it was built, as binary, and compare the sizes.",
        )
    if gpu.note:
        hint = f"{_REBUILD} for its full speed."
        return Verdict(True, "ok", f"Runs here: TensorRT and GPU match. {gpu.note}", hint)
    return Verdict(True, "ok", "Runs here: TensorRT and GPU match.")


def _mismatch(unmet: list[Finding]) -> str:
    """Built by ... for ... . This machine has ... and ...: it will be refused."""
    if len(unmet) > 1 and unmet[1].reason == "unknown-gpu":
        unmet = unmet[:1]  # what is not known adds nothing to what does not match
    built = " ".join(finding.built for finding in unmet)
    here = " and ".join(finding.here for finding in unmet)
    outlook = min((finding.outlook for finding in unmet), key=OUTLOOKS.index, default="")
    return f"Built {built}. This machine has {here}: {outlook}."


def _reason(unmet: list[Finding]) -> str:
    if [finding.reason for finding in unmet] == ["other-version", "other-gpu"]:
        return "other-version-and-gpu"
    return min(unmet, key=lambda finding: finding.can_run is not False).reason


def _hint(
    plan: PlanHeader, machine: Machine, module: TensorRTModule, version: Finding, gpu: Finding
) -> str:
    hints = []
    if gpu.reason == "gpu-too-old" and machine.gpu is not None:
        last = last_tensorrt_for(machine.gpu)
        install = _requirement_words(last, machine) if last else ""
        hints.append(
            f"Build it again from its ONNX with a TensorRT that knows this GPU: {install}."
            if install
            else "Build it again from its ONNX with a TensorRT that knows this GPU."
        )
    else:
        install = _install(plan, machine) if version.can_run is not True else ""
        also = ""
        if install and plan.build_gpu is not None and gpu.can_run is False:
            also = f" (and it would still need {gpu_text(plan.build_gpu.compute_capability)})"
        # The lean and dispatch runtimes have no builder, and run nothing else.
        rebuild = _REBUILD if module.module == "tensorrt" else _REBUILD_COMPATIBLE
        hints.append(f"{rebuild}, or {install}{also}." if install else f"{rebuild}.")
    if version.can_run is not True:
        hints += _other_module(plan, machine, module, version)
    if gpu.can_run is not True:
        hints += _other_gpu(plan, machine, module)
    return " ".join(hints)


def _install(plan: PlanHeader, machine: Machine) -> str:
    """How to get the TensorRT that built the plan, to follow "or"; "" where there is no way."""
    return _requirement_words(plan.tensorrt_version, machine)


def _requirement_words(version: str | None, machine: Machine) -> str:
    if machine.is_jetson:  # whose TensorRT comes with JetPack
        return ""
    requirement = pip_requirement(version, machine.system)
    if requirement:
        return f"install {requirement}"
    if machine.system == "Windows" and version is not None:
        on_linux = pip_requirement(version, "Linux").partition("==")[2]
        return f"install TensorRT {on_linux} from NVIDIA's zip file" if on_linux else ""
    return ""


def _other_module(
    plan: PlanHeader, machine: Machine, module: TensorRTModule, version: Finding
) -> list[str]:
    """Another installed TensorRT module that suits the plan better than the one in use."""
    rank = {True: 2, None: 1, False: 0}
    for other in machine.modules:
        if other is not module and (
            rank[judge_version(plan, other).can_run] > rank[version.can_run]
        ):
            return [
                f"Or set {MODULE_VARIABLE}={other.module}: its TensorRT {shown_version(other)} is "
                "installed, too."
            ]
    return []


def _other_gpu(plan: PlanHeader, machine: Machine, module: TensorRTModule) -> list[str]:
    """Another GPU of this machine that the plan runs on."""
    for index, gpu in enumerate(machine.driver.gpus):
        if judge_gpu(plan, gpu, module).can_run:
            name = gpu.uuid[:12] or str(index)  # an unambiguous beginning of a UUID will do
            return [f"GPU {index} ({gpu_words(gpu)}) fits: start with CUDA_VISIBLE_DEVICES={name}."]
    return []
