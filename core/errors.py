"""The one family of errors that Enginebay raises for what users and files do wrong.

Each says what happened and what to do next. Programming mistakes stay ordinary exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_STICKY = (
    "illegal address",
    "illegal memory access",
    "misaligned address",
    "illegal instruction",
    "invalid pc",
    "invalid program counter",
    "launch failed",
    "launch failure",
    "launch timed out",
    "device-side assert",  # never "assert" alone: TensorRT's own checks are called assertions
    "hardware stack error",
    "invalid address space",
    "not supported on global/shared address space",
    "uncorrectable",
)
"""CUDA errors after which every later call in the process fails: CUresult's names as pycuda and
cuGetErrorString spell them (CUDA driver API, "Data types used by CUDA driver")."""


class EnginebayError(Exception):
    """Something that the user can understand and act on.

    Attributes:
        kind: a short name that scripts can test, lower case with dashes ("not-found").
        message: what happened, one sentence, naming the file, tensor or version concerned.
        hint: what to do next.
        details: the raw text behind it (a runtime's log), or "".
        fatal: True when nothing more can run in this process (a lost CUDA context).
        evidence: what the message rests on, by name ({"plugin": "X", "plugin_version": "1"}).
    """

    def __init__(
        self,
        kind: str,
        message: str,
        hint: str,
        *,
        details: str = "",
        fatal: bool = False,
        evidence: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.details = details
        self.fatal = fatal
        self.evidence: Mapping[str, str] = MappingProxyType(dict(evidence))

    def as_json(self) -> dict[str, object]:
        """The object under "error" in the commands' JSON; what is empty is left out."""
        error = {"kind": self.kind, "message": self.message, "hint": self.hint}
        more = {"evidence": dict(self.evidence), "details": self.details}
        return error | {name: value for name, value in more.items() if value}


class ModelFileError(EnginebayError):
    """The file cannot be read, or is no model that Enginebay knows."""


class ModelError(EnginebayError):
    """A runtime refused the model, or failed to run it."""


class MachineError(EnginebayError):
    """This machine lacks something that the model needs: GPU, driver, TensorRT, pycuda."""


class CudaError(EnginebayError):
    """A CUDA call failed. `fatal` says whether the context is lost with it."""


class InputError(EnginebayError):
    """An array given to a session does not fit the model."""


class ImageError(EnginebayError):
    """An image file cannot be read."""


class WrongThreadError(RuntimeError):
    """CUDA was touched from a thread that does not own the context: a mistake in the program."""


def interrupted() -> EnginebayError:
    """Ctrl-C ended a command before it had an answer."""
    return EnginebayError("interrupted", "Interrupted.", "There is no answer; run it again.")


def out_of_memory(error: MemoryError) -> EnginebayError:
    """The machine's own memory ran out: a huge shape, or a picture made huge."""
    return EnginebayError(
        "out-of-memory",
        "This machine has not enough memory for that.",
        "Use a smaller shape, batch or picture, or close other programs.",
        details=str(error),
    )


def reading_failed(error: OSError) -> EnginebayError:
    """A disk or a network failed in the middle of a file."""
    return EnginebayError("unreadable", f"Reading failed: {error}.", "Check the disk and the path.")


def is_context_lost(text: str) -> bool:
    """True for a CUDA error's text after which no call in this process succeeds any more."""
    return any(words in text.lower() for words in _STICKY)


def context_lost(text: str, doing: str, *, details: str) -> CudaError:
    """The CUDA context is gone, and with it everything on the GPU.

    Args:
        text: CUDA's words.
        doing: what went on, for the message ("running the engine").
        details: the raw text.
    """
    return CudaError(
        "cuda-context-lost",
        f"The GPU stopped while {doing}: {text}. Nothing more can run on it in this process.",
        "Restart Enginebay. If it happens again with this engine, the file is damaged: build it "
        "again.",
        details=details,
        fatal=True,
    )


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """Work ended early because it was cancelled.

    Attributes:
        left: what there is all the same, and what to do with it; None for nothing.
    """

    def __init__(self, left: EnginebayError | None = None) -> None:
        super().__init__("cancelled" if left is None else left.message)
        self.left = left
