"""Class names: the built-in lists' order, and files of names, good and bad."""

from __future__ import annotations

import codecs
import json
import os
from pathlib import Path

import numpy as np
import pytest

from core.class_names import MAX_BYTES, assumed_names, built_in, check_count, read_class_names
from core.errors import InputError
from core.modelfile.metadata import Metadata
from core.tasks import Choices, Reading, decode

IMAGENET = {
    0: "tench", 1: "goldfish", 2: "great white shark", 7: "cock", 9: "ostrich", 22: "bald eagle",
    33: "loggerhead turtle", 51: "triceratops", 65: "sea snake", 76: "tarantula", 88: "macaw",
    99: "goose", 107: "jellyfish", 113: "snail", 130: "flamingo", 145: "king penguin",
    151: "Chihuahua", 162: "beagle", 187: "Yorkshire terrier", 207: "golden retriever",
    208: "Labrador retriever", 235: "German shepherd", 245: "French bulldog",
    250: "Siberian husky", 254: "pug", 258: "Samoyed", 281: "tabby", 282: "tiger cat",
    285: "Egyptian cat", 291: "lion", 301: "ladybug", 323: "monarch", 340: "zebra",
    360: "otter", 366: "gorilla", 386: "African elephant", 388: "giant panda", 393: "clownfish",
    404: "airliner", 417: "balloon", 430: "basketball", 463: "bucket", 468: "taxi",
    504: "coffee mug", 508: "computer keyboard", 530: "digital clock", 555: "fire engine",
    574: "golf ball", 609: "jeep", 620: "laptop", 671: "mountain bike", 701: "parachute",
    717: "pickup truck", 779: "school bus", 805: "soccer ball", 817: "sports car",
    850: "teddy bear", 879: "umbrella", 897: "washing machine", 920: "traffic light",
    933: "cheeseburger", 948: "Granny Smith", 954: "banana", 963: "pizza", 980: "volcano",
    985: "daisy", 999: "toilet paper",
}  # fmt: skip
COCO = {
    0: "person", 1: "bicycle", 2: "car", 5: "bus", 7: "truck", 9: "traffic light",
    11: "stop sign", 14: "bird", 15: "cat", 16: "dog", 17: "horse", 22: "zebra",
    24: "backpack", 29: "frisbee", 32: "sports ball", 39: "bottle", 46: "banana",
    53: "pizza", 56: "chair", 60: "dining table", 62: "tv", 63: "laptop", 67: "cell phone",
    74: "clock", 77: "teddy bear", 79: "toothbrush",
}  # fmt: skip


def test_imagenets_thousand_stand_in_their_order() -> None:
    names = built_in("imagenet")
    assert len(names) == len(set(names)) == 1000
    assert {index: names[index] for index in IMAGENET} == IMAGENET
    assert all(name == name.strip() and name.isprintable() for name in names)


def test_cocos_eighty_stand_in_their_order() -> None:
    names = built_in("coco")
    assert len(names) == len(set(names)) == 80
    assert {index: names[index] for index in COCO} == COCO


@pytest.mark.parametrize(
    ("which", "count", "first", "words"),
    [
        ("coco", 80, "person", "names assumed: COCO's 80"),
        ("coco", 91, None, ""),
        ("imagenet", 1000, "tench", "names assumed: ImageNet's 1000"),
        ("imagenet", 1001, "background", "names assumed: background, then ImageNet's 1000"),
        ("imagenet", 999, None, ""),
    ],
)
def test_a_list_is_assumed_for_its_own_count_only(
    which: str, count: int, first: str | None, words: str
) -> None:
    names, said = assumed_names(which, count)  # type: ignore[arg-type]
    assert (names[:1], said) == (() if first is None else (first,), words)
    assert len(names) == (0 if first is None else count)


def test_nothing_is_assumed_unasked_or_where_names_are_given() -> None:
    assert Reading().names(80) == ()
    assert len(Reading().names(80, assume="coco")) == 80
    own = tuple(f"own {index}" for index in range(80))
    for reading in (
        Reading(metadata=Metadata(names=own)),
        Reading(choices=Choices(class_names=own)),
    ):
        assert reading.names(80, assume="coco") == own
        assert reading.assumed(80, "coco") == ""
        assert reading.fitting_names(1000, assume="imagenet") == ()
        assert reading.assumed(1000, "imagenet") == ""


# Files

ULTRALYTICS = """\
# a data set
path: ../datasets/pets
train: images/train  # names: none
nc: 3

names:
  0: cat
  # the next one barks
  1: "big dog"   # really
  2: 'jack-o''-lantern'

download: |
  names: nothing
"""


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "cat\nbig dog\n", ("cat", "big dog")),
        ("a.TXT", "cat\r\n big dog \r\n\r\n\n", ("cat", "big dog")),
        ("a.names", "cat", ("cat",)),
        ("a.txt", "cat\n\ndog\n", ("cat", "", "dog")),
        ("a.txt", "кот\nchat noir\n", ("кот", "chat noir")),
        ("a.txt", "c\x1b[31mat\tx\n", ("c[31mat x",)),  # nothing that a terminal obeys
        ("a.json", '["cat", "big dog"]', ("cat", "big dog")),
        ("a.json", '{"1": "big dog", "0": "cat"}', ("cat", "big dog")),
        ("a.json", '{"names": ["cat"], "nc": 1}', ("cat",)),
        ("a.json", '{"id2label": {"0": "cat", "1": "dog"}}', ("cat", "dog")),
        ("a.json", '{"0": ["n02123045", "tabby"], "1": ["n02", "pug"]}', ("tabby", "pug")),
        ("a.yaml", ULTRALYTICS, ("cat", "big dog", "jack-o'-lantern")),
        ("a.yml", "names:\n- cat\n- big dog # woof\nnc: 2\n", ("cat", "big dog")),
        ("a.yaml", "names:\n  - cat\n  - carpenter's kit\n", ("cat", "carpenter's kit")),
        ("a.yaml", "names: [cat, 'a, b', \"c\"]\n", ("cat", "a, b", "c")),
        ("a.yaml", "nc: 2\nnames: [ cat,\n  big dog,  # woof\n]\nx: 1", ("cat", "big dog")),
        ("a.yaml", "names: [jack-o'-lantern, kid's kit]", ("jack-o'-lantern", "kid's kit")),
        ("a.yaml", "names: # two\n  # of them\n  [cat,\n   dog]\n", ("cat", "dog")),
        ("a.yaml", "names: {0: cat, 1: 'big dog'}", ("cat", "big dog")),
        ("a.yaml", "names:\n  1: dog\n  0: c#at: one\n", ("c#at: one", "dog")),
        ("a.yaml", '"names":\r\n  "0": cat\r\n', ("cat",)),
        ("a.yaml", 'names: ["say \\"hi\\"", b]', ('say "hi"', "b")),
    ],
)  # fmt: skip
def test_a_file_of_names_is_read(
    tmp_path: Path, name: str, text: str, expected: tuple[str, ...]
) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode())
    assert read_class_names(path) == expected


@pytest.mark.parametrize("mark", [codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_the_marks_that_windows_writes_are_no_part_of_a_name(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "a.txt"
    text = "cat\r\ndog\r\n"
    path.write_bytes(mark + text.encode("utf-8" if mark == codecs.BOM_UTF8 else "utf-16-le"))
    assert read_class_names(path) == ("cat", "dog")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.txt", b"", "no class names"),
        ("a.txt", b"\n \n", "no class names"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\x00\x00", "is no text"),
        ("a.txt", b"cat\x00dog", "is no text"),
        ("a.txt", b"caf\xe9\n", "is no text"),
        ("a.txt", b"x" * (MAX_BYTES + 1), "too large"),
        ("a.csv", b"cat,dog", "no kind of file"),
        ("a.json", b"{", "no class names"),
        ("a.json", b"[" * 100_000, "no class names"),
        ("a.json", b"9" * 10_000, "no class names"),
        ("a.json", b'"cat"', "no class names"),
        ("a.json", b"[1, 2]", "no class names"),
        ("a.json", b'{"0": "cat", "2": "dog"}', "without a gap"),
        ("a.json", b'{"cat": "0"}', "no class names"),
        ("a.json", b'{"names": {"0": {"x": 1}}}', "no class names"),
        ("a.yaml", b"nc: 3\n", "no class names"),
        ("a.yaml", b"names:\n", "no class names"),
        ("a.yaml", b"names: coco.names\n", "no class names"),
        ("a.yaml", b"names:\n  0: cat\n  2: dog\n", "without a gap"),
        ("a.yaml", b"names:\n  0: cat\n  0: dog\n", "no class names"),
        ("a.yaml", b"names: [cat, dog\n", "no class names"),
        ("a.yaml", b"names: [cat, [dog]]\n", "no class names"),
        ("a.yaml", b"names: {0: cat]\n", "no class names"),
        ("a.yaml", b"names: *other\n", "no class names"),
        ("a.yaml", b"names:\n  0: !!python/object:os.system x\n", "no class names"),
        ("a.yaml", b"names: " + b"[" * 100_000, "no class names"),
        ("a.yaml", b"names:\n" + b"'\"" * 400_000, "no class names"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(
    tmp_path: Path, name: str, data: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=words) as caught:
        read_class_names(path)
    assert caught.value.kind == "class-names-unreadable"
    assert name in caught.value.message
    assert "one name a line" in caught.value.hint


def test_what_is_not_there_or_no_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path, Path("a\0b.txt")):
        with pytest.raises(InputError) as caught:
            read_class_names(path)
        assert caught.value.kind == "class-names-unreadable"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(InputError, match="is no file"):
        read_class_names(tmp_path / "pipe.txt")


def test_the_wrong_number_of_names_is_told_with_both_numbers() -> None:
    check_count(("a", "b"), 2)
    with pytest.raises(InputError, match="2 class names, but the model has 80 classes") as caught:
        check_count(("a", "b"), 80)
    assert caught.value.kind == "class-names-count"


def test_one_name_is_told_as_one() -> None:
    with pytest.raises(InputError) as caught:
        check_count(("a",), 2)
    assert caught.value.message == "The list has 1 class name, but the model has 2 classes."
    with pytest.raises(InputError) as caught:
        check_count(("a", "b"), 1)
    assert caught.value.message == "The list has 2 class names, but the model has 1 class."
    assert caught.value.hint.startswith("Choose a list with 1 name,")


def test_the_built_in_lists_can_be_written_and_read_again(tmp_path: Path) -> None:
    for which in ("coco", "imagenet"):
        names = built_in(which)  # type: ignore[arg-type]
        quoted = [name.replace("'", "''") for name in names]
        texts = {
            "a.txt": "\n".join(names),
            "a.json": json.dumps(dict(enumerate(names))),
            "a.yaml": "names:\n" + "".join(f"  {i}: {n}\n" for i, n in enumerate(names)),
            "b.yaml": "names: [" + ", ".join(f"'{name}'" for name in quoted) + "]",
        }
        for file, text in texts.items():
            (tmp_path / file).write_text(text, encoding="utf-8")
            assert read_class_names(tmp_path / file) == names, (which, file)


def test_names_that_are_too_many_or_too_few_for_the_outputs_are_refused() -> None:
    head = np.zeros((1, 4 + 2, 84), np.float32)
    reading = Reading(network_wh=(64, 64), choices=Choices(class_names=("cat", "dog", "cow")))
    with pytest.raises(InputError, match="3 class names, but the model has 2"):
        decode({"output0": head}, reading)
