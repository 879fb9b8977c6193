"""Apply a recipe on the GPU: a picture goes up as bytes, and one kernel makes the input of it.

The upload is a quarter of a float32 input's for a picture of the network's size. What comes out
is core.preprocess's own result: both have the same geometry, tables and values, and every recipe
is tried against it before it is used.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from core.cuda import CudaContext
from core.errors import EnginebayError
from core.fit import fit_picture
from core.gpu_slot import Job, Slot
from core.kernel_parameters import (
    is_alike,
    missing,
    parameter_bytes,
    row_bytes,
    row_shape,
    trial_picture,
    write_parameters,
)
from core.kernels import read_ptx
from core.pixel_buffers import PixelBuffers
from core.placement import Placement
from core.preprocess import prepare, prepare_into
from core.recipes import Recipe
from core.tensors import numpy_dtype

logger = logging.getLogger(__name__)

_KERNELS = {1: "prepare_1_byte", 2: "prepare_2_bytes", 4: "prepare_4_bytes"}  # by an element's size
_ARGUMENTS = "PPPiiiiiii"  # of every kernel, as the struct module writes types
_BLOCK = (32, 8, 1)  # threads: a warp writes neighbours of one row
_COLORS = {"rgb": 0, "bgr": 1, "grey": 2}
_TRIAL = -1  # the slot of the tries


class FedContext(Protocol):
    """Whose stream a lane's queries run on: core.sessions.tensorrt_bound's."""

    @property
    def stream(self) -> Any:
        """Of pycuda."""


class DeviceLane(Protocol):
    """What is fed on the device: core.sessions.tensorrt_lane's, with LaneOptions.feeds off."""

    @property
    def bound(self) -> FedContext:
        """Its execution context."""

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
        self._slots: dict[int, Slot] = {}
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
            reason = missing(recipe) or self._tried(recipe)
            if reason is not None:
                logger.warning("pictures are prepared on the CPU: %s", reason)
            self._reasons[recipe] = reason
        return self._reasons[recipe]

    def pixel_buffer(self, shape: tuple[int, ...]) -> np.ndarray:
        """A uint8 array to read a picture into, page-locked where there is room. Any thread.

        It is the caller's until it drops it; a picture in it is uploaded without another copy.
        """
        return self._buffers.take(shape)

    def adopt(self, memory: Iterable[np.ndarray]) -> None:
        """Treat others' page-locked memory as pixel_buffer's; see PixelBuffers.adopt."""
        self._buffers.adopt(memory)

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
        address = _row_address(lane, recipe, row)
        return self.upload_and_prepare(pixels, recipe, address, lane.bound.stream, slot)

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
        row = self._buffers.take((row_bytes(recipe),))
        shape = row_shape(recipe)
        placement = prepare_into(row.view(numpy_dtype(recipe.dtype)).reshape(shape), pixels, recipe)
        self._upload(row, device_address, stream, slot)
        return placement

    def upload_on(
        self, lane: DeviceLane, data: np.ndarray, recipe: Recipe, slot: int, row: int = 0
    ) -> None:
        """Queue the upload of a row that core.preprocess made, as prepare_on queues a picture's.

        Args:
            lane: as in prepare_on.
            data: (row_bytes(recipe),) uint8, the row's memory; fastest in a pixel_buffer. It is
                kept until the slot is used again, and must not be changed until then.
            recipe: what it was made by.
            slot: as in prepare_on.
            row: as in prepare_on.

        Raises:
            CudaError: if the GPU is lost.
        """
        self._cuda.check_thread()
        self._buffers.replenish()
        self._upload(self.staged(data), _row_address(lane, recipe, row), lane.bound.stream, slot)

    def clear_on(self, lane: DeviceLane, recipe: Recipe, row: int) -> None:
        """Queue zeros into a row of a lane's input.

        Raises:
            CudaError: if the GPU is lost.
        """
        address = _row_address(lane, recipe, row)
        self._cuda.clear(address, row_bytes(recipe), lane.bound.stream)

    def settle(self, lane: DeviceLane) -> None:
        """Wait for all that is queued on a lane's stream, whatever becomes of it."""
        self._cuda.check_thread()
        with contextlib.suppress(self._cuda.driver.Error):  # told by whoever waits for the query
            lane.bound.stream.synchronize()

    def close(self) -> None:
        """Free everything; all work queued must be done. Arrays lent stay valid."""
        self._cuda.check_thread()
        for slot in self._slots.values():
            slot.free()
        self._slots.clear()
        self._kernels.clear()
        self._buffers.close()

    def _upload(self, row: np.ndarray, device_address: int, stream: Any, slot: int) -> None:
        self._slot(slot).pixels = row  # kept while it is copied
        with self._cuda.errors("copying the input to the GPU"):
            self._cuda.driver.memcpy_htod_async(device_address, row, stream)

    def _slot(self, number: int) -> Slot:
        if number not in self._slots:
            self._slots[number] = Slot(self._cuda)
        return self._slots[number]

    def _queue(
        self, pixels: np.ndarray, recipe: Recipe, device_address: int, stream: Any, slot: int
    ) -> Placement:
        assert pixels.dtype == np.uint8
        assert pixels.shape[2:] == (3,)
        key = (pixels.shape, recipe)
        mine = self._slot(slot)
        if mine.job is None or mine.job.key != key:
            mine.job = None  # also where the next line fails
            mine.job = self._new_job(mine, pixels, recipe, stream, key)
        job = mine.job
        mine.pixels = staged = self.staged(pixels)
        with self._cuda.errors("preparing the picture on the GPU"):
            self._cuda.driver.memcpy_htod_async(mine.device["pixels"], staged, stream)
            job.kernel.prepared_async_call(
                job.grid,
                _BLOCK,
                stream,
                int(mine.device["pixels"]),
                int(mine.device["parameters"]),
                device_address,
                *job.arguments,
            )
        return job.placement

    def _new_job(
        self, mine: Slot, pixels: np.ndarray, recipe: Recipe, stream: Any, key: Hashable
    ) -> Job:
        """What pictures of one size and recipe share, with its tables queued for upload."""
        image_h, image_w = pixels.shape[:2]
        fit = fit_picture((image_w, image_h), recipe)
        kernel = self._kernel(recipe)
        mine.reserve("pixels", pixels.nbytes)
        mine.reserve("parameters", parameter_bytes(recipe))
        mine.parameters = np.empty(parameter_bytes(recipe), np.uint8)  # too few to page-lock
        write_parameters(mine.parameters, (image_w, image_h), fit, recipe)
        with self._cuda.errors("copying the kernel's tables to the GPU"):
            self._cuda.driver.memcpy_htod_async(mine.device["parameters"], mine.parameters, stream)
        width, height = recipe.size_wh
        channels_first = recipe.layout.endswith("CHW")
        return Job(
            key=key,
            placement=fit.placement,
            kernel=kernel,
            grid=(-(-width // _BLOCK[0]), -(-height // _BLOCK[1]), 1),
            arguments=(
                image_w,
                width,
                height,
                _COLORS[recipe.color],
                recipe.pad,
                width * height if channels_first else 1,
                1 if channels_first else recipe.channels,
            ),
        )

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
            picture = trial_picture(one)
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
        if placement != expected.placement or not is_alike(found, expected.tensor, one):
            return "the GPU's result differs from the CPU's"
        return None


def _row_address(lane: DeviceLane, recipe: Recipe, row: int) -> int:
    return lane.device_address(recipe.input) + row * row_bytes(recipe)
