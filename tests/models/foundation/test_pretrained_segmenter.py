import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.models.foundation.makers import rewrite, save_depth
from tests.models.foundation.segmenter_makers import KINDS, NAMES, SIDE, save_segmenter
from torch import Tensor

from seglet.models.foundation.hub import parse_source
from seglet.models.foundation.image_windows import over_square_windows, window_starts
from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.pretrained_segmenter import PretrainedSegmenter, semantic_logits

PROCESSORS = {"upernet": "Segformer", "mobilevit": "MobileViT", "beit": "Beit", "dpt": "DPT", "eomt": "Eomt",
              "segformer": "Segformer", "mask2former": "Mask2Former", "maskformer": "MaskFormer",
              "oneformer": "OneFormer"}  # fmt: skip
OF_MASKS = ("mask2former", "maskformer", "oneformer", "eomt")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("segmenters")
    with quiet_libraries():
        return {kind: save_segmenter(place / kind, kind) for kind in KINDS}


def images(side: int, count: int = 2) -> Tensor:
    noise = torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    coarse = torch.nn.functional.interpolate(noise, (side, side), mode="bilinear")
    return (255 * coarse).round() / 255


@pytest.mark.parametrize("kind", KINDS)
def test_classes_are_those_of_the_librarys_own_processing(folders: dict[str, Path], kind: str) -> None:
    side = 384 if kind == "mask2former" else SIDE  # the library resizes every Mask2Former's masks to 384
    ours = PretrainedSegmenter.load(folders[kind])
    views = images(side, 1 if side > SIDE else 2)
    with quiet_libraries():
        processor = getattr(transformers, f"{PROCESSORS[kind]}ImageProcessorPil")()
        auto = "Universal" if kind in OF_MASKS else "Semantic"
        theirs = getattr(transformers, f"AutoModelFor{auto}Segmentation").from_pretrained(folders[kind]).eval()
        pixels = [(255 * view).round().to(torch.uint8).numpy() for view in views]
        options: dict[str, Any] = {"do_resize": False, "do_center_crop": False, "return_tensors": "pt"}
        plain = {"do_center_crop"} if kind in OF_MASKS else set()
        given = {name: value for name, value in options.items() if name not in plain}
        inputs = {"pixel_values": processor(pixels, **given)["pixel_values"]}
        if kind == "oneformer":
            words = transformers.AutoTokenizer.from_pretrained(folders[kind])
            text = transformers.OneFormerProcessor(processor, words)._preprocess_text(["the task is semantic"])
            inputs["task_inputs"] = text.expand(len(views), -1)
        with torch.no_grad():
            output = theirs(**inputs)
        size = {"size": {"shortest_edge": SIDE, "longest_edge": SIDE}} if kind == "eomt" else {}
        post = processor.post_process_semantic_segmentation
        expected = torch.stack(post(output, target_sizes=[(side, side)] * len(views), **size))
    found = ours.predict(views).argmax(dim=1)
    assert len(expected.unique()) > 1
    assert (found == expected).float().mean() > 0.999  # a tie may fall either way
    assert ours.class_names == NAMES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(96, 64), (50, 70)])
def test_images_of_any_size_are_segmented(folders: dict[str, Path], kind: str, size: tuple[int, int]) -> None:
    ours = PretrainedSegmenter.load(folders[kind])
    views = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1))
    assert ours.predict(views).shape == (2, len(NAMES), *size)
    own = ours(views)
    assert own.shape[:2] == (2, len(NAMES))
    assert torch.isfinite(own).all()
    assert (own.shape[2] > own.shape[3]) == (size[0] > size[1])


def test_scores_of_queries_leave_out_the_void() -> None:
    classes = torch.tensor([[[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]).mul(torch.tensor(2.0).log())  # 4:1:1 and 1:1:1
    masks = torch.full((1, 2, 1, 1), 0.0)  # both half there
    expected = [4 / 6 / 2 + 1 / 6, 1 / 12 + 1 / 6]
    assert semantic_logits(classes, masks).exp().flatten().tolist() == pytest.approx(expected)


def test_the_shares_of_classes_survive_masks_that_are_nowhere() -> None:
    classes = torch.tensor([[[1.0, 0.0, 3.0]]])
    faint = semantic_logits(classes, torch.full((1, 1, 1, 1), -200.0))
    assert faint.softmax(1).flatten().tolist() == pytest.approx(torch.tensor([1.0, 0.0]).softmax(0).tolist())


def test_pixels_are_normalised_as_the_folder_says(folders: dict[str, Path], tmp_path: Path) -> None:
    with quiet_libraries():
        told = save_segmenter(tmp_path / "told", "segformer", image_mean=[0.5, 0.4, 0.3], image_std=[0.1, 0.2, 0.3])
    assert PretrainedSegmenter.load(told).normalise.mean.flatten().tolist() == pytest.approx([0.5, 0.4, 0.3])
    bare = PretrainedSegmenter.load(folders["mobilevit"]).normalise  # blue first, in [0, 1]
    assert bare(torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1)).flatten().tolist() == pytest.approx([0.3, 0.2, 0.1])
    (told / "preprocessor_config.json").write_text(json.dumps({"do_rescale": False}))
    with pytest.raises(ValueError, match=r"takes pixels times 1; only images scaled to \[0, 1\]"):
        PretrainedSegmenter.load(told)


def test_windows_cover_the_longer_side_evenly() -> None:
    assert window_starts(4, 4) == [0]
    assert window_starts(5, 4) == [0, 1]
    assert window_starts(12, 4) == [0, 4, 8]


@pytest.mark.parametrize("upright", [True, False])
def test_maps_of_windows_join_to_the_map_of_the_whole(upright: bool) -> None:
    rows = torch.arange(6.0).view(1, 1, 6, 1).expand(1, 1, 6, 4)
    whole = rows if upright else rows.transpose(-1, -2)
    assert torch.equal(over_square_windows(whole, 4, 1, lambda view: view), whole)


def test_a_network_that_predicts_no_masks_is_refused(tmp_path: Path, clip_folder: Path) -> None:
    with quiet_libraries():
        save_segmenter(tmp_path / "mit", "segformer")
    rewrite(tmp_path / "mit" / "config.json", architectures=["SegformerForImageClassification"])
    with pytest.raises(ValueError, match="is a SegformerForImageClassification and predicts no masks"):
        PretrainedSegmenter.load(tmp_path / "mit")
    with pytest.raises(ValueError, match="is a DPTForDepthEstimation and predicts no masks"):
        PretrainedSegmenter.load(save_depth(tmp_path / "depth", "dpt"))
    with pytest.raises(ValueError, match=r"is not a segmenter .*it is a transformers model of type clip"):
        PretrainedSegmenter.load(clip_folder)


def test_without_scipy_the_extra_is_named(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"mask2former only where scipy is installed; run pip install \"seglet\[teach"):
        PretrainedSegmenter.load(folders["mask2former"])


def test_a_source_may_name_a_revision(tmp_path: Path) -> None:
    assert parse_source("hf:owner/name@main") == ("owner/name", "main")
    assert parse_source("owner/name") == ("owner/name", None)
    (tmp_path / "a@b").mkdir()
    assert parse_source(f"hf:{tmp_path / 'a@b'}") == (str(tmp_path / "a@b"), None)
