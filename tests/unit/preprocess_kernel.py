"""core/kernels/preprocess.cu in numpy, step by step, for the fake GPU and against OpenCV."""

from __future__ import annotations

from functools import partial

import numpy as np

from tests.unit.fake_cuda import FakeCuda

GREY, BGR = 2, 1


def blended(
    upper: np.ndarray, lower: np.ndarray, column: np.ndarray, row: np.ndarray
) -> np.ndarray:
    """upper and lower: (height, image_width), the two rows of each network row."""
    above = upper[:, column[:, 0]] * column[:, 2] + upper[:, column[:, 1]] * column[:, 3]
    below = lower[:, column[:, 0]] * column[:, 2] + lower[:, column[:, 1]] * column[:, 3]
    row = row[:, None]
    mixed = ((row[..., 2] * (above >> 4)) >> 16) + ((row[..., 3] * (below >> 4)) >> 16)
    return (mixed + 2) >> 2


def resized(image: np.ndarray, columns: np.ndarray, rows: np.ndarray, pad: int) -> np.ndarray:
    """(H, W, 3) uint8 with two tables of taps -> (height, width, 3) int32."""
    image = image.astype(np.int32)
    picture = np.full((len(rows), len(columns), 3), pad, np.int32)
    across, down = columns[:, 0] >= 0, rows[:, 0] >= 0
    column, row = columns[across], rows[down]
    for channel in range(3):
        plane = image[..., channel]
        mixed = blended(plane[row[:, 0]], plane[row[:, 1]], column, row)
        picture[np.ix_(down, across, [channel])] = mixed[..., None]
    return picture


def prepare(
    gpu: FakeCuda,
    itemsize: int,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
    pixels: int,
    parameters: int,
    target: int,
    image_width: int,
    width: int,
    height: int,
    color: int,
    pad: int,
    channel_step: int,
    pixel_step: int,
) -> None:
    """A launch: the addresses and numbers that the kernel gets."""
    assert grid[0] * block[0] >= width, "columns that no thread makes"
    assert grid[1] * block[1] >= height, "rows that no thread makes"
    channels = 1 if color == GREY else 3
    table_bytes = 16 * (width + height)
    size = table_bytes + 256 * channels * itemsize
    tables = gpu.device_bytes(parameters, size)
    taps = tables[:table_bytes].view(np.int32).reshape(-1, 4)
    columns, rows = taps[:width], taps[width:]
    kind = {1: np.uint8, 2: np.uint16, 4: np.uint32}[itemsize]
    values = tables[table_bytes:].view(kind)

    image_height = int(rows[:, :2].max()) + 1  # no thread reads further
    image = gpu.device_bytes(pixels, image_height * image_width * 3)
    picture = resized(image.reshape(image_height, image_width, 3), columns, rows, pad)
    red, green, blue = (picture[..., index] for index in range(3))

    count = width * height * channels
    out = gpu.device_bytes(target, count * itemsize).view(kind)
    start = np.arange(width * height).reshape(height, width) * pixel_step
    if color == GREY:
        out[start] = values[(red * 9798 + green * 19235 + blue * 3735 + (1 << 14)) >> 15]
        return
    first, third = (blue, red) if color == BGR else (red, blue)
    out[start] = values[first]
    out[start + channel_step] = values[256 + green]
    out[start + channel_step * 2] = values[512 + third]


def install(gpu: FakeCuda) -> None:
    """Give a fake GPU the kernels."""
    for name, itemsize in (("prepare_1_byte", 1), ("prepare_2_bytes", 2), ("prepare_4_bytes", 4)):
        gpu.kernels[name] = partial(prepare, gpu, itemsize)
