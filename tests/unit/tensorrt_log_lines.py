"""What TensorRT 8.5 to 11.4 log when they refuse, word for word, and what each must become.

From TensorRT's issues and from the strings in its libraries; "..." of an excerpt filled in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.errors import CudaError, EnginebayError, InputError, MachineError, ModelError
from core.translator import Circumstances

HERE = Circumstances(
    file="best.engine",
    module="tensorrt",
    tensorrt_version="10.13.3",
    plan_version="10.3.0.26",
    plan_compute_capability="8.6",
    gpu="NVIDIA L4",
    compute_capability="8.9",
    free_bytes=1_200_000_000,
)
PLAIN = replace(HERE, plan_version=None, plan_compute_capability=None)
"""A plan whose header tells nothing."""

OLD = "1: [stdArchiveReader.cpp::StdArchiveReader::{}] Error Code 1: Serialization ({})"
LOAD = "IRuntime::deserializeCudaEngine: Error Code {}: {} ({})"
TRAILER = (
    "4: [runtime.cpp::deserializeCudaEngine::66] Error Code 4: Internal Error (Engine "
    "deserialization failed.)"
)
ASSERTED = "2: [engine.cpp::deserializeEngine::1148] Error Code 2: Internal Error (Assertion {})"
OTHER_VERSION = "best.engine was built by TensorRT 10.3.0.26; here is tensorrt 10.13.3."
REBUILD = "Build it again here from its ONNX, or install tensorrt==10.3.0."
NO_CREATOR = (
    "Serialization assertion creator failed.Cannot deserialize plugin since corresponding {} not "
    "found in Plugin Registry"
)


@dataclass(frozen=True)
class Case:
    """A logged line and the error that it becomes."""

    text: str
    kind: str
    words: str  # in the message
    hint: str = ""  # in the hint
    evidence: dict[str, str] = field(default_factory=dict)
    seen: Circumstances = HERE
    error: type[EnginebayError] = ModelError

    def __str__(self) -> str:  # pytest's id
        return f"{self.kind}: {self.text[-60:]}"


VERSIONS = {"plan_version": "10.3.0.26", "tensorrt_version": "10.13.3"}


def mismatch(text: str, here: str, built: str) -> Case:
    """Two versions in TensorRT's own words, which are truer than the header's."""
    return Case(
        text,
        "tensorrt-version",
        f"best.engine was built by TensorRT {built}; here is tensorrt {here}.",
        "Build it again here from its ONNX",
        {"plan_version": built, "tensorrt_version": here},
    )


def memory(text: str, asked: str = "", size: str = "") -> Case:
    return Case(
        text,
        "out-of-memory",
        f"{size} were asked for, 1.2 GB are free" if size else "best.engine: 1.2 GB are free",
        "smaller batch",
        ({"asked_bytes": asked} if asked else {}) | {"free_bytes": "1200000000"},
        error=CudaError,
    )


def plugin(text: str, name: str, version: str = "1", namespace: str = "") -> Case:
    return Case(
        text,
        "missing-plugin",
        f"best.engine needs the plugin {name}, version {version}",
        "plugin library",
        {"plugin": name, "plugin_version": version}
        | ({"plugin_namespace": namespace} if namespace else {}),
    )


MAGIC = (
    # 8.5, 8.6, 10.9, 11.4
    OLD.format(
        "30",
        "Serialization assertion magicTagRead == kMAGIC_TAG failed.Magic tag does not match",
    ),
    "1: [runtime.cpp::parsePlan::314] Error Code 1: Serialization (Serialization assertion "
    "plan->header.magicTag == rt::kPLAN_MAGIC_TAG failed.)",
    LOAD.format(
        1,
        "Serialization",
        "Serialization assertion header.magicTag == rt::PlanMagicTag::kPLAN_MAGIC_TAG failed."
        "Trying to load an engine created with incompatible serialization version (1825 != "
        "1953657958). Check that the engine was not created using safety runtime, same OS was used "
        "and version compatibility parameters were set accordingly and that it is a TRT engine "
        "file.",
    ),
    LOAD.format(
        1, "Serialization", "Serialization assertion header.magicTag == kEXPECTED_MAGIC_TAG failed."
    ),
)
LIBRARY_VERSION = (
    "The engine plan file is not compatible with this version of TensorRT, expecting library "
    "version {} got {}"
)
TAG = "Version tag does not match. Note: Current Version: {}, Serialized Engine Version: {}"

LOADING = [
    *(
        Case(text, "not-a-plan", "best.engine does not begin like an engine that TensorRT 10.13.3",
             "binary mode", seen=PLAIN,
             evidence={"tensorrt_version": "10.13.3"}
             | ({"first_word": "1825"} if "1825" in text else {}))
        for text in MAGIC
    ),
    *(
        Case(text, "tensorrt-version", OTHER_VERSION, REBUILD,
             VERSIONS | ({"first_word": "1825"} if "1825" in text else {}))
        for text in MAGIC
    ),
    *(
        Case(text, "damaged-plan", "best.engine begins like an engine of TensorRT 10.13.2.6, but",
             "Copy it again", seen=replace(HERE, plan_version="10.13.2.6"))
        for text in (*MAGIC[:2], "Version tag does not match.")
    ),
    *(
        Case(text, "tensorrt-version", OTHER_VERSION, REBUILD,
             VERSIONS | dict(zip(("here_format", "plan_format"), formats, strict=False)))
        for text, *formats in (
            (OLD.format(40, "Serialization assertion stdVersionRead == serializationVersion "
                            f"failed.{TAG.format(213, 232)}"), "213", "232"),
            ("1: [stdArchiveReader.cpp::StdArchiveReaderInitCommon::46] Error Code 1: Serialization"
             " (Serialization assertion stdVersionRead == serializationVersion failed."
             f"{TAG.format(236, 232)})", "236", "232"),
            ("1: [stdArchiveReader.cpp::stdArchiveReaderInitCommon::47] Error Code 1: Serialization"
             " (Serialization assertion stdVersionRead == kSERIALIZATION_VERSION failed.Version "
             "tag does not match.)",),
            (LOAD.format(1, "Serialization", "Serialization assertion stdVersionRead == "
                         f"kSERIALIZATION_VERSION failed.{TAG.format(240, 239)}"), "240", "239"),
            (OLD.format(35, "Serialization assertion safeVersionRead == safeSerializationVersion "
                            f"failed.{TAG.format(0, 96)}"), "0", "96"),
            (LOAD.format(1, "Internal Error", "Failed due to an old deserialization call on a "
                         "newer plan file"),),
            ("TensorRT plan major version does not match runtime major version.",),
            (f"6: {LIBRARY_VERSION.format('10.13.3', '0.0.0')}, please rebuild.",),
            (LOAD.format(6, "API Usage Error", "The engine plan file is not compatible with this "
                         "version of TensorRT"),),
        )
    ),
    Case(OLD.format(40, TAG.format(213, 232)), "tensorrt-version",
         "best.engine was built by TensorRT 8.5; here is tensorrt 10.13.3.",
         "or install TensorRT 8.5.", seen=PLAIN,
         evidence={"here_format": "213", "plan_format": "232", "tensorrt_version": "10.13.3"}),
    mismatch(f"6: {LIBRARY_VERSION.format('8.2.3', '8.2.1')}, please rebuild.", "8.2.3", "8.2.1"),
    mismatch(f"6: {LIBRARY_VERSION.format('8.6.1.6', '8.6.0.12')}, please rebuild.",
             "8.6.1.6", "8.6.0.12"),
    *(
        Case(LOAD.format(6, "API Usage Error", LIBRARY_VERSION.format("10.12.0.36", got)),
             "tensorrt-version", "TensorRT 10.3.0.26; here is tensorrt 10.12.0.36.", REBUILD,
             VERSIONS | {"tensorrt_version": "10.12.0.36"})
        for got in (".", "..", "")
    ),
    mismatch("TensorRT plan major version does not match runtime major version. This Engine was "
             "created with TensorRT 8.6.0, runtime library version: 11.4.0", "11.4.0", "8.6.0"),
    Case("Engine Version Forward Compatibility supported starting TensorRT 10.0",
         "tensorrt-version", OTHER_VERSION, "It reads engines of TensorRT 10.0 or newer.",
         VERSIONS | {"oldest_version": "10.0"}),
    *(
        Case(text, "wrong-gpu", "best.engine was built for GPUs of compute capability "
             f"{built}; NVIDIA L4 has {here}.", f"on a GPU of compute capability {built}.",
             {"plan_compute_capability": built, "compute_capability": here})
        for text, here, built in (
            ("6: The engine plan file is generated on an incompatible device, expecting compute "
             "6.1 got compute 8.6, please rebuild.", "6.1", "8.6"),
            (LOAD.format(6, "API Usage Error", "The engine plan file is generated on an "
                         "incompatible device, expecting compute 8.9 got compute 12.0, please "
                         "rebuild."), "8.9", "12.0"),
            ("The engine plan file is generated on an incompatible device", "8.9", "8.6"),
        )
    ),
    Case("The current device is not compatible with this hardware-compatible engine. Expected "
         "compute capability >=8.0, got 7.5", "wrong-gpu",
         "built for GPUs of compute capability 8.0 or newer; NVIDIA L4 has 8.9",
         "Build it again on this GPU",
         {"least_compute_capability": "8.0", "compute_capability": "8.9"}),
    Case("Platform specific tag mismatch detected. TensorRT plan files are only supported on the "
         "target runtime platform they were created on.", "wrong-platform",
         "best.engine was built for another operating system", "on this system"),
    plugin("3: getPluginCreator could not find plugin: ScatterND version: 1", "ScatterND"),
    plugin("INVALID_ARGUMENT: getPluginCreator could not find plugin InstanceNormalization_TRT "
           "version 1", "InstanceNormalization_TRT"),
    plugin("IPluginRegistry::getPluginCreator: Error Code 4: API Usage Error (Cannot find plugin: "
           "EfficientIdxNMS_TRT, version: 1, namespace:.)", "EfficientIdxNMS_TRT"),
    plugin("IPluginRegistry::getCreator: Error Code 4: API Usage Error (Cannot find plugin: "
           "ImplicitGemm, version: 2.1, namespace:autoware.)", "ImplicitGemm", "2.1", "autoware"),
    *(
        Case(text, "missing-plugin", "best.engine needs a plugin that is not loaded",
             "plugin library")
        for text in (
            "1: [pluginV2Runner.cpp::load::300] Error Code 1: Serialization "
            f"({NO_CREATOR.format('IPluginCreator')})",
            LOAD.format(1, "Serialization", NO_CREATOR.format("IPluginCreatorInterface")),
            LOAD.format(1, "Serialization", NO_CREATOR.format("plugin creator")),
            "IPluginCreatorInterface not found",
        )
    ),
    *(
        Case(text, "truncated-plan", "best.engine is not as long as it says", "Copy it again")
        for text in (
            OLD.format(30, "Serialization assertion sizeRead == static_cast<uint64_t>(mEnd - "
                       "mCurrent) failed.Size specified in header does not match archive size"),
            LOAD.format(1, "Serialization", "Serialization assertion plan->header.size == blobSize "
                        "failed."),
            *(LOAD.format(1, "Serialization", f"Serialization assertion {check} failed.")
              for check in ("plan.header.size == blobSize", "cursor == blobSize",
                            "e.offset >= cursor")),
            "Failed to read plan from stream: read 17 bytes",
        )
    ),
    *(
        Case(text, "empty", "best.engine is empty.", "Copy it again")
        for text in (
            "Cannot deserialize with an empty memory buffer.",
            "Cannot deserialize empty blob.",
            LOAD.format(3, "API Usage Error", "Cannot deserialize with an empty blob."),
        )
    ),
    Case("Cannot deserialize engine with lean runtime since IRuntime::getEngineHostCodeAllowed() "
         "is false.", "native-code-not-allowed", "best.engine embeds native code",
         "--allow-native-code"),
    *(
        Case(text, "lean-runtime", "The lean runtime that best.engine needs does not start.",
             "tensorrt==10.3.0", {"plan_version": "10.3.0.26"})
        for text in (
            "Runtime load failed: could not create lean runtime",
            "Runtime load failed: could not access getInferLibVersion symbol.",
            "could not access createLeanRuntime symbol",
        )
    ),
    Case("IRuntime::deserializeCudaEngine(IStreamReaderV2&) requires a TensorRT 10.7 or newer lean "
         "runtime; loaded runtime reports version 10.3.0. Use the blob-based deserializeCudaEngine "
         "instead.", "lean-runtime", "The lean runtime of best.engine, version 10.3.0, is too old",
         "whole file", {"least_version": "10.7", "lean_version": "10.3.0"}),
    Case("Cannot deserialize serialized engine built with EngineCapability::kDLA_STANDALONE, use "
         "cuDLA APIs instead.", "dla-plan", "deep learning accelerator", "cuDLA"),
    Case("Cannot deserialize safety engine, use safety public APIs instead.", "safety-plan",
         "safety runtime", "standard engine capability"),
    Case("Invalid engine with neither weights nor a weights engine in the plan file.",
         "stripped-plan", "best.engine was built without its weights", "Refit it"),
    Case(LOAD.format(1, "Serialization", "Serialization assertion nbLayers < 17 failed."),
         "damaged-plan", "or of another TensorRT: Serialization assertion nbLayers",
         "Copy it again"),
]  # fmt: skip

MEMORY_AND_GPU = [
    memory("1: [defaultAllocator.cpp::allocate::19] Error Code 1: Cuda Runtime (out of memory)"),
    memory("Requested amount of GPU memory (3887181312 bytes) could not be allocated. There may "
           "not be enough free memory for allocation to succeed.", "3887181312", "3.89 GB"),
    memory("2: [executionContext.cpp::ExecutionContext::470] Error Code 2: OutOfMemory (no further "
           "information)"),
    memory("2: [virtualMemoryBuffer.cpp::resizePhysical::145] Error Code 2: OutOfMemory (no "
           "further information)"),
    memory("[virtualMemoryBuffer.cpp::nvinfer1::StdVirtualMemoryBufferImpl::resizePhysical::154] "
           "Error Code 2: OutOfMemory (Requested size was 3356491776 bytes.)",
           "3356491776", "3.36 GB"),
    memory("[defaultAllocator.cpp::allocate::57] Error Code 1: Cuda Runtime (In allocate at "
           "common/dispatch/defaultAllocator.cpp:57)"),
    memory("1: [context.cpp::Context::108] Error Code 1: Cudnn (CUDNN_STATUS_ALLOC_FAILED)"),
    memory("UNSUPPORTED_STATE: Skipping tactic 28 due to insufficient memory on requested size of "
           "2833252352 detected for tactic 0x0000000204040736.", "2833252352", "2.83 GB"),
    memory("Skipping tactic 0 due to insuficient memory on requested size of 1170309120 detected "
           "for tactic 0.", "1170309120", "1.17 GB"),
    *(
        Case(text, "driver-too-old", "NVIDIA driver is missing, or too old", "nvidia-smi",
             {"cuda_error": "35"} if "error: 35" in text else {}, error=MachineError)
        for text in (
            "CUDA initialization failure with error: 35",
            "createInferRuntime: Error Code 6: API Usage Error (CUDA initialization failure with "
            "error: 35 In checkCudaInstallation at runtime/dispatch/runtime.cpp:811)",
            "[checkMacros.cpp::catchCudaError::250] Error Code 1: Cuda Runtime (In catchCudaError "
            "(cudaError 35: CUDA driver version is insufficient for CUDA runtime version))",
            "Error Code 1: Cuda Runtime (the provided PTX was compiled with an unsupported "
            "toolchain.)",
        )
    ),
    Case("CUDA initialization failure with error: 100", "no-gpu", "no GPU", "CUDA_VISIBLE_DEVICES",
         {"cuda_error": "100"}, error=MachineError),
    Case("CUDA initialization failure with error: 999", "cuda-init", "(error 999)", "nvidia-smi",
         {"cuda_error": "999"}, error=MachineError),
    *(
        Case(text, "gpu-not-supported", f"does not support GPUs of compute capability {here}.",
             "10.8 or newer", {"compute_capability": here, "tensorrt_version": "10.13.3"},
             error=MachineError)
        for text, here in (
            ("IBuilder::buildSerializedNetwork: Error Code 9: API Usage Error (Target GPU SM 61 is "
             "not supported by this TensorRT release. In checkCurrentSMEnabled at "
             "/_src/optimizer/common/builderHelpers.cpp:718)", "6.1"),
            ("Error Code 9: API Usage Error (Target GPU SM 120 is not supported by this TensorRT "
             "release.)", "12.0"),
            ("1: [caskUtils.cpp::trtSmToCask::193] Error Code 1: Internal Error (Unsupported SM: "
             "0x601)", "6.1"),
            ("Error Code 1: Internal Error (Unsupported SM: 0xc00)", "12.0"),
            ("Error Code 1: Cuda Runtime (no kernel image is available for execution on the "
             "device)", "8.9"),
        )
    ),
    Case("IBuilder::buildSerializedNetwork: Error Code 6: API Usage Error (Unable to load library: "
         "libnvinfer_builder_resource_sm120.so.10.14.1: cannot open shared object file)",
         "missing-library", "library libnvinfer_builder_resource_sm120.so.10.14.1.", "Reinstall",
         {"library": "libnvinfer_builder_resource_sm120.so.10.14.1"}, error=MachineError),
    Case("Error Code 1: Cudnn (CUDNN_STATUS_NOT_INITIALIZED)", "cuda-library",
         "CUDNN, which TensorRT uses for best.engine", "memory", {"library": "CUDNN"},
         error=MachineError),
    Case("TensorRT was linked against cuDNN 8.9.6 but loaded cuDNN 8.9.2", "library-mismatch",
         "made for cuDNN 8.9.6, and found 8.9.2", "Install cuDNN 8.9.6",
         {"library": "cuDNN", "expected_version": "8.9.6", "found_version": "8.9.2"},
         error=MachineError),
    Case("TensorRT was linked against cuBLAS/cuBLAS LT 11.6.3 but loaded cuBLAS/cuBLAS LT 11.3.0",
         "library-mismatch", "made for cuBLAS 11.6.3, and found 11.3.0", "",
         {"library": "cuBLAS", "expected_version": "11.6.3", "found_version": "11.3.0"},
         error=MachineError),
    *(
        Case(f"Using an engine plan file across different models of devices is not {words}.",
             "other-gpu-model", "another model of GPU than NVIDIA L4", "Build it again")
        for words in (
            "recommended and is likely to affect performance or even cause errors",
            "supported and is likely to affect performance or even cause errors or deadlock",
        )
    ),
    *(
        Case(f"The logger passed into createInferRuntime differs from one already {words}",
             "second-logger", "another library in this process", "process of its own")
        for words in (
            "provided for an existing builder, runtime, or refitter. Uses of the global logger, "
            "returned by nvinfer1::getLogger(), will return the existing value.",
            "registered for an existing builder, runtime, or refitter. So the current new logger "
            "is ignored, and TensorRT will use the existing one which is returned by "
            "nvinfer1::getLogger() instead.",
        )
    ),
]  # fmt: skip

SET_SHAPE = "[executionContext.cpp::setInputShape::2288] Error Code 3: API Usage Error ({})"
SUPPLIED = (
    "3: [executionContext.cpp::validateInputBindings::2043] Error Code 3: API Usage Error "
    "(Parameter check failed at: runtime/api/executionContext.cpp::validateInputBindings::2043, "
    "condition: profileMinDims.d[i] <= dimensions.d[i]. Supplied binding dimension [16,512,0] for "
    "bindings[0] exceed min ~ max range at index 2, maximum dimension in profile is 1, minimum "
    "dimension in profile is 1, but supplied dimension is 0.\n)"
)
RUNNING = [
    Case(SET_SHAPE.format("Parameter check failed at: runtime/api/executionContext.cpp::"
                          "setInputShape::2288, condition: satisfyProfile Runtime dimension does "
                          "not satisfy any optimization profile."),
         "input-profile", "The shape of an input is outside the optimization profiles.",
         "wider one", error=InputError),
    Case("IExecutionContext::setInputShape: Error Code 3: API Usage Error (Parameter check failed, "
         "condition: satisfyProfile. Set dimension [1,1620] for tensor input_values does not "
         "satisfy any optimization profiles. Valid range for profile 0: [1,3240]..[1,12960]. In "
         "setInputShape at runtime/api/executionContext.cpp:2372)",
         "input-profile",
         "Tensor input_values with shape 1 x 1620 is outside the optimization profiles: profile 0 "
         "takes 1 x 3240 to 1 x 12960.", "wider one",
         {"tensor": "input_values", "shape": "1 x 1620", "profile": "0",
          "least_shape": "1 x 3240", "most_shape": "1 x 12960"}, error=InputError),
    Case(SUPPLIED, "input-profile",
         "A tensor with shape 16 x 512 x 0 is outside the optimization profiles: axis 2 takes 1 to "
         "1.", "wider one",
         {"shape": "16 x 512 x 0", "axis": "2", "least": "1", "most": "1"}, error=InputError),
    Case(SET_SHAPE.format("Parameter check failed at: runtime/api/executionContext.cpp::"
                          "setInputShape::2037, condition: engineDims.d[i] == dims.d[i] Static "
                          "dimension mismatch while setting input shape."),
         "input-shape", "An input has a shape that the engine does not take.", "tensor table",
         error=InputError),
    Case("IExecutionContext::setInputShape: Error Code 3: API Usage Error (Parameter check failed, "
         "condition: engineDims.d[i] == dims.d[i]. Static dimension mismatch while setting input "
         "shape for input. Set dimensions are [3,3,256,192]. Expected dimensions are "
         "[-1,3,256,192]. In setInputShape at /_src/runtime/api/executionContext.cpp:2364)",
         "input-shape",
         "Tensor input is given with shape 3 x 3 x 256 x 192; the engine takes ? x 3 x 256 x 192.",
         "tensor table",
         {"tensor": "input", "shape": "3 x 3 x 256 x 192", "expected_shape": "? x 3 x 256 x 192"},
         error=InputError),
    Case("(Parameter check failed, condition: allInputDimensionsSpecified(routine))", "input-shape",
         "Not every input of best.engine", "each input", error=InputError),
    Case("IExecutionContext::enqueueV3: Error Code 3: API Usage Error (Parameter check failed, "
         "condition: mContext.profileObliviousBindings.at(profileObliviousIndex) != nullptr. "
         "Address is not set for input tensor images. Call setInputTensorAddress or "
         "setTensorAddress)",
         "tensor-without-memory", "Tensor images of best.engine", "report", {"tensor": "images"}),
    Case("Neither address or allocator is set for output tensor output13", "tensor-without-memory",
         "Tensor output13", "report", {"tensor": "output13"}),
    Case("Profile 3 has been chosen by another IExecutionContext. Use another profileIndex or "
         "destroy the IExecutionContext that use this profile.", "profile-in-use",
         "Profile 3 of best.engine", "a profile for each", {"profile": "3"}),
    *(
        Case(text, "not-capturable", "best.engine cannot be captured", "without one")
        for text in (
            "1: [executionContext.cpp::handleTrainStationRunnerPhase1::146] Error Code 1: Cuda "
            "Runtime (operation not permitted when stream is capturing)",
            "The CUDA stream is in capturing mode, but this TRT engine is not stream capturable!",
            "The CUDA stream is in capturing mode, but this TRT engine is not stream capturable.",
            "Cuda Runtime (operation would make the legacy stream depend on a capturing blocking "
            "stream)",
        )
    ),
    Case("The weight streaming budget cannot be modified while there are active "
         "IExecutionContexts.",
         "weight-streaming", "weight streaming budget of best.engine", "Close the other sessions"),
    Case("IExecutionContext::enqueueV3: Error Code 1: Cuda Runtime (invalid resource handle)",
         "other-cuda-context", "another CUDA context", "by itself", error=CudaError),
]  # fmt: skip

BUILDING = [
    Case("10: [optimizer.cpp::computeCosts::3869] Error Code 10: Internal Error (Could not find "
         "any implementation for node Conv_9 + PWN(LeakyRelu_10).)", "no-implementation",
         "no kernel here for layer Conv_9 + PWN(LeakyRelu_10).", "Free memory",
         {"layer": "Conv_9 + PWN(LeakyRelu_10)"}),
    Case("10: Could not find any implementation for node {ForeignNode[/a/Reshape_3...ArgMax_260]}.",
         "no-implementation", "layer {ForeignNode[/a/Reshape_3...ArgMax_260]}.", "Free memory",
         {"layer": "{ForeignNode[/a/Reshape_3...ArgMax_260]}"}),
    *(
        Case(text, "no-profile", "inputs with free dimensions", "a minimum, an optimum",
             {"profile": "2"} if "profile 2" in text else {})
        for text in (
            "4: [network.cpp::validate::2959] Error Code 4: Internal Error (Network has dynamic or "
            "shape inputs, but no optimization profile has been defined.)",
            "4: input_image: dynamic input is missing dimensions in profile 2.",
            "4: [network.cpp::validate::3015] Error Code 4: Internal Error (x: optimization "
            "profile is missing values for shape input)",
        )
    ),
    Case("4: Specified optimization profiles must satisfy MIN<=OPT<=MAX.", "bad-profile",
         "does not hold together", "must not decrease"),
    Case("4: [shapeCompiler.cpp::evaluateShapeChecks::832] Error Code 4: Internal Error (kOPT "
         "values for profile 1 violate shape constraints: /conv1/Add: dimensions not compatible. "
         "Condition '==' violated: 31 != 16.)", "bad-profile",
         "the OPT shapes of profile 1: /conv1/Add: dimensions not compatible. Condition '==' "
         "violated: 31 != 16.", "whole model",
         {"limit": "OPT", "profile": "1",
          "reason": "/conv1/Add: dimensions not compatible. Condition '==' violated: 31 != 16"}),
    Case("[graphShapeAnalyzer.cpp::demandAndResolveInputTensor::1226] Error Code 4: Internal Error "
         "(onnx::Concat_2: network input that is shape tensor must have type Int32)",
         "shape-tensor-type", "Tensor onnx::Concat_2 decides a shape", "constant",
         {"tensor": "onnx::Concat_2"}),
    Case("Min__149:0: shape tensor must have type Int32.", "shape-tensor-type",
         "Tensor Min__149:0 decides a shape, so this TensorRT wants it as Int32."),
    Case("Error Code 4: Internal Error (orig_im_size: network input that is shape tensor must have "
         "type Int32)", "shape-tensor-type", "Tensor orig_im_size decides a shape", "Resize",
         {"tensor": "orig_im_size", "dtype": "Int32"}),
    Case("In node 7 (parseGraph): UNSUPPORTED_NODE: No importer registered for op: mySelu. "
         "Attempting to import as plugin.", "unsupported-operator", "no operator mySelu.",
         "plugin library", {"operator": "mySelu"}),
    Case("In node 0 with name: /foo and operator: MyOp (checkFallbackPluginImporter): "
         "INVALID_NODE: creator && \"Plugin not found, are the plugin name, version, and "
         "namespace correct?\"",
         "unsupported-operator", "no operator MyOp.", "plugin library", {"operator": "MyOp"}),
    Case("Plugin not found, are the plugin name, version, and namespace correct?",
         "unsupported-operator", "no operator of that name.", "plugin library"),
]  # fmt: skip
CASES = [*LOADING, *MEMORY_AND_GPU, *RUNNING, *BUILDING]
