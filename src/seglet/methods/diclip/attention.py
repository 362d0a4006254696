"""Which patches belong together, by Stable Diffusion or by whoever stands in for it: raw, before it is refined.

Axes: b images, n = h·w patches.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, Compute, Reads
from seglet.data.columns.token_grid import crop_token_grid
from seglet.data.dataset import Sample
from seglet.labels.attention.low_rank import LowRankAttention, low_rank_attention
from seglet.methods.diclip.weights import weights
from seglet.models.foundation.attention_source import AttentionSource
from seglet.models.foundation.loading import parse_dtype
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.types import Crop, option

ATTENTION, REGIONS = "attention", "regions"
Source = Literal["diffusion", "clip", "identity", "uniform", "oracle", "none"]
Size = tuple[int, int]


@dataclass(frozen=True)
class AttentionConfig:
    """Whose attention, and how it is read."""

    attention: Source = option(
        "diffusion", "whose attention enters CLIP; clip: its own, refined (Table XI a); identity, uniform: controls; "
        "oracle: of the true masks, which only a control may read; none: CLIP stays as it is"
    )  # fmt: skip
    attention_loop: bool = option(
        False, "run diffusion on the views in each step, as the paper does, instead of once on whole images"
    )
    attention_grid: Size = option((32, 32), "rows and columns of the stored attention, over the whole image")
    attention_rank: int = option(32, "channels of a stored query and key: 4 bytes each per patch")
    diffusion: tuple[str, ...] = option(
        ("sd-2.1-base",), "Stable Diffusions by name, hub id or folder; attention is the mean over all; Table XIII"
    )
    diffusion_dtype: str = option("float32", "float32, or float16 and bfloat16 on a GPU")
    diffusion_layers: tuple[str, ...] = option(
        (), "decoder layers that are read, such as up_blocks.3; none: all. The paper does not say"
    )
    diffusion_size: int | None = option(None, "side that images are resized to for diffusion; none: its own")
    timestep: int = option(100, "how noisy the image is made, of 1000; DiffSegmenter, the paper does not say")
    noise_seed: int = option(0, "of the noise, the same for all images")

    def __post_init__(self) -> None:
        for name in ("attention_rank", "timestep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if min(self.attention_grid) < 1:
            raise ValueError(f"attention_grid: expected at least 1 row and column, got {self.attention_grid}")
        if self.attention == "diffusion" and not self.diffusion:
            raise ValueError("diffusion: expected at least one Stable Diffusion, got none; or choose another attention")
        parse_dtype(self.diffusion_dtype)

    @property
    def side(self) -> Size | None:
        return None if self.diffusion_size is None else (self.diffusion_size, self.diffusion_size)


class DiffusionAttention(nn.Module):
    """The mean attention of some diffusion models."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.seed = config.noise_seed
        self.sources = nn.ModuleList(
            AttentionSource(
                StableDiffusion.load(source, dtype=config.diffusion_dtype),
                config.diffusion_layers,
                config.side,
                config.timestep,
            )
            for source in config.diffusion
        )
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(self, images: Float[Tensor, "b 3 y x"], grid: Size) -> Float[Tensor, "b n n"]:
        """Of images of one size; an image's does not depend on the others."""
        seen = [
            source.attention(images, grid, torch.Generator().manual_seed(self.seed))
            for source in self.sources
            if isinstance(source, AttentionSource)
        ]
        return torch.stack(seen).mean(dim=0)


@dataclass(frozen=True)
class AttentionColumn(ColumnProducer):
    """Self-attention of diffusion models on whole images, as short queries and keys on a grid: [h, w, 2 r], half."""

    config: AttentionConfig
    name: str = ATTENTION
    kind: ColumnKind = "grid"
    maker: str = "diclip-attention/1"

    def identity(self) -> str:
        return ", ".join(weights(source, "diffusion") for source in self.config.diffusion)

    def settings(self) -> Mapping[str, Any]:
        config = self.config
        return {
            "grid": list(config.attention_grid),
            "rank": config.attention_rank,
            "dtype": config.diffusion_dtype,
            "layers": list(config.diffusion_layers),
            "size": config.diffusion_size,
            "timestep": config.timestep,
            "seed": config.noise_seed,
        }

    def load(self, device: torch.device) -> Compute:
        source = DiffusionAttention(self.config).to(device)

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            return [self._maps(source, sample.image, device) for sample in samples]

        return compute

    def _maps(self, source: DiffusionAttention, image: np.ndarray, device: torch.device) -> np.ndarray:
        images = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255
        grid = self.config.attention_grid
        compact = low_rank_attention(source(images, grid), self.config.attention_rank)
        return np.asarray(compact.maps(grid)[0].cpu().numpy())


@dataclass(frozen=True)
class RegionsColumn(ColumnProducer):
    """The true masks, for the control that is told them."""

    name: str = REGIONS
    kind: ColumnKind = "image"
    maker: str = "diclip-regions/1"
    reads: ClassVar[tuple[Reads, ...]] = ("image", "labels")

    def identity(self) -> str:
        return ""

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> Compute:
        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            return [_labels(sample) for sample in samples]

        return compute


def _labels(sample: Sample) -> np.ndarray:
    if sample.labels is None:
        raise ValueError("oracle attention is of true masks, and this image has none; choose another attention")
    return np.asarray(sample.labels)


def stored_attention(column: Float[Tensor, "b y x c"], crop: Crop, grid: Size) -> Float[Tensor, "b n n"]:
    """What the part of a whole image's attention that each view shows is among the patches of the view."""
    cut = crop_token_grid(column.permute(0, 3, 1, 2), crop, grid)
    return LowRankAttention.from_maps(cut.permute(0, 2, 3, 1)).dense()
