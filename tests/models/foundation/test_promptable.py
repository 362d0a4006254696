"""Masks of points, boxes and rough masks by SAM and SAM 2, and the segments of a grid of points."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.foundation.concept_makers import PROMPTABLE_KINDS, save_promptable
from tests.models.foundation.makers import rewrite

from seglet.models.foundation.promptable import PromptableSegmenter
from seglet.models.foundation.segments import (
    GridOptions,
    grid_segments,
    mask_boxes,
    stability,
    without_duplicates,
)

POINTS = torch.tensor([[[10.0, 10.0]], [[30.0, 20.0]]])


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, PromptableSegmenter]:
    place = tmp_path_factory.mktemp("promptable")
    return {kind: PromptableSegmenter.load(save_promptable(place / kind, kind)) for kind in PROMPTABLE_KINDS}


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return torch.rand(1, 3, 40, 60, generator=torch.Generator().manual_seed(0))


def test_sam_takes_images_as_the_library_prepares_them(networks: dict[str, PromptableSegmenter]) -> None:
    from transformers.models.sam.image_processing_pil_sam import SamImageProcessorPil

    pixels = (np.add.outer(np.arange(40), 2 * np.arange(60))[..., None] * np.array([1.0, 0.9, 0.5]) + 20).astype(
        np.uint8
    )
    processor = SamImageProcessorPil(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    theirs, network, seen = processor(pixels, return_tensors="pt"), networks["sam"], []
    network.model.vision_encoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    network.encode(torch.from_numpy(pixels.astype(np.float32)).permute(2, 0, 1)[None] / 255)
    assert network._inner((40, 60)) == tuple(theirs["reshaped_input_sizes"][0])
    torch.testing.assert_close(seen[0], theirs["pixel_values"], rtol=0, atol=1.01 / 255 / 0.224)


@pytest.mark.parametrize(("kind", "scale"), [("sam", (64 / 60, 43 / 40)), ("sam2", (64 / 60, 64 / 40))])
def test_points_and_boxes_are_scaled_with_the_image(
    networks: dict[str, PromptableSegmenter], image: torch.Tensor, kind: str, scale: tuple[float, float]
) -> None:
    network = networks[kind]
    encoded = network.encode(image)
    factor = torch.tensor(scale)
    boxes = torch.tensor([[5.0, 5, 30, 30], [1.0, 2, 20, 39]])
    theirs = network.model(
        image_embeddings=encoded.features,
        input_points=(POINTS * factor)[None],
        input_boxes=(boxes * factor.repeat(2))[None],
    )
    ours = network.masks(encoded, POINTS, boxes=boxes)
    torch.testing.assert_close(ours.logits, theirs.pred_masks[0])
    torch.testing.assert_close(ours.scores, theirs.iou_scores[0])


@pytest.mark.parametrize("kind", PROMPTABLE_KINDS)
def test_each_prompt_may_come_with_a_rough_mask_of_its_own(
    networks: dict[str, PromptableSegmenter], image: torch.Tensor, kind: str
) -> None:
    network = networks[kind]
    encoded = network.encode(image)
    rough = network.masks(encoded, POINTS).best()
    both, second = network.masks(encoded, POINTS, rough=rough), network.masks(encoded, POINTS[1:], rough=rough[1:])
    torch.testing.assert_close(both.logits[1:], second.logits)
    with pytest.raises(ValueError, match="expected points, boxes or masks"):
        network.masks(encoded)


def test_masks_of_sam_leave_out_what_the_image_does_not_fill(networks: dict[str, PromptableSegmenter]) -> None:
    logits = torch.zeros(1, 16, 16)
    logits[:, :11] = 1.0  # 43 of 64 rows are the image
    assert networks["sam"].at_size(logits, (40, 60)).shape == (1, 40, 60)
    assert networks["sam"].inside(logits, (40, 60)).shape == (1, 11, 16)
    assert (networks["sam"].at_size(logits, (40, 60))[0, :38] > 0.5).all()


@pytest.mark.parametrize("kind", PROMPTABLE_KINDS)
def test_segments_have_the_size_of_the_image_and_doubtful_ones_are_left_out(
    networks: dict[str, PromptableSegmenter], image: torch.Tensor, kind: str
) -> None:
    any_mask = GridOptions(points=3, least_score=-100, least_stability=0, overlap=1)
    assert grid_segments(networks[kind], image, any_mask).shape[1:] == (40, 60)
    assert 0 < len(grid_segments(networks[kind], image, any_mask)) <= 27
    assert len(grid_segments(networks[kind], image, GridOptions(points=3, least_score=100))) == 0


def test_the_checkpoint_of_sam2_for_videos_is_read_too(tmp_path: Path) -> None:
    folder = save_promptable(tmp_path, "sam2")
    rewrite(folder / "config.json", model_type="sam2_video")
    assert PromptableSegmenter.load(folder).padded is False


def test_a_mask_is_stable_if_it_hardly_changes_with_its_threshold() -> None:
    sharp = torch.tensor([[5.0, 5.0, -5.0, -5.0]])
    blurred = torch.tensor([[5.0, 0.5, -0.5, -5.0]])  # 1 pixel above 1, 3 above -1
    torch.testing.assert_close(stability(torch.stack([sharp, blurred])), torch.tensor([1.0, 1 / 3]))


def test_boxes_reach_from_the_first_pixel_to_behind_the_last() -> None:
    masks = torch.zeros(2, 4, 6, dtype=torch.bool)
    masks[0, 1:3, 2:5] = True
    assert mask_boxes(masks).tolist() == [[2, 1, 5, 3], [0, 0, 0, 0]]


def test_of_two_boxes_that_overlap_much_the_one_with_the_higher_score_stays() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0.0, 0, 10, 9], [5.0, 0, 15, 10], [3.0, 3, 3, 3]])  # IoU .9, 1/3, empty
    assert without_duplicates(boxes, torch.tensor([0.8, 0.9, 0.7, 1.0]), 0.7).tolist() == [1, 2]


@pytest.mark.parametrize(("kind", "message"), [("sam3", "it takes words"), ("bert", "is not a SAM or SAM 2")])
def test_other_models_are_refused(tmp_path: Path, kind: str, message: str) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind}))
    with pytest.raises(ValueError, match=message):
        PromptableSegmenter.load(tmp_path)
