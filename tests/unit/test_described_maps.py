"""Published models by their inputs' size and outputs: what they are taken for, and in what words.

Shapes are those of the models' public exports (ONNX model zoo, Hugging Face, OpenCV zoo).
"""

from __future__ import annotations

import pytest

from core.tasks import Reading, ways_to_read
from core.tensors import Shape

Model = tuple[str, tuple[int, int], int, dict[str, Shape], str, str, str]

MODELS: list[Model] = [
    ("ResNet-50", (224, 224), 3, {"resnetv17_dense0_fwd": (1, 1000)},
     "classify", "likely", "the output is a vector of 1000 scores"),
    ("SqueezeNet", (224, 224), 3, {"softmaxout_1": (1, 1000, 1, 1)},
     "classify", "likely", "the output is a vector of 1000 scores"),
    ("MobileNet of TensorFlow", (224, 224), 3, {"output": (None, 1001)},
     "classify", "likely", "the output is a vector of 1001 scores"),
    ("MNIST", (28, 28), 1, {"Plus214_Output_0": (1, 10)},
     "classify", "likely", "the output is a vector of 10 scores"),
    ("ArcFace", (112, 112), 3, {"fc1": (1, 512)},
     "embed", "likely", "the output is a vector of 512 numbers, a size that embeddings have"),
    ("SFace", (112, 112), 3, {"fc1": (1, 128)},
     "embed", "likely", "the output is a vector of 128 numbers, a size that embeddings have"),
    ("CLIP's image tower", (224, 224), 3, {"image_embeds": (1, 512)},
     "embed", "likely", "the output 'image_embeds' is a vector of 512 numbers"),
    ("fast neural style", (224, 224), 3, {"output1": (1, 3, 224, 224)},
     "image", "likely", "the output is a 224 x 224 picture, channels as the input"),
    ("super resolution", (224, 224), 1, {"output": (1, 1, 672, 672)},
     "image", "likely",
     "the output is a 672 x 672 picture, 3 x the input's size, channels as the input"),
    ("Real-ESRGAN x4", (128, 128), 3, {"upscaled_image": (1, 3, 512, 512)},
     "image", "likely",
     "the output is a 512 x 512 picture, 4 x the input's size, channels as the input"),
    ("MiDaS small", (256, 256), 3, {"default": (1, 256, 256)},
     "dense", "likely", "the output is one number a point at the input's size"),
    ("Depth Anything", (518, 518), 3, {"predicted_depth": (1, 518, 518)},
     "dense", "likely",
     "the output 'predicted_depth' is one number a point at the input's size"),
    ("U-2-Net", (320, 320), 3, {f"d{index}": (1, 1, 320, 320) for index in range(7)},
     "dense", "likely",
     "each of the 7 outputs is one number a point, the first at the input's size"),
    ("DBNet text", (1280, 736), 3, {"out": (1, 1, 736, 1280)},
     "dense", "likely", "the output is one number a point at the input's size"),
    ("road segmentation", (896, 512), 3, {"tf.identity": (1, 512, 896, 4)},
     "semantic-segment", "likely",
     "the output has 4 channels at the input's size, as scores of 4 classes"),
    ("FCN ResNet-50", (520, 520), 3, {"out": (1, 21, 520, 520), "aux": (1, 21, 520, 520)},
     "semantic-segment", "likely",
     "the first of 2 outputs has 21 channels at the input's size, as scores of 21 classes"),
    ("SegFormer", (512, 512), 3, {"logits": (1, 150, 128, 128)},
     "semantic-segment", "likely",
     "the output has 150 channels at 1/4 of the input's size, as scores of 150 classes"),
    ("human segmentation", (192, 192), 3, {"save_infer_model": (1, 2, 192, 192)},
     "semantic-segment", "likely",
     "the output has 2 channels at the input's size, as scores of 2 classes"),
]  # fmt: skip

NONE: list[tuple[str, tuple[int, int], int, dict[str, Shape]]] = [
    ("HRNet pose", (192, 256), 3, {"output": (1, 17, 64, 48)}),
    ("CRAFT text", (1280, 736), 3, {"y": (1, 368, 640, 2), "feature": (1, 32, 368, 640)}),
    ("ResNet's features", (224, 224), 3, {"features": (1, 2048, 7, 7)}),
    ("ViT's tokens", (224, 224), 3, {"last_hidden_state": (1, 197, 768)}),
    ("CRNN text", (100, 32), 1, {"out": (24, 1, 37)}),
    ("SuperPoint", (640, 480), 1, {"semi": (1, 65, 60, 80), "desc": (1, 256, 60, 80)}),
    ("optical flow", (1024, 440), 3, {"flow": (1, 2, 440, 1024)}),
    ("age and gender", (62, 62), 3, {"age": (1, 1, 1, 1), "gender": (1, 2, 1, 1)}),
    ("image quality", (224, 224), 3, {"score": (1, 1)}),
]


@pytest.mark.parametrize("model", MODELS, ids=[model[0] for model in MODELS])
def test_a_described_model_is_taken_for_what_it_is(model: Model) -> None:
    _, network_wh, channels, outputs, task, certainty, evidence = model
    reading = Reading(network_wh=network_wh, channels=channels)
    best = ways_to_read(list(outputs.items()), reading)[0]
    assert (best.task, best.certainty, best.evidence) == (task, certainty, evidence)


@pytest.mark.parametrize("model", NONE, ids=[model[0] for model in NONE])
def test_a_described_model_of_another_kind_is_at_most_offered(
    model: tuple[str, tuple[int, int], int, dict[str, Shape]],
) -> None:
    _, network_wh, channels, outputs = model
    ways = ways_to_read(list(outputs.items()), Reading(network_wh=network_wh, channels=channels))
    assert {way.certainty for way in ways} == {"possible"}
