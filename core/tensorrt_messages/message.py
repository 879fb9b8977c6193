"""One known message of TensorRT, and the words that several of them share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import EnginebayError, ModelError


@dataclass(frozen=True, slots=True)
class Message:
    """A known message.

    Causes and hints are templates. `{name}` is a fact: a group of the pattern, or one of
    core.translator.Circumstances and what it makes of them. Of `[this {fact}|that]` the first
    part whose facts are all known stands, or nothing.

    Attributes:
        kind: of the error that it becomes.
        pattern: matches one line of the log, its white space single spaces.
        cause: template of the error's message.
        hint: template of the next step.
        error: class of the error.
        needs: a fact without which the message means something else; "" for none.
        is_remark: True for a warning that explains no error beside it.
    """

    kind: str
    pattern: re.Pattern[str]
    cause: str
    hint: str
    error: type[EnginebayError] = ModelError
    needs: str = ""
    is_remark: bool = False


def known(
    kind: str,
    pattern: str,
    cause: str,
    hint: str,
    *,
    error: type[EnginebayError] = ModelError,
    needs: str = "",
    is_remark: bool = False,
) -> Message:
    """A message from its pattern's text; see Message."""
    compiled = re.compile(pattern, re.IGNORECASE)
    return Message(kind, compiled, cause, hint, error, needs, is_remark)


VERSION = r"\d+(?:\.\d+)+"
"""A version inside a pattern."""

BUILT_BY_OTHER = (
    "{engine} was built by [TensorRT {plan_version}|TensorRT {plan_release}|another TensorRT]"
    "[; here is {module} {tensorrt_version}]."
)
REBUILD = (
    "Build it again here from its ONNX"
    "[, or install {requirement}|, or install TensorRT {plan_release}]."
)
COPY_AGAIN = "Copy it again from where it was built, or build it again from its ONNX."
LESS_MEMORY = "Close other programs that use the GPU, or use a smaller batch or shape."
"""Templates that several messages share."""
