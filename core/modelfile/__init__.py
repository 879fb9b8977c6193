"""What a model file says of itself, read without TensorRT, without a GPU and without loading it."""

from __future__ import annotations

from core.modelfile.external_data import ExternalData, check_external_data
from core.modelfile.fingerprint import fingerprint, read_hashed, require_unchanged
from core.modelfile.identify import Kind, ModelFile, read_model_file
from core.modelfile.metadata import Metadata
from core.modelfile.onnx_graph import OnnxGraph
from core.modelfile.onnx_header import OnnxHeader
from core.modelfile.onnx_values import GraphValue
from core.modelfile.plan import BuildGpu, PlanHeader
from core.modelfile.sidecar import Sidecar, SidecarReading, read_sidecar, sidecar_path

__all__ = [
    "BuildGpu",
    "ExternalData",
    "GraphValue",
    "Kind",
    "Metadata",
    "ModelFile",
    "OnnxGraph",
    "OnnxHeader",
    "PlanHeader",
    "Sidecar",
    "SidecarReading",
    "check_external_data",
    "fingerprint",
    "read_hashed",
    "read_model_file",
    "read_sidecar",
    "require_unchanged",
    "sidecar_path",
]
