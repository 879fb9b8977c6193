"""The preprocessing kernel on a real GPU, against core.preprocess, and an engine fed by it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from core import Model
from core.cuda import CudaContext, open_context
from core.errors import ImageError
from core.fit import fit_picture
from core.gpu_preprocess import DeviceLane, GpuPreprocessor
from core.images import read_image
from core.kernel_parameters import row_bytes, row_shape
from core.paths import RESOURCES
from core.preprocess import prepare, value_table
from core.recipes import Color, Interpolation, Layout, Recipe, Resize
from core.sessions.lanes import LaneOptions
from core.tensors import numpy_dtype

PICTURES = sorted((RESOURCES / "demo").glob("picture-*"))
BASE = Recipe(input="images", layout="NCHW", size_wh=(320, 192), resize="letterbox")
IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
SIZES = ((1280, 720), (321, 193), (320, 192), (64, 500), (1, 1), (97, 41), (4000, 3000))


@pytest.fixture
def cuda() -> Iterator[CudaContext]:
    context = open_context()
    yield context
    context.close()


@pytest.fixture
def preprocessor(cuda: CudaContext) -> Iterator[GpuPreprocessor]:
    made = GpuPreprocessor(cuda)
    yield made
    made.close()


def noise(image_wh: tuple[int, int], seed: int = 0) -> np.ndarray:
    """(H, W, 3) uint8 in which neighbours have nothing to do with each other."""
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (image_wh[1], image_wh[0], 3), dtype=np.uint8)


def on_the_gpu(
    cuda: CudaContext, preprocessor: GpuPreprocessor, pixels: np.ndarray, recipe: Recipe
) -> tuple[np.ndarray, Any]:
    """One picture's row of the input, from memory that was full of something else."""
    size = row_bytes(recipe)
    stream = cuda.stream()
    memory = cuda.allocate(size + 512, "testing")
    found = np.full(size + 512, 0xA5, np.uint8)
    try:
        cuda.driver.memcpy_htod_async(memory, found, stream)
        address = int(memory) + 256
        placement = preprocessor.upload_and_prepare(pixels, recipe, address, stream, slot=0)
        cuda.driver.memcpy_dtoh_async(found, memory, stream)
        stream.synchronize()
    finally:
        stream.synchronize()
        memory.free()
    assert (found[:256] == 0xA5).all(), "it wrote before the row"
    assert (found[-256:] == 0xA5).all(), "it wrote behind the row"
    row = found[256:-256].view(numpy_dtype(recipe.dtype))
    return row.reshape(row_shape(recipe)), placement


def levels_apart(found: np.ndarray, expected: np.ndarray, recipe: Recipe) -> int:
    """By how many of a byte's 256 levels two rows differ at most; each value must be a level's."""
    if not recipe.layout.endswith("CHW"):
        found, expected = found.transpose(2, 0, 1), expected.transpose(2, 0, 1)
    table = value_table(recipe).astype(numpy_dtype(recipe.dtype)).astype(np.float64)
    largest = 0
    for channel, planes in enumerate(zip(found, expected, strict=True)):
        values, level = np.unique(table[:, channel], return_index=True)
        levels = []
        for plane in planes:
            numbers = plane.astype(np.float64)
            at = np.clip(np.searchsorted(values, numbers), 0, len(values) - 1)
            assert (values[at] == numbers).all(), "a value that no byte becomes"
            levels.append(level[at].astype(int))
        largest = max(largest, int(np.abs(levels[0] - levels[1]).max()))
    return largest


def assert_as_on_the_cpu(
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    pixels: np.ndarray,
    recipe: Recipe,
    most: int = 1,
) -> int:
    assert preprocessor.supports(recipe) is None
    expected = prepare(pixels, recipe)
    found, placement = on_the_gpu(cuda, preprocessor, pixels, recipe)
    assert placement == expected.placement
    wanted = expected.tensor[0] if recipe.layout.startswith("N") else expected.tensor
    apart = levels_apart(found, wanted, recipe)
    assert apart <= most
    return apart


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "CHW", "HWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("color", ["rgb", "bgr", "grey"])
@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-top-left", "center-crop"])
@pytest.mark.parametrize("how", ["linear", "nearest"])
def test_every_combination_is_the_cpus(
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    layout: Layout,
    dtype: str,
    color: Color,
    resize: Resize,
    how: Interpolation,
) -> None:
    recipe = replace(
        BASE, layout=layout, dtype=dtype, color=color, resize=resize, interpolation=how
    )
    if dtype == "uint8":
        recipe = replace(recipe, scale=1.0)
    elif color != "grey":
        recipe = replace(recipe, **IMAGENET)
    most = int(how == "linear")
    assert_as_on_the_cpu(cuda, preprocessor, noise((1280, 720)), recipe, most)
    assert_as_on_the_cpu(cuda, preprocessor, noise((97, 203)), recipe, most)


@pytest.mark.parametrize("resize", ["stretch", "letterbox", "letterbox-top-left", "center-crop"])
@pytest.mark.parametrize("how", ["linear", "nearest"])
@pytest.mark.parametrize("size_wh", [(640, 640), (33, 7), (2, 2), (1023, 769)])
def test_every_size_is_the_cpus(
    cuda: CudaContext,
    preprocessor: GpuPreprocessor,
    resize: Resize,
    how: Interpolation,
    size_wh: tuple[int, int],
    figures: dict[str, Any],
) -> None:
    recipe = replace(BASE, resize=resize, interpolation=how, size_wh=size_wh, pad=7)
    largest = 0
    for image_wh in SIZES:
        pixels = noise(image_wh)
        try:
            fit_picture(image_wh, recipe)
        except ImageError:
            with pytest.raises(ImageError):
                on_the_gpu(cuda, preprocessor, pixels, recipe)
            continue
        apart = assert_as_on_the_cpu(cuda, preprocessor, pixels, recipe, int(how == "linear"))
        largest = max(largest, apart)
    name = f"GPU preprocessing, {how}: largest difference, levels"
    figures[name] = max(largest, figures.get(name, 0))


def test_what_needs_no_resize_is_the_cpus_to_the_last_bit(
    cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    for color in ("rgb", "bgr", "grey"):
        recipe = replace(BASE, resize="none", color=cast(Color, color))
        assert_as_on_the_cpu(cuda, preprocessor, noise(BASE.size_wh), recipe, most=0)


def test_bfloat16_is_the_cpus(cuda: CudaContext, preprocessor: GpuPreprocessor) -> None:
    recipe = replace(BASE, dtype="bfloat16", interpolation="nearest")
    assert_as_on_the_cpu(cuda, preprocessor, noise((500, 300)), recipe, most=0)


def test_slots_in_flight_together_do_not_mix(
    cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    """Many pictures of many sizes on several streams, each slot waited for before it is reused."""
    slots, size = 4, row_bytes(BASE)
    streams = [cuda.stream() for _ in range(slots)]
    memory = [cuda.allocate(size, "testing") for _ in range(slots)]
    found = [np.empty(size, np.uint8) for _ in range(slots)]
    wanted: list[np.ndarray | None] = [None] * slots

    def check(slot: int) -> None:
        streams[slot].synchronize()
        want = wanted[slot]
        if want is not None:
            row = found[slot].view(np.float32).reshape(want.shape)
            assert np.abs(row - want).max() <= 1.001 / 255

    for number in range(80):
        slot = number % slots
        check(slot)
        pixels = noise((200 + 37 * (number % 11), 150 + 91 * (number % 7)), number)
        wanted[slot] = prepare(pixels, BASE).tensor[0]
        preprocessor.upload_and_prepare(pixels, BASE, int(memory[slot]), streams[slot], slot)
        del pixels
        cuda.driver.memcpy_dtoh_async(found[slot], memory[slot], streams[slot])
    for slot in range(slots):
        check(slot)
        memory[slot].free()


def test_pictures_read_into_page_locked_memory_by_threads(
    cuda: CudaContext, preprocessor: GpuPreprocessor
) -> None:
    def read(number: int) -> np.ndarray:
        buffer = preprocessor.pixel_buffer((480, 640, 3))
        buffer[...] = noise((640, 480), number)
        return buffer

    with ThreadPoolExecutor(4) as pool:
        for turn in range(3):
            for number, pixels in enumerate(pool.map(read, range(8))):
                expected = prepare(noise((640, 480), number), BASE).tensor[0]
                found, _ = on_the_gpu(cuda, preprocessor, pixels, BASE)
                assert np.abs(found - expected).max() <= 1.001 / 255
                assert turn < 2 or preprocessor.staged(pixels) is pixels


@pytest.mark.parametrize("graph", [True, False])
@pytest.mark.parametrize("batch", [1, 3])
def test_an_engine_fed_on_the_device_gives_what_it_gives_on_the_cpus_input(
    cuda: CudaContext, demo_engine: Path, graph: bool, batch: int, figures: dict[str, Any]
) -> None:
    pictures = [read_image(PICTURES[index % len(PICTURES)]).pixels for index in range(batch)]
    with Model.open(demo_engine) as model:
        recipe = model.recipe
        assert recipe is not None
        rows = [prepare(pixels, replace(recipe, batch=1)).tensor for pixels in pictures]
        expected = model.session.run({recipe.input: np.concatenate(rows)}).outputs
        preprocessor = GpuPreprocessor(cuda)
        assert preprocessor.supports(recipe) is None
        shapes = {recipe.input: (batch, *recipe.shape[1:])}
        lanes = model.session.lanes(shapes, LaneOptions(count=2, graph=graph, feeds=False))
        try:
            for turn in range(3):
                for number, lane in enumerate(lanes):
                    if turn:
                        lane.wait()
                    for row, pixels in enumerate(pictures):
                        fed = cast(DeviceLane, lane)
                        slot = number * batch + row
                        preprocessor.prepare_on(fed, pixels, recipe, slot, row)
                    lane.start()
            for lane in lanes:
                lane.wait()
                for name, want in expected.items():
                    got = lane.outputs()[name].astype(np.float64)
                    apart = float(np.abs(got - want).max())
                    # A level more or less of the input: FP16 outputs of a few hundred pixels.
                    assert apart <= 0.02 * max(float(np.abs(want).max()), 1)
                    figures[f"demo fed on the device, {name}: largest difference"] = apart
        finally:
            for lane in lanes:
                lane.close()
            preprocessor.close()


def test_device_memory_stays_flat(
    cuda: CudaContext, preprocessor: GpuPreprocessor, cuda_memory: Any
) -> None:
    sizes = ((640, 480), (1280, 720), (333, 777))
    for image_wh in sizes:
        on_the_gpu(cuda, preprocessor, noise(image_wh), BASE)
    before = cuda_memory()
    for turn in range(300):
        on_the_gpu(cuda, preprocessor, noise(sizes[turn % 3]), BASE)
    assert before - cuda_memory() <= 4 << 20
