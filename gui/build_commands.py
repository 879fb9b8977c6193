"""The same build as trtexec's command and as Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.building import BuildOptions
    from core.building.capabilities import Capabilities

ELSEWHERE = "10.3.0"
"""The TensorRT whose options are offered, and whose commands are shown, where none is installed."""


def commands(
    onnx: Path, target: Path, options: BuildOptions, capabilities: Capabilities | None
) -> tuple[str, str]:
    """Trtexec's command and the Python script, right for the installed TensorRT."""
    from core.building.commands import trtexec_command
    from core.building.script import python_script

    version = ELSEWHERE if capabilities is None else capabilities.version
    return (
        trtexec_command(onnx, target, options, version),
        python_script(onnx, target, options, version),
    )
