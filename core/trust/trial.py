"""Load an unfamiliar engine and run it once in a child process, before this process trusts it.

TensorRT checks nothing past an engine's header: a damaged one can crash the process, hang, or kill
the CUDA context for good. In the child each of these becomes an ordinary error. What has passed is
remembered by the file's fingerprint, TensorRT, GPU and driver, and is not tried again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.child_process import ChildDied, ChildTimeout, run_child
from core.errors import ModelError
from core.paths import cache_folder
from core.trust.remembered import Remembered, now_text

TIME_LIMIT_S = 30.0
"""How long a load and one run may take. Starting CUDA and TensorRT takes 1 to 3 s of it."""

_REBUILD = (
    "The file is most likely damaged, or made for another machine: copy it again and compare its "
    "SHA-256, or build it again from its ONNX."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialOrder:
    """What the child loads."""

    path: str
    sha256: str  # of the whole file: other bytes are not run
    allow_native_code: bool
    plugins: tuple[tuple[str, str], ...]  # path and SHA-256 of each
    module: str | None  # one of core.machine.TENSORRT_MODULES; None for the best that works


def ensure_tried(
    order: TrialOrder,
    machine: Sequence[str],
    progress: Callable[[float | None, str], None],
    *,
    limit_s: float = TIME_LIMIT_S,
) -> None:
    """Try an engine, unless it has passed on this machine before.

    Args:
        order: what to load.
        machine: what a pass holds for: the TensorRT modules and versions, the GPU, the driver.
        progress: called about 20 times a second with (None, what is going on); may raise, which
            kills the child.
        limit_s: seconds after which the engine counts as hanging.

    Raises:
        ModelError: as loading or running it raised in the child; kind "trial-crashed" when the
            child died, "trial-hung" when it gave no answer in time.
    """
    name = Path(order.path).name
    passed = Remembered(cache_folder("trials") / "passed.json")
    key = "|".join((order.sha256, *machine, *(sha256 for _path, sha256 in order.plugins)))
    if key in passed.entries():
        return

    def tick(doing: str, elapsed: float) -> None:
        progress(None, f"Trying {name} in a process of its own: {doing} ({elapsed:.0f} s)")

    try:
        run_child("core.trust.trial_child", asdict(order), tick, limit_s=limit_s)
    except ChildDied as death:
        if death.status == -9:  # SIGKILL, which TensorRT never ends by
            raise ModelError(
                "trial-killed",
                f"The trial of {name} was ended by the system, most likely for lack of memory.",
                "Close other programs, then open it again.",
                details=death.output,
            ) from None
        raise ModelError(
            "trial-crashed",
            f"{name} crashed TensorRT{_manner(death.status)}. It was tried in a process of its "
            "own, so nothing else is affected.",
            _REBUILD,
            details=death.output,
        ) from None
    except ChildTimeout as late:
        raise ModelError(
            "trial-hung",
            f"{name} did not load and run within {limit_s:.0f} s; it was still {late.doing}. It "
            "was tried in a process of its own, which was ended.",
            "A large engine may just be slow: turn the trial off (--no-trial, or in the Run menu). "
            "Otherwise it is damaged: build it again.",
            details=late.output,
        ) from None
    except ModelError as error:
        if error.kind != "cuda-context-lost":
            raise
        raise ModelError(
            "engine-kills-gpu-context",
            f"{name} loads, but running it once on zeros killed its CUDA context. It was tried in "
            "a process of its own, so nothing else is affected.",
            _REBUILD,
            details=f"{error.message}\n{error.details}".strip(),
        ) from None
    passed.add(key, {"name": name, "passed": now_text()})


def _manner(status: int) -> str:
    """How a process ended, as part of a sentence."""
    if status < 0:
        try:
            return f" (signal {signal.Signals(-status).name})"
        except ValueError:
            return f" (signal {-status})"
    return f" (exit status {status:#x})" if status > 255 else ""
