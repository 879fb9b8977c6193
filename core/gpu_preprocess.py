"""Apply a recipe on the GPU: a picture goes up as bytes, and one kernel makes the input of it.

The upload is a quarter of a float32 input's for a picture of the network's size. What comes out
is core.preprocess's own result: both have the same geometry, tables and values, and every recipe
is tried against it before it is used.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Hashable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from core.cuda import CudaContext
from core.errors import EnginebayError
from core.fit import Fit, fit_picture
from core.kernels import read_ptx
from core.pixel_buffers import PixelBuffers
from core.placement import Placement
from core.preprocess import prepare, prepare_into, value_table
from core.recipes import Recipe
from core.resize_taps import SUPPORTED, axis_taps
from core.tensors import numpy_dtype

logger = logging.getLogger(__name__)

_KERNELS = {1: "prepare_1_byte", 2: "prepare_2_bytes", 4: "prepare_4_bytes"}  # by an element's size
_ARGUMENTS = "PPPiiiiiii"  # of every kernel, as the struct module writes types
_BLOCK = (32, 8, 1)  # threads: a warp writes neighbours of one row
_COLORS = {"rgb": 0, "bgr": 1, "grey": 2}
_DTYPES = ("float32", "float16", "bfloat16", "uint8")
_STEP = 1 << 20  # bytes; device memory grows by it, so that it seldom has to
_TRIAL = -1  # the slot of the tries


class DeviceLane(Protocol):
    """What is fed on the device: core.sessions.tensorrt_lane's, with LaneOptions.feeds off."""

    stream: Any

    def device_address(self, name: str) -> int:
        """Where a tensor lies in the device's memory."""


class GpuPreprocessor:
    """Prepares pictures on the GPU; belongs to the thread that owns CUDA.

    A slot is a number for work that can be under way at the same time as other slots': each has
    device memory of its own. A slot may be used again once its stream has done its earlier work.
    """

    def __init__(self, cuda: CudaContext) -> None:
        self._cuda = cuda
        self._buffers = PixelBuffers(cuda)
        self._slots: dict[int, _Slot] = {}
        self._kernels: dict[int, Any] = {}
        self._reasons: dict[Recipe, str | None] = {}

    def supports(self, recipe: Recipe) -> str | None:
        """Why the GPU does not prepare pictures by this recipe; None where it does.

        The first time a recipe is asked for, it is tried on a small picture against
        core.preprocess; a result that differs counts as a reason, and so does an error.

        Raises:
            CudaError: with `fatal` set, if the GPU is lost.
        """
        if recipe not in self._reasons:
            reason = _missing(recipe) or self._tried(recipe)
            if reason is not None:
                logger.warning("pictures are prepared on the CPU: %s", reason)
            self._reasons[recipe] = reason
        return self._reasons[recipe]

    def pixel_buffer(self, shape: tuple[int, ...]) -> np.ndarray:
        """A uint8 array to read a picture into, page-locked where there is room. Any thread.

        It is the caller's until it drops it; a picture in it is uploaded without another copy.
        """
        return self._buffers.take(shape)

    def staged(self, pixels: np.ndarray) -> np.ndarray:
        """The picture in a pixel_buffer: itself, or a copy. Any thread."""
        if pixels.flags.c_contiguous and self._buffers.owns(pixels):
            return pixels
        buffer = self._buffers.take(pixels.shape)
        np.copyto(buffer, pixels)
        return buffer

    def prepare_on(
        self, lane: DeviceLane, pixels: np.ndarray, recipe: Recipe, slot: int, row: int = 0
    ) -> Placement:
        """Queue one picture's preparation into a row of a lane's input, on the lane's stream.

        Args:
            lane: whose inputs are filled on the device; start() it when its rows are queued.
            pixels: (H, W, 3) uint8, RGB.
            recipe: what to do.
            slot: one for each lane and row.
            row: which picture of the batch it is.

        Raises:
            ImageError: as core.preprocess.prepare.
            CudaError: if the GPU has not memory enough, or is lost.
        """
        address = lane.device_address(recipe.input) + row * row_bytes(recipe)
        return self.upload_and_prepare(pixels, recipe, address, lane.stream, slot)

    def upload_and_prepare(
        self, pixels: np.ndarray, recipe: Recipe, device_address: int, stream: Any, slot: int
    ) -> Placement:
        """Queue one picture's upload and preparation; returns before they are done.

        A recipe that supports() refuses is prepared on the CPU, and uploaded.

        Args:
            pixels: (H, W, 3) uint8, RGB; copied first unless it lies in a pixel_buffer. What is
                uploaded is kept until the slot is used again, and must not be changed until then.
            recipe: what to do.
            device_address: where row_bytes(recipe) bytes are written: one picture of the input.
            stream: of pycuda; what is queued on it later finds the input complete.
            slot: whose earlier work is done.

        Returns:
            Where the picture lies, as core.preprocess.prepare gives it.

        Raises:
            ImageError: as core.preprocess.prepare.
            CudaError: if the GPU has not memory enough, or is lost.
        """
        self._cuda.check_thread()
        self._buffers.replenish()
        if self.supports(recipe) is None:
            return self._queue(pixels, recipe, device_address, stream, slot)
        size = row_bytes(recipe)
        row = self._buffers.take((size,))
        shape = _row_shape(recipe)
        placement = prepare_into(row.view(numpy_dtype(recipe.dtype)).reshape(shape), pixels, recipe)
        self._slot(slot).pixels = row  # kept while it is copied
        with self._cuda.errors("copying the input to the GPU"):
            self._cuda.driver.memcpy_htod_async(device_address, row, stream)
        return placement

    def close(self) -> None:
        """Free everything; all work queued must be done. Arrays lent stay valid."""
        self._cuda.check_thread()
        for slot in self._slots.values():
            slot.free()
        self._slots.clear()
        self._kernels.clear()
        self._buffers.close()

    def _slot(self, number: int) -> _Slot:
        if number not in self._slots:
            self._slots[number] = _Slot(self._cuda)
        return self._slots[number]

    def _queue(
        self, pixels: np.ndarray, recipe: Recipe, device_address: int, stream: Any, slot: int
    ) -> Placement:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] == (3,)
        height, width = pixels.shape[:2]
        fit = fit_picture((width, height), recipe)
        mine = self._slot(slot)
        mine.reserve(pixels.nbytes, _parameter_bytes(recipe))
        mine.pixels = staged = self.staged(pixels)
        key = (width, height, recipe)
        with self._cuda.errors("copying the picture to the GPU"):
            if mine.key != key:
                mine.key = None  # also where the next lines fail
                mine.parameters = self._buffers.take((_parameter_bytes(recipe),))
                _write_parameters(mine.parameters, (width, height), fit, recipe)
                self._cuda.driver.memcpy_htod_async(mine.device_parameters, mine.parameters, stream)
                mine.key = key
            self._cuda.driver.memcpy_htod_async(mine.device_pixels, staged, stream)
        network_w, network_h = recipe.size_wh
        channels_first = recipe.layout.endswith("CHW")
        with self._cuda.errors("preparing the picture"):
            self._kernel(recipe).prepared_async_call(
                (-(-network_w // _BLOCK[0]), -(-network_h // _BLOCK[1]), 1),
                _BLOCK,
                stream,
                mine.device_pixels,
                mine.device_parameters,
                device_address,
                width,
                network_w,
                network_h,
                _COLORS[recipe.color],
                recipe.pad,
                network_w * network_h if channels_first else 1,
                1 if channels_first else recipe.channels,
            )
        return fit.placement

    def _kernel(self, recipe: Recipe) -> Any:
        """The kernel for the recipe's type; the driver compiles all of them at the first use."""
        if not self._kernels:
            module = self._cuda.load_module(read_ptx("preprocess"))
            self._kernels = {size: module.get_function(name) for size, name in _KERNELS.items()}
            for kernel in self._kernels.values():
                kernel.prepare(_ARGUMENTS)
        return self._kernels[numpy_dtype(recipe.dtype).itemsize]

    def _tried(self, recipe: Recipe) -> str | None:
        """Why the GPU's result does not count: it is not the CPU's, or there is none."""
        one = replace(recipe, batch=1)
        memory: Any = None
        stream: Any = None
        try:
            picture = _trial_picture(one)
            expected = prepare(picture, one)
            found = np.empty_like(expected.tensor)
            memory = self._cuda.allocate(found.nbytes, "trying the GPU's preprocessing")
            stream = self._cuda.stream()
            placement = self._queue(picture, one, int(memory), stream, _TRIAL)
            with self._cuda.errors("trying the GPU's preprocessing"):
                found_bytes = found.reshape(-1).view(np.uint8)
                self._cuda.driver.memcpy_dtoh_async(found_bytes, memory, stream)
                stream.synchronize()
        except EnginebayError as error:
            if error.fatal:
                raise
            return f"the GPU's preprocessing failed: {error.message}"
        finally:
            with contextlib.suppress(self._cuda.driver.Error):  # a lost context has neither
                if stream is not None:
                    stream.synchronize()
                if memory is not None:
                    memory.free()
            trial = self._slots.pop(_TRIAL, None)
            if trial is not None:
                trial.free()
        if placement != expected.placement or not _is_alike(found, expected.tensor, one):
            return "the GPU's result differs from the CPU's"
        return None


class _Slot:
    """A slot's device memory, and what is being copied into it.

    Attributes:
        pixels: the host's picture, or CPU-made row.
        parameters: the host's kernel parameters.
        key: what the device's parameters are for.
        device_pixels: device address.
        device_parameters: device address.
    """

    def __init__(self, cuda: CudaContext) -> None:
        self._cuda = cuda
        self._memory: dict[str, Any] = {}
        self._capacity: dict[str, int] = {}
        self.pixels: np.ndarray | None = None
        self.parameters: np.ndarray | None = None
        self.key: Hashable = None
        self.device_pixels = self.device_parameters = 0

    def reserve(self, pixel_bytes: int, parameter_bytes: int) -> None:
        """Device memory of at least these sizes."""
        if self._capacity.get("parameters", 0) < parameter_bytes:
            self.key = None
        self.device_pixels = self._at_least("pixels", pixel_bytes)
        self.device_parameters = self._at_least("parameters", parameter_bytes)

    def _at_least(self, name: str, size: int) -> int:
        if self._capacity.get(name, 0) < size:
            old = self._memory.pop(name, None)
            if old is not None:
                del self._capacity[name]  # true also when there is no memory for the new one
                old.free()
            size = -(-size // _STEP) * _STEP
            self._memory[name] = self._cuda.allocate(size, f"reserving {size:,} bytes for pictures")
            self._capacity[name] = size
        return int(self._memory[name])

    def free(self) -> None:
        """Give the device memory back."""
        for memory in self._memory.values():
            with contextlib.suppress(self._cuda.driver.Error):  # a lost context has no memory
                memory.free()
        self._memory.clear()
        self._capacity.clear()
        self.key = None


def row_bytes(recipe: Recipe) -> int:
    """The size of one picture of the recipe's input."""
    width, height = recipe.size_wh
    return width * height * recipe.channels * numpy_dtype(recipe.dtype).itemsize


def _row_shape(recipe: Recipe) -> tuple[int, ...]:
    return recipe.shape[1:] if recipe.layout.startswith("N") else recipe.shape


def _missing(recipe: Recipe) -> str | None:
    """What the kernel cannot do of a recipe."""
    if recipe.resize != "none" and recipe.interpolation not in SUPPORTED:
        return f'the interpolation "{recipe.interpolation}" is not done on the GPU'
    if recipe.dtype not in _DTYPES:
        return f"{recipe.dtype} inputs are not made on the GPU"
    return None


def _parameter_bytes(recipe: Recipe) -> int:
    itemsize = numpy_dtype(recipe.dtype).itemsize
    return 16 * sum(recipe.size_wh) + 256 * recipe.channels * itemsize


def _write_parameters(
    target: np.ndarray, image_wh: tuple[int, int], fit: Fit, recipe: Recipe
) -> None:
    """The kernel's tables, laid out as preprocess.cu says; `target` is their bytes."""
    how = recipe.interpolation if recipe.interpolation in SUPPORTED else "linear"  # not scaled
    width, height = recipe.size_wh
    columns = axis_taps(image_wh[0], fit.scaled_wh[0], fit.left, width, how, vertical=False)
    rows = axis_taps(image_wh[1], fit.scaled_wh[1], fit.top, height, how, vertical=True)
    with np.errstate(over="ignore"):  # what a type cannot hold is infinite in it
        values = value_table(recipe).astype(numpy_dtype(recipe.dtype)).T
    parts = [
        np.ascontiguousarray(one).reshape(-1).view(np.uint8) for one in (columns, rows, values)
    ]
    np.concatenate(parts, out=target)


def _trial_picture(recipe: Recipe) -> np.ndarray:
    """Noise that is made narrower and higher, or padded; the network's own size where it must."""
    width, height = recipe.size_wh
    if recipe.resize != "none":
        width, height = width * 5 // 4 + 3, max(height * 3 // 4, 1)
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _is_alike(found: np.ndarray, expected: np.ndarray, recipe: Recipe) -> bool:
    """Whether two inputs are at most a byte's step apart, in each channel's own values."""
    with np.errstate(all="ignore"):  # infinite values have no steps
        table = value_table(recipe).astype(expected.dtype).astype(np.float64)
        steps = np.abs(np.diff(table, axis=0))
        largest = np.where(np.isfinite(steps), steps, 0).max(axis=0)  # (C,)
        if recipe.layout.endswith("CHW"):
            largest = largest[:, None, None]
        apart = np.abs(found.astype(np.float64) - expected.astype(np.float64))
    alike = (apart <= largest * (1 + 1e-9)) | (found == expected)
    return bool((alike | (np.isnan(found) & np.isnan(expected))).all())
