"""What TensorRT says when it does not load an engine."""

from __future__ import annotations

from core.errors import MachineError
from core.tensorrt_messages.message import (
    BUILT_BY_OTHER,
    COPY_AGAIN,
    REBUILD,
    VERSION,
    known,
)

PLAN_FORMATS = {
    "205": "8.2", "213": "8.4", "226": "9.1", "228": "9.2", "232": "8.5", "236": "8.6",
    "237": "10.0", "239": "10.3 to 10.10", "240": "10.11 or newer",
}  # fmt: skip
"""The format number of "Version tag does not match" to the releases that write it, as seen in
plans and issues."""

_MAGIC = r"magic ?tag|incompatible serialization version(?: \((?P<first_word>\d+) != \d+\))?"
_TAG = (
    r"version tag does not match|(?:std|safe)VersionRead == \w+ failed"
    r"|Note: Current Version: (?P<here_format>\d+), Serialized Engine Version: (?P<plan_format>\d+)"
)
_DAMAGED_INSIDE = (
    "{engine} begins like an engine of TensorRT {plan_version}, but is damaged further on."
)
_PLUGIN_HINT = (
    "Load the plugin library that the engine was built with: --plugin LIBRARY, or look for it in "
    "a folder from the window. Whoever built the engine has it. TensorRT's own plugins come with "
    "the full TensorRT, each version with its own."
)

LOADING = (
    known(
        "native-code-not-allowed",
        r"getEngineHostCodeAllowed\(\) is false",
        "{engine} embeds native code, which TensorRT was not allowed to run.",
        "Allow it only for a file whose origin you trust: --allow-native-code, or the button in "
        "the window.",
    ),
    # Plugins before versions: they have versions too.
    known(
        "missing-plugin",
        r"(?:cannot|could not) find plugin:? (?P<plugin>[^\s,]{1,200}),? version:? "
        r"(?P<plugin_version>\w{1,50}(?:\.\w{1,50}){0,3})"
        r"(?:,? namespace: ?(?P<plugin_namespace>[^\s,()]{0,200}[^\s,().]))?",
        "{engine} needs the plugin {plugin}, version {plugin_version}"
        "[ of namespace {plugin_namespace}], which is not loaded.",
        _PLUGIN_HINT,
    ),
    known(
        "missing-plugin",
        r"cannot deserialize plugin since corresponding|PluginCreator(?:Interface)? not found",
        "{engine} needs a plugin that is not loaded.",
        _PLUGIN_HINT,
    ),
    known(
        "wrong-gpu",
        r"generated on an incompatible device(?:, expecting compute "
        r"(?P<compute_capability>\d+\.\d+) got compute (?P<plan_compute_capability>\d+\.\d+))?",
        "{engine} was built for [GPUs of compute capability {plan_compute_capability}|another kind "
        "of GPU][; {gpu} has {compute_capability}|; this GPU has {compute_capability}].",
        "Build it again on this GPU from its ONNX[, or run it on a GPU of compute capability "
        "{plan_compute_capability}].",
    ),
    known(
        "wrong-gpu",
        r"this hardware-compatible engine(?:\. ?Expected compute capability ?>= ?"
        r"(?P<least_compute_capability>\d+\.\d+))?",
        "{engine} was built for [GPUs of compute capability {least_compute_capability} or newer|"
        "newer GPUs][; {gpu} has {compute_capability}|; this GPU has {compute_capability}].",
        "Build it again on this GPU from its ONNX, without hardware compatibility.",
    ),
    known(
        "gpu-not-supported",
        r"Target GPU SM (?P<sm>\d{2,3}) is not supported|Unsupported SM: 0x(?P<sm_hex>[0-9a-f]{3})"
        r"|no kernel image is available for execution",
        "[TensorRT {tensorrt_version}|This TensorRT] does not support [GPUs of compute capability "
        "{compute_capability}|this GPU].",
        "Compute capability 3 and 5 need TensorRT 8.5 or older, 6 needs 9 or older, 7.0 needs 10.4 "
        "or older, 12 needs 10.8 or newer.",
        error=MachineError,
    ),
    known(
        "wrong-platform",
        r"platform specific tag mismatch",
        "{engine} was built for another operating system or processor.",
        "Build it again on this system from its ONNX.",
    ),
    known(
        "tensorrt-version",
        r"not compatible with this version of TensorRT(?:, expecting library version "
        rf"(?P<tensorrt_version>{VERSION})(?: got (?P<plan_version>(?!0\.0\.0){VERSION}))?)?",
        BUILT_BY_OTHER,
        REBUILD,
    ),
    known(
        "tensorrt-version",
        r"major version does not match runtime major"
        rf"|Engine was created with TensorRT (?P<plan_version>{VERSION})(?:,? runtime "
        rf"library version: (?P<tensorrt_version>{VERSION}))?"
        rf"|Forward Compatibility supported starting TensorRT (?P<oldest_version>{VERSION})",
        BUILT_BY_OTHER,
        "[It reads engines of TensorRT {oldest_version} or newer. ]Version-compatible engines of "
        "TensorRT 8 run on 8 and 10, those of 10 on 10 and 11. " + REBUILD,
    ),
    known(
        "tensorrt-version",
        r"old deserialization call on a newer plan",
        BUILT_BY_OTHER,
        REBUILD + " If it was built version-compatible without a lean runtime inside, the lean "
        "runtime of its version must be loaded first.",
    ),
    # One text, several causes: what the file's own header says tells them apart.
    known("tensorrt-version", _TAG, BUILT_BY_OTHER, REBUILD, needs="other_version"),
    known("damaged-plan", _TAG, _DAMAGED_INSIDE, COPY_AGAIN, needs="plan_version"),
    known("tensorrt-version", _TAG, BUILT_BY_OTHER, REBUILD),
    known("tensorrt-version", _MAGIC, BUILT_BY_OTHER, REBUILD, needs="other_version"),
    known("damaged-plan", _MAGIC, _DAMAGED_INSIDE, COPY_AGAIN, needs="plan_version"),
    known(
        "not-a-plan",
        _MAGIC,
        "{engine} does not begin like an engine that [TensorRT {tensorrt_version}|this TensorRT] "
        "reads.",
        "Check that it was copied whole and in binary mode, that it is an engine and no ONNX, "
        "PyTorch, zip or Git LFS file, and that it was built for this operating system.",
    ),
    known(
        "truncated-plan",
        r"size specified in header does not match archive size|header\.size == blobSize"
        r"|cursor == blobSize|offset >= cursor|failed to read plan from stream",
        "{engine} is not as long as it says it is: it was cut off, or bytes were added.",
        COPY_AGAIN,
    ),
    known(
        "empty",
        r"cannot deserialize (?:with )?(?:an )?empty",
        "{engine} is empty.",
        COPY_AGAIN,
    ),
    known(
        "lean-runtime",
        rf"requires a TensorRT (?P<least_version>{VERSION}) or newer lean runtime(?:; loaded "
        rf"runtime reports version (?P<lean_version>{VERSION}))?",
        "The lean runtime of {engine}[, version {lean_version},] is too old to read it as a "
        "stream; that needs {least_version}.",
        "Read the whole file into memory instead.",
    ),
    known(
        "lean-runtime",
        r"runtime load failed|could not create lean runtime|could not access \w{1,50} symbol",
        "The lean runtime that {engine} needs does not start.",
        "Build it again with its lean runtime inside, or run it with the full TensorRT that built "
        "it[: {requirement}].",
    ),
    known(
        "dla-plan",
        r"kDLA_STANDALONE|use cuDLA",
        "{engine} was built for a deep learning accelerator (DLA) alone, which TensorRT does not "
        "run.",
        "Run it with NVIDIA's cuDLA, or build it again for the GPU.",
    ),
    known(
        "safety-plan",
        r"cannot deserialize safety engine|use safety public APIs",
        "{engine} was built for TensorRT's safety runtime, which this one is not.",
        "Build it again with the standard engine capability.",
    ),
    known(
        "stripped-plan",
        r"neither weights nor a weights engine|engine (?:was|is) (?:weight-)?stripped",
        "{engine} was built without its weights.",
        "Refit it with the weights of its ONNX, or build it again without stripping them.",
    ),
    known(
        "driver-too-old",
        r"initialization failure with error: (?P<cuda_error>35)\b|cudaError 35\b"
        r"|driver version is insufficient|unsupported toolchain",
        "The NVIDIA driver is missing, or too old for the CUDA that this TensorRT was made for.",
        "Update the driver (nvidia-smi must work), or install the TensorRT for the driver's CUDA: "
        "tensorrt-cu12 or tensorrt-cu13.",
        error=MachineError,
    ),
    known(
        "no-gpu",
        r"initialization failure with error: (?P<cuda_error>38|100)\b|no CUDA-capable device",
        "TensorRT finds no GPU.",
        "Check that nvidia-smi lists one, and that CUDA_VISIBLE_DEVICES does not hide it.",
        error=MachineError,
    ),
    known(
        "cuda-init",
        r"CUDA initialization failure(?: with error: (?P<cuda_error>\d+))?",
        "CUDA does not start in TensorRT[ (error {cuda_error})].",
        "Check that nvidia-smi works, and restart the machine if the driver was just updated.",
        error=MachineError,
    ),
    known(
        "missing-library",
        r"unable to load library: (?P<library>[^\s:()]{1,200})",
        "TensorRT cannot load its library {library}.",
        "Reinstall TensorRT whole; the folder of its libraries must be one that the system "
        "searches.",
        error=MachineError,
    ),
)
