"""What TensorRT says at any time; asked last, as other messages bring these with them."""

from __future__ import annotations

from core.errors import CudaError, MachineError
from core.tensorrt_messages.message import COPY_AGAIN, LESS_MEMORY, VERSION, known

_GPU_MEMORY = (
    "The GPU ran out of memory for {engine}[: {asked} were asked for, {free} are free|"
    ": {asked} were asked for|: {free} are free]."
)

LAST = (
    known(
        "out-of-memory",
        r"requested (?:amount of GPU memory \(|size was )(?P<asked_bytes>\d{1,20}) bytes"
        r"|out ?of ?memory|_STATUS_ALLOC_FAILED|in allocate at \S{0,99}allocator\.cpp",
        _GPU_MEMORY,
        LESS_MEMORY,
        error=CudaError,
    ),
    known(
        "cuda-library",
        r"(?P<library>cuDNN|cuBLAS)_STATUS_NOT_INITIALIZED",
        "{library}, which TensorRT uses for {engine}, does not start.",
        "Free memory on the GPU first; then check that {library} is of the version that TensorRT "
        "was made for.",
        error=MachineError,
    ),
    known(
        "plugin",
        r"\bI?Plugin(?:V2|V3)",
        "A plugin of {engine} does not work here: {telling}",
        "Use the plugin library in the build for [{module} {tensorrt_version}|this TensorRT].",
    ),
    known(
        "damaged-plan",
        r"serialization assertion",
        "{engine} is damaged, or of another TensorRT: {telling}",
        COPY_AGAIN,
    ),
    # Remarks: warnings that are the reason only where no error says another.
    known(
        "out-of-memory",
        r"due to insuf+icient memory on requested size of (?P<asked_bytes>\d{1,20})",
        _GPU_MEMORY,
        LESS_MEMORY,
        error=CudaError,
        is_remark=True,
    ),
    known(
        "other-gpu-model",
        r"across different models of devices",
        "{engine} was built on another model of GPU[ than {gpu}], which may make it fail.",
        "Build it again on this GPU from its ONNX.",
        is_remark=True,
    ),
    known(
        "library-mismatch",
        rf"linked against (?P<library>\w{{2,20}})[^\d]{{0,30}}(?P<expected_version>{VERSION}) but "
        rf"loaded [^\d]{{0,50}}(?P<found_version>{VERSION})",
        "TensorRT was made for {library} {expected_version}, and found {found_version}.",
        "Install {library} {expected_version}, or put its folder first where the system looks for "
        "libraries.",
        error=MachineError,
        is_remark=True,
    ),
    known(
        "second-logger",
        r"differs from one already (?:provided|registered)",
        "TensorRT gave no reason: another library in this process took its log first.",
        "Open the engine in a process of its own, such as the enginebay command.",
        is_remark=True,
    ),
)
