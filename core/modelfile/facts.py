"""The engine card in words."""

from __future__ import annotations

from core.modelfile.identify import ModelFile
from core.tensors import bytes_text

KIND_NAMES = {
    "tensorrt-plan": "TensorRT engine",
    "ultralytics-engine": "TensorRT engine, exported by Ultralytics",
    "onnx": "ONNX model",
    "git-lfs-pointer": "Git LFS pointer",
    "truncated-plan": "TensorRT engine, cut off",
    "empty": "empty file",
    "unknown": "unknown file",
}


def card_facts(file: ModelFile) -> list[str]:
    """What the file says of itself, a few words each, the most telling first."""
    facts = [KIND_NAMES[file.kind]]
    plan, onnx, metadata = file.plan, file.onnx, file.metadata
    if plan is not None:
        facts.append(f"TensorRT {plan.tensorrt_version or '5 or older'}")
        if plan.build_gpu is not None:
            gpu = plan.build_gpu
            memory = "" if gpu.memory_bytes is None else f", {gpu.memory_bytes / 1e9:.0f} GB"
            sms = f"{gpu.sm_count} SM" + "s" * (gpu.sm_count != 1)
            facts.append(f"built on compute {gpu.compute_capability}, {sms}{memory}")
        else:
            facts.append("build GPU not readable")
        if plan.embeds_native_code:
            facts.append("embeds native code")
        if plan.actual_bytes > plan.declared_bytes:
            facts.append(f"{plan.actual_bytes - plan.declared_bytes:,} stray bytes at the end")
    if onnx is not None:
        opset = onnx.opsets.get("", onnx.opsets.get("ai.onnx"))
        facts.append(f"opset {opset}" if opset else "opset not given")
        if onnx.producer:
            facts.append(onnx.producer)
    facts.append(bytes_text(file.size_bytes))
    if metadata is not None and metadata.task:
        classes = f", {len(metadata.names)} classes" if metadata.names else ""
        facts.append(f"{metadata.task}{classes}")
    return facts
