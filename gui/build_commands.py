"""The same build as trtexec's command and as Python."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.building import BuildOptions
    from core.building.capabilities import Capabilities
    from gui.build_thread import Ability


def commands(
    onnx: Path, target: Path, options: BuildOptions, capabilities: Capabilities | None
) -> tuple[str, str, str]:
    """A version, trtexec's command and the Python script for it: the installed TensorRT's."""
    from core.building.commands import trtexec_command
    from core.building.flag_versions import ELSEWHERE
    from core.building.script import python_script

    version = ELSEWHERE if capabilities is None else capabilities.version
    return (
        version,
        trtexec_command(onnx, target, options, version),
        python_script(onnx, target, options, version),
    )


def assumed_words(ability: Ability | None) -> str:
    """Which options are offered where no TensorRT can be asked; "" where one is, or will be."""
    from core.building.flag_versions import ELSEWHERE

    if ability is None or ability.capabilities is not None:
        return ""
    return f"No TensorRT to ask here: the options are of all versions, the commands of {ELSEWHERE}."
