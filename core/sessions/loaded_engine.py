"""A TensorRT engine that is loaded: what it has, and what its refusals mean.

Everything here runs on the thread that loaded it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.cuda import CudaContext
from core.errors import EnginebayError
from core.sessions.tensorrt_context import LateAxes
from core.sessions.tensorrt_specs import (
    read_specs,
    require_explicit_batch,
    unreadable_error,
    unreadable_tensor,
)
from core.tensorrt_library import Library, LogLine, deserialize, load_library, refusal
from core.tensorrt_plugins import load_plugin
from core.tensors import TensorSpec
from core.translator import Circumstances


class LoadedEngine:
    """An engine that execution contexts can be made of.

    Attributes:
        name: the file's, for messages.
        cuda: the CUDA context it lives in.
        library: the TensorRT module that loaded it.
        inputs: its inputs, in its order.
        outputs: its outputs.
        unreadable: why it cannot be fed from or read into numpy arrays, or None.
        late_axes: dimensions that only a run can tell.
        lacks_weights: it says that it was built without them; only TensorRT 10.14 and newer tell.
    """

    def __init__(
        self,
        cuda: CudaContext,
        plan: bytes | memoryview,
        name: str,
        *,
        allow_native_code: bool,
        plugins: Sequence[tuple[Path, str]],
        module: str | None,
        plan_version: str | None,
        plan_compute_capability: str | None,
        note: Callable[[str], None],
    ) -> None:
        """Load it; the arguments of TensorRTSession.

        Raises:
            MachineError: if TensorRT does not start.
            ModelError: if TensorRT refuses the engine.
            CudaError: if the GPU has not memory enough, or its context is lost.
        """
        self.name = name
        self.cuda = cuda
        self._seen = Circumstances(
            file=name,
            plan_version=plan_version,
            plan_compute_capability=plan_compute_capability,
            gpu=cuda.device.name(),
            compute_capability=cuda.compute_capability,
        )
        self.library: Library = load_library(module)
        for path, sha256 in plugins:
            load_plugin(self.library, path, sha256, self._seen)
        note("loading the engine")
        self._engine: Any = deserialize(
            self.library,
            plan,
            name,
            allow_native_code=allow_native_code,
            seen=self._seen_now(),
        )
        require_explicit_batch(self._engine, name)
        specs = read_specs(self.library, self._engine)
        self.inputs: tuple[TensorSpec, ...] = tuple(one for one in specs if one.mode == "input")
        self.outputs: tuple[TensorSpec, ...] = tuple(one for one in specs if one.mode == "output")
        self.unreadable = unreadable_tensor(self._engine, specs)
        self.late_axes = LateAxes()
        self.lacks_weights = _lacks_weights(self.library.trt, self._engine)

    @property
    def runtime(self) -> str:
        """TensorRT and GPU, for people."""
        return f"{self.library.label} ({self._seen.gpu})"

    @property
    def trt_engine(self) -> Any:
        """TensorRT's own object."""
        return self._engine

    def require_runnable(self) -> None:
        """Refuse to run where arrays cannot be given or taken.

        Raises:
            ModelError: kind "io-format".
        """
        if self.unreadable is not None:
            raise unreadable_error(self.name, self.unreadable)

    def new_context(self) -> Any:
        """A TensorRT execution context.

        Raises:
            ModelError, CudaError: if there is no memory for it.
        """
        with self.library.tape.capture() as lines:
            context = self._engine.create_execution_context()
        if context is None:
            raise self.refusal(lines, f"{self.name} cannot be set up")
        return context

    def refusal(self, lines: Sequence[LogLine], what: str) -> EnginebayError:
        """What TensorRT's log lines mean.

        Args:
            lines: what it said.
            what: what it refused, the message's beginning where nothing is known.
        """
        return refusal(self.library, lines, what, self._seen_now())

    def _seen_now(self) -> Circumstances:
        room = self.cuda.room()
        return replace(self._seen, free_bytes=None if room is None else room[0])

    def close(self) -> None:
        """Free the engine; its execution contexts must be gone."""
        self._engine = None


def _lacks_weights(trt: Any, engine: Any) -> bool:
    """What an engine says of its weights (from TensorRT 10.14 on; no number is -1)."""
    kind = getattr(getattr(trt, "EngineStat", None), "STRIPPED_WEIGHTS_SIZE", None)
    ask = getattr(engine, "get_engine_stat", None)
    return kind is not None and ask is not None and int(ask(kind)) > 0
