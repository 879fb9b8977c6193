"""Pick the runtime by the file's content."""

from __future__ import annotations

from core.errors import ModelError
from core.machine import require_gpu_stack
from core.modelfile import ModelFile
from core.sessions.base import Session


def open_session(
    file: ModelFile, *, allow_native_code: bool = False, tensorrt_module: str | None = None
) -> Session:
    """Open a model for running, on the calling thread, which then owns the session.

    Args:
        file: what read_model_file gave.
        allow_native_code: True lets an engine run the native code that it embeds.
        tensorrt_module: one of core.machine.TENSORRT_MODULES; default the best installed.

    Raises:
        ModelFileError: if the file is no usable model.
        MachineError: if this machine lacks what the model needs.
        ModelError: if the runtime refuses it.
    """
    problem = file.problem()
    if problem is not None:
        raise problem
    if file.kind == "onnx":
        from core.sessions.onnx import OnnxSession

        return OnnxSession(file.path)
    require_gpu_stack()
    if file.plan is not None and file.plan.embeds_native_code and not allow_native_code:
        raise ModelError(
            "needs-consent",
            f"{file.path.name} embeds native code (a TensorRT runtime of its own) that runs on "
            "this machine when the engine is opened.",
            "Allow it only for a file whose origin you trust: --allow-native-code, or the "
            "button in the window.",
        )
    from core.sessions.tensorrt import TensorRTSession

    with file.path.open("rb") as stream:
        stream.seek(file.plan_offset)
        plan = stream.read()
    header = file.plan
    built_on = None if header is None else header.build_gpu
    return TensorRTSession(
        plan,
        file.path.name,
        allow_native_code=allow_native_code,
        module=tensorrt_module,
        plan_version=None if header is None else header.tensorrt_version,
        plan_compute_capability=None if built_on is None else built_on.compute_capability,
    )
