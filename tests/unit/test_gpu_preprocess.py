"""Pictures prepared by the kernel's arithmetic on a fake GPU, against core.preprocess."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.cuda import CudaContext, open_context
from core.errors import CudaError, ImageError, WrongThreadError
from core.gpu_preprocess import GpuPreprocessor
from core.kernel_parameters import row_bytes
from core.placement import Placement
from core.preprocess import prepare
from core.recipes import Color, Interpolation, Layout, Recipe, Resize
from core.tensors import numpy_dtype
from tests.unit import fake_cuda, preprocess_kernel
from tests.unit.fake_cuda import FakeCuda

RANDOM = np.random.default_rng(4)
PICTURE = RANDOM.integers(0, 256, (45, 61, 3), dtype=np.uint8)
BASE = Recipe(input="images", layout="NCHW", size_wh=(32, 24), resize="letterbox")
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    gpu = fake_cuda.install(monkeypatch)
    preprocess_kernel.install(gpu)
    return gpu


@pytest.fixture
def cuda(gpu: FakeCuda) -> Iterator[CudaContext]:
    context = open_context()
    yield context
    context.close()


@pytest.fixture
def preprocessor(cuda: CudaContext) -> Iterator[GpuPreprocessor]:
    made = GpuPreprocessor(cuda)
    yield made
    made.close()


class Target:
    """Device memory for an input, and the stream that it is filled on."""

    def __init__(self, cuda: CudaContext, recipe: Recipe, rows: int = 1) -> None:
        self._cuda, self._recipe, self._rows = cuda, recipe, rows
        self.memory = cuda.allocate(rows * row_bytes(recipe), "testing")
        self.stream = cuda.stream()

    @property
    def bound(self) -> Target:
        return self

    def device_address(self, name: str) -> int:
        assert name == self._recipe.input
        return int(self.memory)

    def read(self) -> np.ndarray:
        """The rows, (rows, ...)."""
        recipe = self._recipe
        found = np.empty(self._rows * row_bytes(recipe), np.uint8)
        self._cuda.driver.memcpy_dtoh_async(found, self.memory, self.stream)
        self.stream.synchronize()
        shape = recipe.shape[1:] if recipe.layout.startswith("N") else recipe.shape
        return found.view(numpy_dtype(recipe.dtype)).reshape(self._rows, *shape)


def levels(tensor: np.ndarray, recipe: Recipe) -> np.ndarray:
    """An input's numbers as the bytes, 0..255, that they come from."""
    channels = 1 if recipe.layout.endswith("CHW") else -1
    shape = [1] * tensor.ndim
    shape[tensor.ndim - 3 if channels == 1 else -1] = recipe.channels
    mean = np.broadcast_to(recipe.mean, recipe.channels).reshape(shape)
    std = np.broadcast_to(recipe.std, recipe.channels).reshape(shape)
    return np.asarray((tensor.astype(np.float64) * std + mean) / recipe.scale)


def assert_as_on_the_cpu(
    cuda: CudaContext, preprocessor: GpuPreprocessor, pixels: np.ndarray, recipe: Recipe
) -> None:
    assert preprocessor.supports(recipe) is None
    expected = prepare(pixels, recipe)
    target = Target(cuda, recipe)
    placement = preprocessor.prepare_on(target, pixels, recipe, slot=0)
    found = target.read()[0]
    wanted = expected.tensor[0] if recipe.layout.startswith("N") else expected.tensor
    assert placement == expected.placement
    assert found.dtype == wanted.dtype
    bound = {"float16": 1.2, "bfloat16": 3.0}.get(recipe.dtype, 1 + 1e-3)
    assert np.abs(levels(found, recipe) - levels(wanted, recipe)).max() <= bound


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "uint8"])
@pytest.mark.parametrize("color", ["rgb", "bgr", "grey"])
def test_every_layout_type_and_colour(
    cuda: CudaContext, preprocessor: GpuPreprocessor, layout: Layout, dtype: str, color: Color
) -> None:
    recipe = replace(BASE, layout=layout, dtype=dtype, color=color)
    if dtype == "uint8":
        recipe = replace(recipe, scale=1.0)
    elif color != "grey":
        recipe = replace(recipe, **IMAGENET)
    assert_as_on_the_cpu(cuda, preprocessor, PICTURE, recipe)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-top-left", "center-crop"])
@pytest.mark.parametrize("how", ["linear", "nearest"])
@pytest.mark.parametrize("size_wh", [(32, 24), (24, 32), (61, 45), (200, 97), (3, 2)])
@pytest.mark.parametrize("image_wh", [(61, 45), (7, 90), (1, 1), (300, 200)])
def test_every_resize_at_any_size(
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    resize: Resize,
    how: Interpolation,
    size_wh: tuple[int, int],
    image_wh: tuple[int, int],
) -> None:
    recipe = replace(BASE, resize=resize, interpolation=how, size_wh=size_wh, pad=7)
    pixels = RANDOM.integers(0, 256, (image_wh[1], image_wh[0], 3), dtype=np.uint8)
    target = Target(cuda, recipe)
    refusals = []
    for way in (
        lambda: prepare(pixels, recipe),
        lambda: preprocessor.prepare_on(target, pixels, recipe, slot=0),
    ):
        try:
            way()
        except ImageError as error:
            refusals.append((error.kind, error.message, error.hint))
    assert refusals[:1] == refusals[1:]  # both or none
    target.stream.synchronize()
    if not refusals:
        assert_as_on_the_cpu(cuda, preprocessor, pixels, recipe)


def test_a_picture_of_the_right_size_needs_no_resize_whatever_the_interpolation(
    cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    recipe = replace(BASE, resize="none", size_wh=(61, 45), interpolation="cubic")
    assert_as_on_the_cpu(cuda, preprocessor, PICTURE, recipe)
    with pytest.raises(ImageError) as caught:
        preprocessor.prepare_on(Target(cuda, recipe), PICTURE[1:], recipe, slot=0)
    assert caught.value.kind == "image-size"


def test_values_that_a_type_cannot_hold_are_infinite_as_on_the_cpu(
    cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    recipe = replace(BASE, dtype="float16", scale=1000.0)
    target = Target(cuda, recipe)
    preprocessor.prepare_on(target, PICTURE, recipe, slot=0)
    expected = prepare(PICTURE, recipe).tensor
    assert np.isinf(expected).any()
    np.testing.assert_array_equal(np.isinf(target.read()), np.isinf(expected))


def test_a_batch_is_filled_row_by_row(
    gpu: FakeCuda, cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    recipe = replace(BASE, batch=3)
    pictures = [RANDOM.integers(0, 256, (20 + 9 * n, 50, 3), dtype=np.uint8) for n in range(3)]
    target = Target(cuda, recipe, rows=3)
    for row, picture in enumerate(pictures):
        preprocessor.prepare_on(target, picture, recipe, slot=row, row=row)
    found = target.read()
    for row, picture in enumerate(pictures):
        expected = prepare(picture, recipe).tensor[0]
        assert np.abs(found[row] - expected).max() <= 1.001 / 255
    assert gpu.launches == ["prepare_4_bytes"] * 4  # and the trial's


def test_slots_are_under_way_together_and_used_again(
    gpu: FakeCuda, cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    targets = [Target(cuda, BASE) for _ in range(2)]
    before = 0
    for turn in range(4):
        pictures = [
            RANDOM.integers(0, 256, (30 + 200 * (turn == 2), 50, 3), dtype=np.uint8)
            for _ in targets
        ]
        for slot, (target, picture) in enumerate(zip(targets, pictures, strict=True)):
            preprocessor.prepare_on(target, picture.copy(), BASE, slot)  # nobody else keeps it
        for target, picture in zip(targets, pictures, strict=True):
            apart = np.abs(target.read()[0] - prepare(picture, BASE).tensor[0]).max()
            assert apart <= 1.001 / 255
        uploads, before = len(gpu.uploads) - before, len(gpu.uploads)
        # The tables go up again only where the size changes; the first time the trial's do, too.
        assert uploads == [6, 2, 4, 4][turn]


def test_a_picture_read_into_page_locked_memory_is_not_copied_again(
    gpu: FakeCuda, cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    pixels = preprocessor.pixel_buffer(PICTURE.shape)
    pixels[...] = PICTURE
    target = Target(cuda, BASE)
    preprocessor.prepare_on(target, pixels, BASE, slot=0)
    address, size = gpu.uploads[-1]
    assert (address, size) == (pixels.ctypes.data, PICTURE.nbytes)
    assert gpu.is_pinned(address, size)
    target.stream.synchronize()
    # What came in other memory, or lies in it with gaps, is copied into such memory first.
    preprocessor.prepare_on(target, PICTURE[:, ::2], BASE, slot=0)
    assert gpu.is_pinned(*gpu.uploads[-1])
    expected = prepare(np.ascontiguousarray(PICTURE[:, ::2]), BASE).tensor[0]
    assert np.abs(target.read()[0] - expected).max() <= 1.001 / 255


def test_readers_stage_pictures_on_their_own_threads(
    gpu: FakeCuda, cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    target = Target(cuda, BASE)
    with ThreadPoolExecutor(1) as pool:
        first, second = (pool.submit(preprocessor.staged, PICTURE).result() for _ in range(2))
        assert not gpu.pinned
        preprocessor.prepare_on(target, first, BASE, slot=0)  # makes two, and takes one
        third = pool.submit(preprocessor.staged, PICTURE).result()
    assert gpu.is_pinned(third.ctypes.data, third.nbytes)
    np.testing.assert_array_equal(second, PICTURE)
    np.testing.assert_array_equal(third, PICTURE)


def assert_falls_back(
    gpu: FakeCuda,
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    recipe: Recipe,
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        reason = preprocessor.supports(recipe)
    assert reason is not None
    assert words in reason
    assert [record.getMessage() for record in caplog.records] == [
        f"pictures are prepared on the CPU: {reason}"
    ]
    launched = len(gpu.launches)
    target = Target(cuda, recipe)
    placement = preprocessor.prepare_on(target, PICTURE, recipe, slot=0)
    expected = prepare(PICTURE, recipe)
    assert placement == expected.placement
    np.testing.assert_array_equal(target.read(), expected.tensor)
    assert len(gpu.launches) == launched
    assert preprocessor.supports(recipe) == reason
    assert len(caplog.records) == 1  # said once


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"interpolation": "area"}, 'the interpolation "area"'),
        ({"interpolation": "cubic"}, 'the interpolation "cubic"'),
        ({"interpolation": "lanczos"}, 'the interpolation "lanczos"'),
        ({"dtype": "float64"}, "float64 inputs"),
    ],
)
def test_what_the_kernel_cannot_do_is_done_on_the_cpu(
    gpu: FakeCuda,
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    change: dict[str, Any],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert_falls_back(gpu, cuda, preprocessor, replace(BASE, **change), words, caplog)
    assert not gpu.launches


def wrong(gpu: FakeCuda) -> None:
    def kernel(*arguments: Any) -> None:
        preprocess_kernel.prepare(gpu, 4, *arguments)
        out = gpu.device_bytes(arguments[4], row_bytes(BASE)).view(np.float32)
        out[100] += np.float32(2.1 / 255)

    gpu.kernels["prepare_4_bytes"] = kernel


def refused(gpu: FakeCuda) -> None:
    gpu.module_error = "cuModuleLoadDataEx failed: the provided PTX was compiled with an unsupp"


def without_memory(gpu: FakeCuda) -> None:
    gpu.largest = 1 << 19


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (wrong, "differs from the CPU's"),
        (refused, "CUDA failed while loading a kernel"),
        (without_memory, "ran out of memory"),
    ],
)
def test_a_gpu_that_fails_the_trial_is_not_used(
    gpu: FakeCuda,
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    turn: Callable[[FakeCuda], None],
    words: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    turn(gpu)
    held = len(gpu.memory)
    assert preprocessor.supports(BASE) is not None
    assert len(gpu.memory) == held  # a failed trial leaves nothing behind
    preprocessor._reasons.clear()
    caplog.clear()
    assert_falls_back(gpu, cuda, preprocessor, BASE, words, caplog)


def test_a_gpu_that_is_lost_in_the_trial_is_no_reason_for_the_cpu(
    gpu: FakeCuda, cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    def dies(*_arguments: Any) -> None:
        raise fake_cuda.LaunchError(
            "cuStreamSynchronize failed: an illegal memory access was encountered"
        )

    gpu.kernels["prepare_4_bytes"] = dies
    with pytest.raises(CudaError) as caught:
        preprocessor.supports(BASE)
    assert caught.value.fatal


def test_only_cudas_owner_prepares(cuda: CudaContext, preprocessor: GpuPreprocessor) -> None:
    target = Target(cuda, BASE)
    with ThreadPoolExecutor(1) as pool, pytest.raises(WrongThreadError):
        pool.submit(preprocessor.prepare_on, target, PICTURE, BASE, 0).result()


def test_closing_gives_all_memory_back(gpu: FakeCuda, cuda: CudaContext) -> None:
    preprocessor = GpuPreprocessor(cuda)
    target = Target(cuda, BASE)
    assert isinstance(preprocessor.prepare_on(target, PICTURE, BASE, slot=5), Placement)
    target.stream.synchronize()
    target.memory.free()
    preprocessor.close()
    assert not gpu.memory
    assert not gpu.pinned


def test_a_row_made_on_the_cpu_is_uploaded_and_a_row_is_cleared(
    gpu: FakeCuda, cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    recipe = replace(BASE, batch=3, interpolation="area")
    target = Target(cuda, recipe, rows=3)
    expected = prepare(PICTURE, recipe).tensor[0]
    data = expected.copy().reshape(-1).view(np.uint8)
    for row in range(3):
        preprocessor.upload_on(target, data, recipe, slot=row, row=row)
    preprocessor.clear_on(target, recipe, row=1)
    del data  # kept by the slots
    preprocessor.settle(target)
    found = target.read()
    np.testing.assert_array_equal(found[0], expected)
    assert not found[1].any()
    np.testing.assert_array_equal(found[2], expected)
    assert all(gpu.is_pinned(*upload) for upload in gpu.uploads)
