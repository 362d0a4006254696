"""A miniature of Depth Anything: transformers' DepthAnythingForDepthEstimation on a DINOv2 backbone.

Axes: b images, h rows, w columns.
"""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.models.foundation.loading import quiet_libraries
from seglet.models.foundation.tiny.clip import half_precision_copy
from seglet.models.layers.normalise import IMAGENET_MEAN, IMAGENET_STD

_WIDTH, _HEADS, _LAYERS, _PATCH, _SIZE = 64, 4, 4, 8, 64


class TinyDepth(nn.Module):
    """transformers' model in `depth`.

    Its output is nearness, as that of the real one: larger is nearer, never negative, without a unit.
    """

    def __init__(self) -> None:
        from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

        super().__init__()
        with quiet_libraries():
            backbone = Dinov2Config(
                hidden_size=_WIDTH,
                num_attention_heads=_HEADS,
                num_hidden_layers=_LAYERS,
                image_size=_SIZE,
                patch_size=_PATCH,
                out_indices=list(range(1, _LAYERS + 1)),
                reshape_hidden_states=False,
                layerscale_value=1.0,  # 1e-5 is for long trainings
            )
            config = DepthAnythingConfig(
                backbone_config=backbone,
                patch_size=_PATCH,
                reassemble_hidden_size=_WIDTH,
                neck_hidden_sizes=[16, 32, 48, 64],
                fusion_hidden_size=32,
                head_hidden_size=16,
            )
            self.depth: Any = DepthAnythingForDepthEstimation(config)
            self.depth.set_attn_implementation("eager")

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w"]:
        """Returns the nearness of each pixel of images in [0, 1] whose sides patches divide."""
        mean, std = (
            torch.tensor(values, device=images.device)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_STD)
        )
        near: Tensor = self.depth(pixel_values=(images - mean) / std).predicted_depth
        return near

    def save(self, folder: Path) -> None:
        """Saves model in half precision and image processor, as transformers reads them."""
        from transformers import DPTImageProcessorPil

        with quiet_libraries():
            half_precision_copy(self.depth).save_pretrained(folder)
            DPTImageProcessorPil(
                size={"height": _SIZE, "width": _SIZE},
                ensure_multiple_of=_PATCH,
                keep_aspect_ratio=True,
                image_mean=list(IMAGENET_MEAN),
                image_std=list(IMAGENET_STD),
            ).save_pretrained(folder)
