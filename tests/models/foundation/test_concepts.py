"""Networks asked by words: maps agree with the library's own forward pass, and images are prepared as it does."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.models.foundation.concept_makers import CONCEPT_KINDS, SIDE, save_concept

from seglet.models.foundation.concept_networks import SAM3, load_concept_teacher
from seglet.models.foundation.concept_teacher import ConceptTeacher, SquareInput
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD

PHRASES = ("a dog", "the red bird")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("concepts")
    return {kind: save_concept(place / kind, kind) for kind in CONCEPT_KINDS}


@pytest.fixture(scope="module")
def teachers(folders: dict[str, Path]) -> dict[str, ConceptTeacher]:
    return {kind: load_concept_teacher(folder) for kind, folder in folders.items()}


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))


def written(teacher: ConceptTeacher) -> Any:
    return teacher.tokenizer(list(PHRASES), padding="max_length", max_length=teacher.limit, return_tensors="pt")


def test_clipseg_says_what_the_library_says_of_the_same_image_and_words(
    teachers: dict[str, ConceptTeacher], image: torch.Tensor
) -> None:
    teacher = teachers["clipseg"]
    pixels = teacher.square(image).expand(2, -1, -1, -1)
    with torch.no_grad():
        theirs = teacher.model(**written(teacher), pixel_values=pixels).logits.sigmoid()
    ours = teacher.concept_maps(image, teacher.embed(PHRASES))
    torch.testing.assert_close(ours.maps, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours.presence, theirs.amax(dim=(1, 2)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("instances", [False, True])
def test_sam3_says_what_the_library_says_with_one_pass_of_the_image(
    teachers: dict[str, ConceptTeacher], image: torch.Tensor, instances: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher = teachers["sam3"]
    with torch.no_grad():
        theirs = teacher.model(**written(teacher), pixel_values=teacher.square(image).expand(2, -1, -1, -1))
    monkeypatch.setattr(teacher, "instances", instances)
    ours = teacher.concept_maps(image, teacher.embed(PHRASES))
    presence = theirs.presence_logits.sigmoid()[:, 0]
    scores = theirs.pred_logits.sigmoid() * presence[:, None]
    whole = (theirs.pred_masks.sigmoid() * scores[..., None, None]).amax(dim=1)
    torch.testing.assert_close(ours.presence, presence, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        ours.maps, whole if instances else theirs.semantic_seg[:, 0].sigmoid(), rtol=1e-4, atol=1e-5
    )


def test_an_image_is_encoded_once_for_all_phrases(
    teachers: dict[str, ConceptTeacher], image: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    teacher, calls = teachers["sam3"], []
    encode = teacher.model.get_vision_features
    monkeypatch.setattr(teacher.model, "get_vision_features", lambda pixels: calls.append(1) or encode(pixels))
    teacher.concept_maps(image, teacher.embed(PHRASES))
    assert len(calls) == 1


def test_tips_compares_a_phrase_with_words_for_everything_else(
    teachers: dict[str, ConceptTeacher], image: torch.Tensor
) -> None:
    teacher = teachers["tipsv2"]
    alone, beside = teacher.embed(["a dog"]), teacher.embed(["a dog", "sky"])
    maps = teacher.concept_maps(image, alone, alone).maps
    torch.testing.assert_close(maps, torch.full_like(maps, 0.5))  # a phrase against itself
    assert (teacher.concept_maps(image, alone, beside).maps < 0.5).all()
    with pytest.raises(ValueError, match="words for everything else"):
        teacher.concept_maps(image, alone)


def test_the_checkpoint_of_sam3_for_videos_is_read_too(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for name in ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folders["sam3"] / name).read_bytes())
    weights = load_file(folders["sam3"] / "model.safetensors")
    save_file({f"detector_model.{name}": value for name, value in weights.items()}, tmp_path / "model.safetensors")
    own = json.loads((folders["sam3"] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "sam3_video", "detector_config": own}))
    teacher = load_concept_teacher(tmp_path)
    assert isinstance(teacher, SAM3)
    assert torch.equal(teacher.model.text_projection.weight, weights["text_projection.weight"])


def test_images_are_squeezed_and_normalised_as_the_library_does(folders: dict[str, Path]) -> None:
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    smooth = np.add.outer(np.arange(40), 2 * np.arange(60))[..., None] * np.array([1.0, 0.9, 0.5]) + 20
    pixels = smooth.round().astype(np.uint8)
    side, images = SIDE["clipseg"], torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255
    theirs = ViTImageProcessorPil(size={"height": side, "width": side}, resample=2, image_mean=IMAGENET_MEAN,
                                  image_std=IMAGENET_STD)(pixels, return_tensors="pt").pixel_values  # fmt: skip
    ours = SquareInput.read(folders["clipseg"], 352, IMAGENET_MEAN, IMAGENET_STD)(images)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1.01 / 255 / min(IMAGENET_STD))  # theirs rounds to 8 bits


def test_words_are_reported_as_the_tokenizer_reads_them(teachers: dict[str, ConceptTeacher]) -> None:
    (read,) = teachers["clipseg"].tokenize(["a zebra"])
    assert read.broken == ("zebra",)


@pytest.mark.parametrize(("change", "message"), [
    ({"model_type": "sam"}, "takes points and boxes, no words"),
    ({"model_type": "bert"}, "is not a network that finds what a phrase names"),
])  # fmt: skip
def test_other_models_are_refused(
    folders: dict[str, Path], tmp_path: Path, change: dict[str, str], message: str
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(change))
    with pytest.raises(ValueError, match=message):
        load_concept_teacher(tmp_path)


def test_images_of_other_proportions_than_squares_are_refused(tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 20, "width": 30}}))
    with pytest.raises(ValueError, match="only squares are supported"):
        SquareInput.read(tmp_path, 352, IMAGENET_MEAN, IMAGENET_STD)
