"""Frames of a video file: in order, by number, upright; and files that are none."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import ImageError
from core.model import Model
from core.predictions import OutputImage
from core.video import Video, is_video
from tests.unit import onnx_models

COUNT, STEP, SIZE_WH = 40, 6, (64, 48)


def write(path: Path, codec: str = "MJPG", count: int = COUNT) -> Path:
    """Frame i is grey, of level STEP * i; the upper left quarter is red."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*codec), 25.0, SIZE_WH)
    if not writer.isOpened():
        pytest.skip(f"OpenCV writes no {codec} here")
    for number in range(count):
        frame = np.full((SIZE_WH[1], SIZE_WH[0], 3), STEP * number, np.uint8)
        frame[:24, :32] = (0, 0, 255)
        writer.write(frame)
    writer.release()
    return path


def number_of(frame: np.ndarray) -> int:
    # Codecs keep a grey a level or two darker.
    return round((float(frame[36:, 40:].mean()) + 1.5) / STEP)


@pytest.fixture
def avi(tmp_path: Path) -> Path:
    return write(tmp_path / "video.avi")


def test_a_video_says_what_it_is(avi: Path) -> None:
    with Video(avi) as video:
        assert (video.frame_count, video.fps, video.size_wh) == (COUNT, 25.0, SIZE_WH)
        assert video.position == 0


def test_frames_come_in_order_as_rgb(avi: Path) -> None:
    with Video(avi) as video:
        frames = list(video.frames())
        assert video.read() is None
    assert [number_of(frame) for frame in frames] == list(range(COUNT))
    assert frames[0].dtype == np.uint8
    assert frames[0].shape == (48, 64, 3)
    np.testing.assert_allclose(frames[20][:16, :16].mean(axis=(0, 1)), (255, 0, 0), atol=6)


@pytest.mark.parametrize(("suffix", "codec"), [("avi", "MJPG"), ("mp4", "mp4v")])
def test_any_frame_can_be_sought(tmp_path: Path, suffix: str, codec: str) -> None:
    with Video(write(tmp_path / f"video.{suffix}", codec)) as video:
        for index in (17, 3, 39, 0, 20, 21, 19):
            video.seek(index)
            frame = video.read()
            assert frame is not None
            assert number_of(frame) == index
            assert video.position == index + 1


def test_seeking_outside_gives_the_nearest_frame(avi: Path) -> None:
    with Video(avi) as video:
        for index, nearest in ((-5, 0), (1000, COUNT - 1)):
            video.seek(index)
            frame = video.read()
            assert frame is not None
            assert number_of(frame) == nearest
        assert video.read() is None


def test_frames_come_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "turned.mp4", "mp4v")
    data = bytearray(path.read_bytes())
    # The track header's matrix (ISO 14496-12, 8.3.2): a turn of 90 degrees clockwise.
    start = data.index(b"tkhd") + 44
    assert data[start : start + 36] == struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    data[start : start + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 << 16, 0, 1 << 30)
    path.write_bytes(data)
    with Video(path) as video:
        frame = video.read()
        assert video.size_wh == (48, 64)
    assert frame is not None
    assert frame.shape == (64, 48, 3)
    red = frame[..., 0].astype(int) - frame[..., 1] > 128
    assert red[:30, 26:].mean() > 0.9  # what was the upper left is now the upper right
    assert red[:30, :22].mean() < 0.1


def test_a_video_that_ends_early_says_so_after_its_last_frame(avi: Path) -> None:
    data = avi.read_bytes()
    avi.write_bytes(data[: len(data) // 2])
    frames: list[int] = []
    with Video(avi) as video:
        with pytest.raises(ImageError, match=r"video\.avi ends early: frame \d+ of 40 is") as end:
            frames.extend(number_of(frame) for frame in video.frames())
        assert end.value.kind == "truncated-video"
        assert 3 < len(frames) < 30
        assert frames == list(range(len(frames)))
        assert video.position == len(frames)
        video.seek(1)  # it is still open
        frame = video.read()
        assert frame is not None
        assert number_of(frame) == 1


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", "not-a-video", "bad.mp4 is empty."),
        (b"some words, no video", "not-a-video", "bad.mp4 is not a video that can be read."),
        # A playlist would have FFmpeg open other files and addresses.
        (b"#EXTM3U\nhttp://127.0.0.1:9/a.ts\n", "not-a-video", "bad.mp4 is not a video"),
        (b"ffconcat version 1.0\nfile other.mp4\n", "not-a-video", "bad.mp4 is not a video"),
        (b"\0\0\0\x18ftypisom" + bytes(200), "damaged-video", "No frame of bad.mp4 can be read."),
        (b"RIFF\xff\xff\0\0AVI " + bytes(200), "damaged-video", "No frame of bad.mp4 can be read."),
    ],
)
def test_what_is_no_video_is_refused_in_one_sentence(
    tmp_path: Path, data: bytes, kind: str, words: str
) -> None:
    path = tmp_path / "bad.mp4"
    path.write_bytes(data)
    with pytest.raises(ImageError) as refusal:
        Video(path)
    assert refusal.value.kind == kind
    assert refusal.value.message.startswith(words)
    assert refusal.value.hint


@pytest.mark.skipif(os.name != "posix", reason="names are bytes on POSIX only")
def test_a_name_that_is_not_utf_8_is_refused_and_opencv_does_not_crash(
    avi: Path, tmp_path: Path
) -> None:
    path = tmp_path / os.fsdecode(b"\xff.avi")
    try:
        path.write_bytes(avi.read_bytes())
    except OSError:
        pytest.skip("this file system takes no such name")
    with pytest.raises(ImageError) as caught:
        Video(path)
    assert caught.value.message == "\ufffd.avi cannot be read: its path is not valid UTF-8."


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="There is no file"):
        Video(tmp_path / "none.mp4")
    with pytest.raises(ImageError):
        Video(tmp_path)


def test_a_closed_video_gives_no_frames(avi: Path) -> None:
    video = Video(avi)
    video.close()
    video.close()
    with pytest.raises(ImageError, match="closed"):
        video.read()


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.MP4", b"whatever", True),
        ("a.webm", b"", True),
        ("a.bin", b"\0\0\0\x18ftypisom", True),
        ("a", b"RIFF....AVI ", True),
        ("a.data", b"\x1a\x45\xdf\xa3 and more", True),
        ("a.bin", b"\0\0\0\x18ftypheic", False),
        ("a.webp", b"RIFF....WEBP", False),
        ("a.jpg", b"\xff\xd8\xff\xe0", False),
        ("a", b"", False),
    ],
)
def test_a_video_is_told_by_suffix_or_content(
    tmp_path: Path, name: str, data: bytes, expected: bool
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    assert is_video(path) is expected


def test_what_is_not_there_is_no_video(tmp_path: Path) -> None:
    assert not is_video(tmp_path / "none")
    assert not is_video(tmp_path)


def test_a_frame_runs_through_a_model_as_a_picture_does(avi: Path, tmp_path: Path) -> None:
    with Model.open(onnx_models.identity(tmp_path)) as model, Video(avi) as video:
        frame = video.read()
        assert frame is not None
        result = model.test_frame(frame, "frame 0", read_ms=2.0)
        picture = tmp_path / "frame.png"
        cv2.imwrite(str(picture), frame[..., ::-1])
        same = model.test(picture)
    assert result.source == "frame 0"
    assert result.stages.read == 2.0
    assert result.stages.total > 2.0
    [found], [other] = result.predictions, same.predictions
    assert isinstance(found, OutputImage)
    assert isinstance(other, OutputImage)
    np.testing.assert_array_equal(found.pixels, other.pixels)
