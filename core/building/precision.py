"""The precision that is asked for: as builder flags, or by casting the ONNX before it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.building.capabilities import Capabilities
from core.building.options import BuildOptions
from core.errors import ModelError

_FLAGS = ("fp16", "bf16", "int8", "fp8")
_AMPERE = 8  # the first compute capability's major that has BF16


def is_cast(options: BuildOptions, capabilities: Capabilities) -> str | None:
    """The precision that comes about by casting the ONNX, "fp16" or "bf16"; else None."""
    if not (capabilities.always_strongly_typed or options.strongly_typed):
        return None
    return next((one for one in ("fp16", "bf16") if one in options.precision), None)


def cast_onnx(onnx: Path, precision: str, folder: Path) -> tuple[Path, str]:
    """Cast an ONNX with NVIDIA's ModelOpt AutoCast; inputs and outputs keep their types.

    Args:
        onnx: the model.
        precision: "fp16" or "bf16".
        folder: an empty one for the new model.

    Returns:
        The new model, and a sentence that says how it came about.

    Raises:
        ModelError: kind "cast-failed".
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        import onnx as onnx_package
        from modelopt.onnx.autocast import convert_to_mixed_precision

        model = convert_to_mixed_precision(
            onnx_path=str(onnx), low_precision_type=precision, keep_io_types=True
        )
        target = folder / "cast.onnx"
        onnx_package.save(
            model, str(target), save_as_external_data=True, location="cast.data",
            size_threshold=1 << 20,
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - a foreign program: anything may come
        reason = (str(error).strip() or repr(error)).splitlines()[0][:300]
        raise ModelError(
            "cast-failed",
            f"ModelOpt cannot cast {onnx.name} to {precision.upper()}: {reason}.",
            "Cast it yourself, leaving out the operators at fault: python -m "
            "modelopt.onnx.autocast --onnx_path IN --output_path OUT --op_types_to_exclude ...",
            details=repr(error),
        ) from None
    try:
        number = f" {version('nvidia-modelopt')}"
    except PackageNotFoundError:
        number = ""
    return target, f"{precision.upper()} by casting the ONNX with NVIDIA's ModelOpt{number}."


def has_quantizers(trt: Any, network: Any) -> bool:
    """Whether the network brings its own ranges, in Q/DQ nodes."""
    kind = getattr(getattr(trt, "LayerType", None), "QUANTIZE", None)
    if kind is None:
        return False
    return any(network.get_layer(index).type == kind for index in range(network.num_layers))


def needs_ranges() -> ModelError:
    """INT8 was asked for, and nothing tells its ranges."""
    return ModelError(
        "int8-needs-ranges",
        "INT8 needs the ranges of the layers: the ONNX has no Q/DQ nodes, and no calibration "
        "folder was given.",
        "Give a folder of some hundred pictures (--calibration=FOLDER), or quantize the ONNX "
        "itself, with `python -m modelopt.onnx.quantization` of NVIDIA's ModelOpt.",
    )


def set_precision(
    trt: Any, config: Any, network: Any, options: BuildOptions, compute_capability: str
) -> list[str]:
    """Set the builder's precision flags; gives notes, a sentence each.

    Args:
        trt: the module; it has the flags that are asked for (require_available).
        config: the tensorrt.IBuilderConfig.
        network: what the parser filled.
        options: see BuildOptions.
        compute_capability: the GPU's, "8.9".

    Raises:
        ModelError: kind "int8-needs-ranges".
    """
    notes: list[str] = []
    tf32 = getattr(trt.BuilderFlag, "TF32", None)
    if tf32 is not None and "fp32" in options.precision:
        config.clear_flag(tf32)
    if tf32 is not None and "tf32" in options.precision:
        config.set_flag(tf32)
    if not hasattr(trt.BuilderFlag, "FP16") or options.strongly_typed:
        return notes  # types come from the ONNX
    wanted = [name for name in _FLAGS if name in options.precision]
    has_ranges = options.calibration is not None or has_quantizers(trt, network)
    if "int8" in wanted and not has_ranges:
        raise needs_ranges()
    if "best" in options.precision:
        wanted.append("fp16")
        if int(compute_capability.split(".")[0]) >= _AMPERE and hasattr(trt.BuilderFlag, "BF16"):
            wanted.append("bf16")
        if has_ranges and "fp8" not in wanted:  # TensorRT takes one of the two
            wanted.append("int8")
        elif not has_ranges:
            notes.append(
                "INT8 was left out of the best precision: the ONNX has no Q/DQ nodes, and there "
                "are no pictures to calibrate with."
            )
    for name in dict.fromkeys(wanted):
        config.set_flag(getattr(trt.BuilderFlag, name.upper()))
    return notes
