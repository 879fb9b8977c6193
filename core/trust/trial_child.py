"""The child's side of a trial: load an engine, run it once on zeros, tell how it went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.child_process import Say, answer
from core.errors import ModelError
from core.example_inputs import zeros
from core.modelfile import read_hashed, read_model_file
from core.sessions.tensorrt import TensorRTSession


def _try(order: dict[str, Any], doing: Say) -> dict[str, object]:
    doing("reading the file")
    path = Path(order["path"])
    file = read_model_file(path)
    content, sha256 = read_hashed(path)
    if sha256 != order["sha256"]:
        raise ModelError(
            "file-changed",
            f"{path.name} changed while it was being opened.",
            "Wait until it is written, then open it again.",
        )
    doing("starting CUDA and TensorRT")
    plan = file.plan
    session = TensorRTSession(
        content.data[file.plan_offset :],
        path.name,
        allow_native_code=order["allow_native_code"],
        plugins=tuple((Path(path), sha256) for path, sha256 in order["plugins"]),
        module=order["module"],
        plan_version=None if plan is None else plan.tensorrt_version,
        plan_compute_capability=None if plan is None else plan.compute_capability,
        note=doing,
    )
    with session:
        if session.unreadable is not None:  # it loads, and cannot be run here in any case
            return {}
        if any(spec.location == "host" and not spec.profiles for spec in session.inputs):
            return {}  # nobody can know which values its shape tensors take
        doing("running it once on zeros")
        session.run(zeros(session.inputs))
    return {}


if __name__ == "__main__":
    answer(_try)
