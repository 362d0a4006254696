import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.foundation.makers import rewrite, save_depth

from seglet.models.foundation.depth_estimator import DepthEstimator, relative_depth

KINDS = ("depth_anything", "dpt", "zoedepth")
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))


@pytest.fixture
def folder(depth_folders: dict[str, Path], tmp_path: Path) -> Path:
    return shutil.copytree(depth_folders["depth_anything"], tmp_path / "depth")


def stretched(answer: torch.Tensor) -> torch.Tensor:
    low, high = answer.amin((1, 2), keepdim=True), answer.amax((1, 2), keepdim=True)
    return (answer - low) / (high - low)


@pytest.mark.parametrize("kind", KINDS)
def test_depth_is_the_networks_own_stretched_with_the_near_at_zero(depth_folders: dict[str, Path], kind: str) -> None:
    estimator = DepthEstimator.load(depth_folders[kind])
    model: Any = estimator.model
    theirs = model(pixel_values=estimator.normalise(IMAGES)).predicted_depth
    at_image_size = theirs if theirs.shape[-1] == 32 else torch.nn.functional.interpolate(
        theirs[:, None], (32, 32), mode="bilinear", antialias=True)[:, 0]  # fmt: skip
    own = stretched(at_image_size)
    expected = own if kind == "zoedepth" else 1 - own  # ZoeDepth says how far, the others how near things are
    assert torch.allclose(estimator.estimate(IMAGES), expected, atol=1e-5)


def test_a_metric_depth_anything_predicts_distance(tmp_path: Path) -> None:
    metric = save_depth(tmp_path, depth_estimation_type="metric", max_depth=20)
    assert DepthEstimator.load(metric).disparity is False


def test_pixels_are_normalised_by_the_authors_numbers_or_imagenets(
    depth_folders: dict[str, Path], folder: Path
) -> None:
    assert DepthEstimator.load(folder).normalise.mean.flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])
    rewrite(folder / "preprocessor_config.json", image_mean=[0.5, 0.4, 0.3], image_std=[0.1, 0.2, 0.3])
    assert DepthEstimator.load(folder).normalise.mean.flatten().tolist() == pytest.approx([0.5, 0.4, 0.3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(50, 40), (7, 90)])
def test_depth_has_the_size_of_the_image(depth_folders: dict[str, Path], kind: str, size: tuple[int, int]) -> None:
    found = DepthEstimator.load(depth_folders[kind]).estimate(torch.rand(1, 3, *size))
    assert found.shape == (1, *size)
    assert (found.min(), found.max()) == (0, 1)


def test_proportions_are_kept_by_the_factor_that_changes_less(depth_folders: dict[str, Path]) -> None:
    keeps, squeezes = (DepthEstimator.load(depth_folders[kind]) for kind in ("depth_anything", "dpt"))
    assert keeps.fitted((32, 64)) == (32, 64)  # by height 1, by width 1/2
    assert keeps.fitted((48, 40)) == (40, 32)  # by width 4/5: 38.4 x 32, to multiples of 8
    assert squeezes.fitted((48, 90)) == (32, 32)


def test_near_is_zero_and_far_is_one() -> None:
    answer = torch.tensor([[[2.0, 4.0, 6.0]]])
    assert relative_depth(answer, disparity=True).tolist() == [[[1.0, 0.5, 0.0]]]
    assert relative_depth(answer, disparity=False).tolist() == [[[0.0, 0.5, 1.0]]]


def test_each_image_is_stretched_by_itself() -> None:
    answer = torch.tensor([[[0.0, 1.0]], [[10.0, 30.0]]])
    assert relative_depth(answer, disparity=False).tolist() == [[[0.0, 1.0]], [[0.0, 1.0]]]


@pytest.mark.parametrize("value", [0.0, 3.0, -1e30])
@pytest.mark.parametrize("disparity", [True, False])
def test_a_constant_depth_is_zero_everywhere(value: float, disparity: bool) -> None:
    almost = torch.full((1, 4, 4), value).mul(1 + 1e-7 * torch.arange(4))
    assert relative_depth(almost, disparity).tolist() == torch.zeros(1, 4, 4).tolist()


def test_a_image_does_not_depend_on_its_neighbours(depth_folders: dict[str, Path]) -> None:
    estimator = DepthEstimator.load(depth_folders["depth_anything"])
    assert torch.allclose(estimator.estimate(IMAGES)[1:], estimator.estimate(IMAGES[1:]), atol=1e-4)


def test_half_precision_gives_depth_in_single(depth_folders: dict[str, Path]) -> None:
    found = DepthEstimator.load(depth_folders["depth_anything"], dtype="bfloat16").estimate(IMAGES)
    assert found.dtype == torch.float32


def test_a_prediction_that_is_not_finite_names_the_cure(depth_folders: dict[str, Path]) -> None:
    estimator = DepthEstimator.load(depth_folders["dpt"])
    next(iter(estimator.parameters())).fill_(torch.nan)
    with pytest.raises(ValueError, match=r"not finite in torch.float32; use bfloat16 or float32"):
        estimator.estimate(IMAGES)


def test_a_weight_that_the_published_networks_lack_is_not_missed(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    idle = [name for name in weights if "fusion_stage.layers.0.residual_layer1." in name]
    save_file({name: tensor for name, tensor in weights.items() if name not in idle}, folder / "model.safetensors")
    before = DepthEstimator.load(folder).estimate(IMAGES)
    assert idle
    assert torch.equal(DepthEstimator.load(folder).estimate(IMAGES), before)


def test_a_clip_is_no_depth_network(clip_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"is not a depth network .*it is a transformers model of type clip"):
        DepthEstimator.load(clip_folder)


def test_half_a_download_of_a_depth_network_is_never_read(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match=r"half a download\?"):
        DepthEstimator.load(folder)
