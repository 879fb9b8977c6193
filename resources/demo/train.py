"""Makes everything in this folder: trains, exports and measures the demo model.

    python -m pip install torch==2.13.0 onnx onnxscript onnxruntime numpy opencv-python-headless
    python resources/demo/train.py

Writes shapes.onnx and the four pictures. Takes about 16 minutes on two CPU cores and 4 GB of
memory. Seeds: 0 for the weights and the order of training, (1, 0) to (1, 7999) for the training
pictures, (2, 0) to (2, 599) for the score, (3, n) for the bundled pictures. Another processor or
library version rounds differently, so the scores can move in the third digit.

Score of the bundled model at confidence 0.25 and class-wise NMS at IoU 0.45, on 600 fresh pictures
with 2737 shapes, a shape counting as found at IoU 0.5 with the right class:

    all       found 0.985  precision 0.978
    256x256   found 0.997  precision 0.979
    640x480   found 0.977  precision 0.974  (letterboxed)
    480x640   found 0.982  precision 0.982  (letterboxed)
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import torch
from detector import OUTPUT_SHAPE, SIDE, STRIDES, ShapeDetector
from numpy.typing import NDArray
from pictures import CLASS_NAMES, Picture, count_found, make_picture
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

HERE = Path(__file__).resolve().parent
OPSET = 17
CONFIDENCE, NMS_IOU = 0.25, 0.45
# Every picture is drawn from the seed (stream, number), so no two streams share a picture.
TRAIN_STREAM, SCORE_STREAM, DEMO_STREAM = 1, 2, 3
TORCH_SEED = 0
# Every second training picture is square, the others are letterboxed from one of these sizes.
OBLONG_SIZES = ((640, 480), (240, 320), (480, 640), (320, 240), (800, 450), (400, 225))
SCORE_SIZES = ((256, 256), (640, 480), (480, 640))
MAX_SHAPES = 8
# Trained scores of wrong detections reach about 0.45 and those of right ones start at about 0.5.
# Moving every score down by this, before the sigmoid, puts the usual threshold of 0.25 between.
SCORE_SHIFT = -0.9
# Longest side in pixels of the shapes that each stride learns; a shape in two ranges trains both.
SIZE_RANGES = ((0.0, 42.0), (32.0, 80.0), (60.0, 1e9))


@dataclass(frozen=True)
class DemoPicture:
    """File name, (width, height), number in DEMO_STREAM, shape count and look of one picture."""

    name: str
    size_wh: tuple[int, int]
    number: int
    count: int
    tidy: bool


# Picked by eye, and the first for a result without a wrong box: scores come from other pictures.
DEMO_PICTURES = (
    DemoPicture("picture-1.jpg", (640, 480), 132, 8, True),
    DemoPicture("picture-2.jpg", (480, 640), 7, 6, False),
    DemoPicture("picture-3.png", (800, 450), 38, 7, True),
    DemoPicture("picture-4.jpg", (256, 256), 53, 4, False),
)


def letterbox(image: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, tuple[int, int]]:
    """Fits (H, W, 3) into (256, 256, 3) on grey; also the scale and the (left, top) padding."""
    height, width = image.shape[:2]
    scale = min(SIDE / height, SIDE / width)
    new_wh = (round(width * scale), round(height * scale))
    if new_wh != (width, height):
        resized = cv2.resize(image, new_wh, interpolation=cv2.INTER_LINEAR)
        image = np.asarray(resized, dtype=np.uint8)
    left, top = (round((SIDE - side) / 2 - 0.1) for side in new_wh)
    boxed = np.full((SIDE, SIDE, 3), 114, dtype=np.uint8)
    boxed[top : top + new_wh[1], left : left + new_wh[0]] = image
    return boxed, scale, (left, top)


def training_picture(number: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Letterboxed picture (256, 256, 3) and its (8, 5) xyxy and class, class -1 where unused."""
    cv2.setNumThreads(1)
    rng = np.random.default_rng((TRAIN_STREAM, number))
    oblong = OBLONG_SIZES[number // 2 % len(OBLONG_SIZES)]
    picture = make_picture(rng, oblong if number % 2 else (SIDE, SIDE))
    image, scale, padding = letterbox(picture.image_rgb)
    truth = np.full((MAX_SHAPES, 5), -1, dtype=np.float32)
    count = len(picture.class_ids)
    truth[:count, :4] = picture.boxes_xyxy * scale + np.tile(padding, 2)
    truth[:count, 4] = picture.class_ids
    return image, truth


def training_pool(count: int) -> tuple[Tensor, Tensor]:
    """Pictures (n, 256, 256, 3) uint8 and truth (n, 8, 5) float32."""
    with Pool(2) as workers:
        pairs = workers.map(training_picture, range(count), chunksize=50)
    images, truth = (np.stack(part) for part in zip(*pairs, strict=True))
    return torch.from_numpy(images), torch.from_numpy(truth)


def varied(images: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Mirrors, transposes and recolours a batch at random; float images (n, 3, 256, 256) 0..1."""
    truth = truth.clone()
    used = truth[..., 4:] >= 0
    images = images.permute(0, 3, 1, 2)[:, torch.randperm(3)].float() / 255.0
    flip_x, flip_y, swap = (torch.rand(3) < 0.5).tolist()
    if flip_x:
        images, truth[..., [0, 2]] = images.flip(3), SIDE - truth[..., [2, 0]]
    if flip_y:
        images, truth[..., [1, 3]] = images.flip(2), SIDE - truth[..., [3, 1]]
    if swap:
        images, truth = images.transpose(2, 3), truth[..., [1, 0, 3, 2, 4]]
    return images.contiguous(memory_format=torch.channels_last), torch.where(used, truth, -1.0)


def assign(model: ShapeDetector, truth: Tensor) -> Tensor:
    """Truth index (n, 1344) int64 that each cell must predict, -1 for background."""
    centre = (truth[..., :2] + truth[..., 2:4]) / 2
    size = truth[..., 2:4] - truth[..., :2]
    away = (model.centres[:, None] - centre[..., None]).abs().amax(2)
    near = (away <= model.strides) & (truth[..., 4:] >= 0)
    ranges = dict(zip(STRIDES, SIZE_RANGES, strict=True))
    limits = torch.tensor([ranges[int(stride)] for stride in model.strides.flatten()])
    longest = size.amax(2)[..., None]
    near &= (longest >= limits[:, 0]) & (longest < limits[:, 1])
    # Where two shapes claim a cell, the smaller one has fewer other cells to be found by.
    area = torch.where(near, size.prod(2)[..., None], torch.inf)
    smallest, owner = area.min(1)
    return torch.where(smallest.isinf(), -1, owner)


def loss_of(model: ShapeDetector, images: Tensor, truth: Tensor) -> Tensor:
    """Quality focal loss of the scores plus GIoU loss of the boxes, per assigned cell."""
    logits = model.logits(images)
    owner = assign(model, truth)
    picture, cell = torch.nonzero(owner >= 0, as_tuple=True)
    wanted = truth[picture, owner[picture, cell]]
    centre, size = (part[picture, :, cell] for part in model.decode(logits))
    low, high = centre - size / 2, centre + size / 2
    common = (torch.minimum(high, wanted[:, 2:4]) - torch.maximum(low, wanted[:, :2])).clamp(min=0)
    hull = (torch.maximum(high, wanted[:, 2:4]) - torch.minimum(low, wanted[:, :2])).prod(1)
    union = size.prod(1) + (wanted[:, 2:4] - wanted[:, :2]).prod(1) - common.prod(1)
    iou = common.prod(1) / union
    # The score learns the overlap its box reaches, so the best placed box survives the NMS.
    target = torch.zeros_like(logits[:, 4:])
    target[picture, wanted[:, 4].long(), cell] = iou.detach()
    plain = functional.binary_cross_entropy_with_logits(logits[:, 4:], target, reduction="none")
    scores = (plain * (target - logits[:, 4:].sigmoid()).abs().square()).sum()
    boxes = (1 - iou + (hull - union) / hull).sum()
    return (scores + 2.0 * boxes) / max(len(cell), 1)


def train(model: ShapeDetector, pictures: int, epochs: int, batch: int = 32) -> None:
    """Trains the model in place on a pool of this many pictures."""
    images, truth = training_pool(pictures)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = epochs * (pictures // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps, pct_start=0.15)
    fresh = [score_picture(10_000 + number) for number in range(60)]
    started = time.monotonic()
    for epoch in range(epochs):
        model.train()
        losses = []
        for picked in torch.randperm(pictures)[: pictures // batch * batch].split(batch):
            loss = loss_of(model, *varied(images[picked], truth[picked]))
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        model.eval()
        with torch.inference_mode():
            found, precision = score(lambda x: model(torch.from_numpy(x)).numpy(), fresh)
        spent = time.monotonic() - started
        print(
            f"epoch {epoch + 1:2d}/{epochs} loss {np.mean(losses):.3f} "
            f"found {found:.3f} precision {precision:.3f} after {spent:.0f} s",
            flush=True,
        )


def export(model: ShapeDetector, path: Path) -> None:
    """Writes the model as one plain ONNX file with the metadata that detectors carry."""
    model = model.eval().to(memory_format=torch.contiguous_format)
    for head in model.heads:
        head[-1].bias.data[4:] += SCORE_SHIFT
    for block in list(model.modules()):
        if isinstance(block, nn.Sequential) and isinstance(block[1], nn.BatchNorm2d):
            block[0], block[1] = fuse_conv_bn_eval(block[0], block[1]), nn.Identity()
    torch.onnx.export(
        model,
        (torch.zeros(1, 3, SIDE, SIDE),),
        str(path),
        input_names=["images"],
        output_names=["output0"],
        dynamic_axes={"images": {0: "batch"}, "output0": {0: "batch"}},
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(path)
    # The exporter only knows the batch axis and names the two others; their sizes are fixed.
    axes = graph.graph.output[0].type.tensor_type.shape.dim
    axes[1].dim_value, axes[2].dim_value = OUTPUT_SHAPE
    metadata = {
        "description": "Enginebay demo model: flat shapes",
        "author": "Enginebay",
        "date": datetime.now(timezone.utc).isoformat(),
        "version": "1.0.0",
        "license": "MIT",
        "docs": "resources/demo/train.py",
        "stride": str(max(STRIDES)),
        "task": "detect",
        "batch": "1",
        "imgsz": str([SIDE, SIDE]),
        "names": str(dict(enumerate(CLASS_NAMES))),
        "args": str({"batch": 1, "dynamic": True, "nms": False}),
        "channels": "3",
        "end2end": "False",
    }
    onnx.helper.set_model_props(graph, metadata)
    onnx.checker.check_model(graph, full_check=True)
    onnx.save(graph, path)
    print(path.name, path.stat().st_size, "bytes, opset", graph.opset_import[0].version)
    print("operators", sorted({node.op_type for node in graph.graph.node}))


def score_picture(number: int) -> Picture:
    """Fresh picture that no training saw."""
    rng = np.random.default_rng((SCORE_STREAM, number))
    return make_picture(rng, SCORE_SIZES[number % len(SCORE_SIZES)])


def score(
    predict: Callable[[NDArray[np.float32]], NDArray[np.float32]], pictures: list[Picture]
) -> tuple[float, float]:
    """Share of the truth shapes found, and share of the detections that are right."""
    found = told = wanted = 0
    for picture in pictures:
        image, scale, padding = letterbox(picture.image_rgb)
        tensor = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32) / 255.0
        rows = predict(tensor)[0].T
        rows = rows[rows[:, 4:].max(axis=1) >= CONFIDENCE]
        classes, scores = rows[:, 4:].argmax(axis=1), rows[:, 4:].max(axis=1)
        low = (rows[:, :2] - rows[:, 2:4] / 2 - padding) / scale
        size = rows[:, 2:4] / scale
        corners = np.hstack([low, size]).tolist()
        kept = list(cv2.dnn.NMSBoxesBatched(corners, scores, classes, CONFIDENCE, NMS_IOU))
        boxes = np.hstack([low, low + size])[kept]
        found += count_found(picture, boxes, classes[kept])
        told += len(kept)
        wanted += len(picture.class_ids)
    return found / wanted, found / max(told, 1)


def write_demo_pictures(folder: Path) -> None:
    """Writes the bundled pictures."""
    for demo in DEMO_PICTURES:
        rng = np.random.default_rng((DEMO_STREAM, demo.number))
        picture = make_picture(rng, demo.size_wh, count=demo.count, tidy=demo.tidy)
        bgr = cv2.cvtColor(picture.image_rgb, cv2.COLOR_RGB2BGR)
        quality = [cv2.IMWRITE_JPEG_QUALITY, 92] if demo.name.endswith(".jpg") else []
        cv2.imwrite(str(folder / demo.name), bgr, quality)
        print(demo.name, (folder / demo.name).stat().st_size, "bytes")


def main() -> None:
    """Trains, exports, measures, and writes the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=8000, help="pictures to train on")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--folder", type=Path, default=HERE, help="where the files are written")
    options = parser.parse_args()

    torch.manual_seed(TORCH_SEED)
    torch.set_num_threads(2)
    model = ShapeDetector().to(memory_format=torch.channels_last)
    print("parameters", sum(part.numel() for part in model.parameters()))
    train(model, options.pictures, options.epochs)
    path = options.folder / "shapes.onnx"
    export(model, path)

    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    pictures = [score_picture(number) for number in range(600)]
    found, precision = score(lambda x: session.run(None, {"images": x})[0], pictures)
    print(f"found {found:.4f}, precision {precision:.4f} on {len(pictures)} fresh pictures")
    four = np.random.default_rng(0).random((4, 3, SIDE, SIDE), dtype=np.float32)
    together = session.run(None, {"images": four})[0]
    alone = np.concatenate([session.run(None, {"images": x[None]})[0] for x in four])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-3)
    write_demo_pictures(options.folder)


if __name__ == "__main__":
    main()
