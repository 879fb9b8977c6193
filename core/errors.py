"""The one family of errors that Enginebay raises for what users and files do wrong.

Each says what happened and what to do next. Programming mistakes stay ordinary exceptions.
"""

from __future__ import annotations


class EnginebayError(Exception):
    """Something that the user can understand and act on.

    Attributes:
        kind: a short name that scripts can test, lower case with dashes ("not-found").
        message: what happened, one sentence, naming the file, tensor or version concerned.
        hint: what to do next.
        details: the raw text behind it (a runtime's log), or "".
        fatal: True when nothing more can run in this process (a lost CUDA context).
    """

    def __init__(
        self, kind: str, message: str, hint: str, *, details: str = "", fatal: bool = False
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        self.details = details
        self.fatal = fatal

    def as_json(self) -> dict[str, str]:
        """The object under "error" in the commands' JSON; "details" only where there are some."""
        error = {"kind": self.kind, "message": self.message, "hint": self.hint}
        return error | ({"details": self.details} if self.details else {})


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


def out_of_memory(error: MemoryError) -> EnginebayError:
    """The machine's own memory ran out: a huge shape, or a picture made huge."""
    return EnginebayError(
        "out-of-memory",
        "This machine has not enough memory for that.",
        "Use a smaller shape, batch or picture, or close other programs.",
        details=str(error),
    )


class Cancelled(Exception):  # noqa: N818 - not an error: the user asked for it
    """Work ended early because it was cancelled."""
