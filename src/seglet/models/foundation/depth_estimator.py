"""Depth from a single image: Depth Anything, MiDaS (DPT) and ZoeDepth.

Axes: b images, h rows, w columns.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.hub import ModelFiles, find_model
from seglet.models.foundation.image_input import authors_normalisation, read_preprocessing
from seglet.models.foundation.loading import check_finite, import_library, load_network, parse_dtype
from seglet.models.foundation.model_folder import ModelLayout
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD, Normalise
from seglet.tensors import resize_antialiased

DEPTH_LAYOUT = ModelLayout("a depth network", "config.json", ("depth_anything", "dpt", "zoedepth"), ("model",))
_IDLE = ("fusion_stage.layers.0.residual_layer1.",)  # the published MiDaS and ZoeDepth lack it: nothing enters it
_CONSTANT = 1e-6
"""Depth that varies by less than this share of itself counts as constant."""


class DepthEstimator(nn.Module):
    """Relative depth of images of any size, frozen.

    Args:
        size: approximate height and width of the network's input; see `fitted`.
        multiple: number whose multiples both sides are rounded to.
        proportions: whether images keep theirs or are stretched to `size`.
        disparity: the network predicts nearness, not distance.
    """

    def __init__(
        self, model: nn.Module, normalise: Normalise, fit: Mapping[str, Any], disparity: bool, found: ModelFiles
    ) -> None:
        super().__init__()
        self.model = model
        self.normalise = normalise
        self.size: tuple[int, int] = fit["size"]
        self.multiple: int = fit["multiple"]
        self.proportions: bool = fit["proportions"]
        self.disparity = disparity
        self.found = found

    @classmethod
    def load(
        cls,
        source: str | Path = "depth-anything",
        revision: str | None = None,
        dtype: str | torch.dtype = "float32",
        offline: bool = False,
    ) -> "DepthEstimator":
        """Loads a depth network from a folder, a hub id, or a short name of `KNOWN_MODELS`; see `hub.find_model`.

        Raises:
            ValueError: the model is not available, incomplete or no depth network of these three kinds.
        """
        wanted = parse_dtype(dtype)  # before anything is downloaded
        found = find_model(source, "depth", DEPTH_LAYOUT, revision, offline)
        kind = import_library("transformers").AutoModelForDepthEstimation
        model = load_network(kind, found.folder, wanted, _IDLE, trust_remote_code=False)
        settings = read_preprocessing(found.folder)
        normalise = authors_normalisation(settings, IMAGENET_MEAN, IMAGENET_STD)
        return cls(model, normalise, _fit(settings, model.config), _says_nearness(model.config), found).eval()

    @torch.no_grad()
    def estimate(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
        """Estimates depth at the size of the images, in [0, 1]: 0 is the nearest place of each image, 1 its farthest.

        Networks that predict nearness have it subtracted, not inverted. A constant prediction gives 0 everywhere.

        Raises:
            ValueError: the network's output is not finite: half precision was too coarse.
        """
        size = (images.shape[-2], images.shape[-1])
        resized = resize_antialiased(images, self.fitted(size), "bicubic").clamp(0, 1)
        dtype = next(self.model.parameters()).dtype
        predicted = self.model(pixel_values=self.normalise(resized).to(dtype)).predicted_depth.float()
        check_finite(predicted, "the depth of these images", self.model)
        return relative_depth(resize_antialiased(predicted[:, None], size)[:, 0], self.disparity)

    def fitted(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns the height and width that an image of this size is resized to.

        With its own proportions, scaled by that one of the two factors that changes it less, as the authors do.
        """
        height, width = self.size
        if self.proportions:
            factor = min(height / size[0], width / size[1], key=lambda scale: abs(scale - 1))
            height, width = round(size[0] * factor), round(size[1] * factor)
        down, across = (max(round(side / self.multiple), 1) * self.multiple for side in (height, width))
        return down, across

    def identity(self) -> str:
        """Returns an identifier of the exact weights, for the address of a column; see `ModelFiles.identity`."""
        return self.found.identity()


def relative_depth(predicted: Float[Tensor, "b h w"], disparity: bool) -> Float[Tensor, "b h w"]:
    """Rescales the output of each image to depth in [0, 1], 0 the nearest; 0 everywhere if it is constant."""
    low, high = predicted.amin(dim=(1, 2), keepdim=True), predicted.amax(dim=(1, 2), keepdim=True)
    spread = high - low
    varies = spread > _CONSTANT * torch.maximum(low.abs(), high.abs())
    distance = high - predicted if disparity else predicted - low
    return torch.where(varies, distance / torch.where(varies, spread, 1), 0)


def _says_nearness(config: Any) -> bool:
    if config.model_type == "zoedepth":
        return False
    return bool(config.model_type == "dpt" or config.depth_estimation_type == "relative")


def _fit(settings: Mapping[str, Any], config: Any) -> dict[str, Any]:
    inner = config.backbone_config if config.model_type != "dpt" else config
    side, patch = _pair(inner.image_size), _pair(inner.patch_size)[0]
    size = settings.get("size") or {"height": side[0], "width": side[1]}
    return {
        "size": (int(size["height"]), int(size["width"])),
        "multiple": max(int(settings.get("ensure_multiple_of") or 1), patch),
        "proportions": bool(settings.get("keep_aspect_ratio", config.model_type != "dpt")),
    }


def _pair(sides: Any) -> tuple[int, int]:
    if isinstance(sides, int):
        return sides, sides
    height, width = sides
    return int(height), int(width)
