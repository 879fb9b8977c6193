"""One call of a session on the GPU, against the original guide's class on the same engine.

    python -m tests.benchmarks.session_call ENGINE

The guide's class has page-locked buffers, copies the picture in with `host[:] = img`, copies
asynchronously, executes, synchronises. Target: at most 0.5 of its time. Two calls of ours are
measured: with the input already in the session's own buffer, where the program itself prepares
it, and with an array from anywhere, which costs the same copy as in the guide's class.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core import Model
from core.modelfile import read_model_file
from core.sessions.tensorrt import TensorRTSession
from core.tensors import numpy_dtype
from tests.benchmarks.clock import median_ms

ROUNDS, CALLS = 7, 300


class GuideEngine:
    """The class of the original guide, on the named-tensor API."""

    def __init__(self, session: TensorRTSession, plan: bytes, shape: tuple[int, ...]) -> None:
        import pycuda.driver as cuda

        trt = session.library.trt
        self.cuda = cuda
        self.runtime = trt.Runtime(session.library.trt_logger)
        self.engine = self.runtime.deserialize_cuda_engine(plan)
        self.context = self.engine.create_execution_context()
        self.context.set_input_shape(session.inputs[0].name, shape)
        self.stream = cuda.Stream()
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        for spec in (*session.inputs, *session.outputs):
            dims = tuple(self.context.get_tensor_shape(spec.name))
            host = cuda.pagelocked_empty(dims, numpy_dtype(spec.dtype))
            device = cuda.mem_alloc(host.nbytes)
            self.context.set_tensor_address(spec.name, int(device))
            (self.inputs if spec.mode == "input" else self.outputs).append((host, device))

    def infer(self, image: np.ndarray) -> list[np.ndarray]:
        host, device = self.inputs[0]
        host[:] = image[:]
        self.cuda.memcpy_htod_async(device, host, self.stream)
        self.context.execute_async_v3(self.stream.handle)
        for host, device in self.outputs:
            self.cuda.memcpy_dtoh_async(host, device, self.stream)
        self.stream.synchronize()
        return [host for host, _ in self.outputs]


def measure(path: Path) -> dict[str, float]:
    """Medians in milliseconds over interleaved rounds, and the ratios."""
    file = read_model_file(path)
    with Model.open(path) as model:
        session = model.session
        assert isinstance(session, TensorRTSession)
        spec = session.inputs[0]
        shape = spec.profiles[0].opt if spec.profiles else spec.shape
        image = np.random.default_rng(0).random(shape).astype(numpy_dtype(spec.dtype))
        guide = GuideEngine(session, path.read_bytes()[file.plan_offset :], image.shape)
        buffer = session.input_buffer(spec.name, image.shape)
        buffer[...] = image
        ours = np.concatenate([one.ravel() for one in model(image).values()])
        theirs = np.concatenate([one.ravel() for one in guide.infer(image)])
        assert np.allclose(ours, theirs, atol=1e-3)
        calls: dict[str, Callable[[], object]] = {
            "guide_ms": lambda: guide.infer(image),
            "own_buffer_ms": lambda: session.run({spec.name: buffer}),
            "any_array_ms": lambda: session.run({spec.name: image}),
        }
        rounds: dict[str, list[float]] = {name: [] for name in calls}
        gc.disable()
        for _ in range(ROUNDS):
            for name, call in calls.items():
                rounds[name].append(median_ms(call, CALLS))
        gc.enable()
        result = {name: round(statistics.median(times), 4) for name, times in rounds.items()}
        timing = session.run({spec.name: buffer}).timing
        result["gpu_parts_ms"] = [  # type: ignore[assignment]
            round(part, 4)
            for part in (timing.host_to_device_ms, timing.compute_ms, timing.device_to_host_ms)
            if part is not None
        ]
    result["ratio_own_buffer"] = round(result["own_buffer_ms"] / result["guide_ms"], 3)
    result["ratio_any_array"] = round(result["any_array_ms"] / result["guide_ms"], 3)
    return result


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1])), indent=2))
