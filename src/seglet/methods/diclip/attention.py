"""Attention among patches, by Stable Diffusion or a control, before it is refined.

Axes: b images, n = h·w patches.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from seglet.data.columns.kinds import ColumnKind, ColumnValue
from seglet.data.columns.producer import ColumnProducer, ComputeColumn, SamplePart
from seglet.data.columns.token_grid import crop_token_grid
from seglet.data.dataset import Sample
from seglet.files import expand_home
from seglet.labels.attention.feature_affinity import AffinityFusion, feature_affinity, fuse_affinities
from seglet.labels.attention.low_rank import LowRankAttention, low_rank_attention
from seglet.models.foundation import clip, pretrained_encoder, stable_diffusion
from seglet.models.foundation.attention_source import AttentionSource, QueriesKeys, mean_attention
from seglet.models.foundation.hub import exact_source, find_model
from seglet.models.foundation.known_models import ModelKind, known_model
from seglet.models.foundation.loading import parse_dtype
from seglet.models.foundation.pretrained_encoder import PretrainedEncoder
from seglet.models.foundation.stable_diffusion import StableDiffusion
from seglet.tensors import resize_antialiased, resize_half_pixel
from seglet.types import Crop, option

ATTENTION_COLUMN, REGIONS_COLUMN = "attention", "regions"
AttentionChoice = Literal["diffusion", "prior", "clip", "identity", "uniform", "oracle", "none"]
GridSize = tuple[int, int]
_LAYOUTS = {
    "clip": clip.IMAGE_TEXT_LAYOUT,
    "diffusion": stable_diffusion.STABLE_DIFFUSION_LAYOUT,
    "encoder": pretrained_encoder.ENCODER_LAYOUT,
}


@dataclass(frozen=True)
class AttentionConfig:
    """Keys of the attention that is put into CLIP."""

    attention: AttentionChoice = option(
        "diffusion", "model whose attention is put into CLIP; prior: the encoders of `prior` alone; clip: its own, "
        "refined (Table XI a); identity, uniform: controls; oracle: a control that uses the true masks; none: CLIP is "
        "not changed"
    )  # fmt: skip
    attention_loop: bool = option(
        False, "run diffusion on the views of every step, as in the paper, instead of once on whole images"
    )
    attention_grid: GridSize = option((32, 32), "rows and columns of the stored attention of a whole image")
    attention_rank: int = option(32, "channels of stored queries and keys, each 4 bytes per patch")
    diffusion: tuple[str, ...] = option(
        ("sd-2.1-base",), "Stable Diffusion models by name, hub id or folder; attention is their mean; Table XIII"
    )
    diffusion_dtype: str = option("float32", "precision of diffusion: float32, or on a GPU also float16 and bfloat16")
    diffusion_layers: tuple[str, ...] = option(
        (), "decoder layers whose attention is used, such as up_blocks.3; none: all; the paper does not say"
    )
    diffusion_size: int | None = option(
        None, "side in pixels that images are resized to for diffusion; none: the model's own"
    )
    timestep: int = option(
        100, "diffusion timestep of the noise added to the image, of 1000; DiffSegmenter, the paper does not say"
    )
    noise_seed: int = option(0, "seed of the noise, which is the same for all images")

    prior: tuple[str, ...] = option(
        (), "image encoders (DINOv2, DINOv3, ViT, CLIP) by name, hub id or folder, whose patches' similarity is fused "
        "with the attention of diffusion"
    )  # fmt: skip
    prior_map: str = option("last", "features of these encoders that are compared: last, or layer1, layer2, …")
    prior_fusion: AffinityFusion = option(
        "mean", "fusion of these maps and that of diffusion: their mean, or what all agree on (geometric mean)"
    )

    def __post_init__(self) -> None:
        for name in ("attention_rank", "timestep"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected at least 1, got {getattr(self, name)}")
        if min(self.attention_grid) < 1:
            raise ValueError(f"attention_grid: expected at least 1 row and column, got {self.attention_grid}")
        if self.attention == "diffusion" and not self.diffusion:
            raise ValueError("diffusion: expected at least one Stable Diffusion, got none; or choose another attention")
        if self.attention == "prior" and not self.prior:
            raise ValueError(
                "prior: expected at least one image encoder, such as dinov2-base; or choose another attention"
            )
        if self.attention not in ("diffusion", "prior") and self.prior:
            raise ValueError(f"prior: attention {self.attention} uses no encoders; set attention to diffusion or prior")
        parse_dtype(self.diffusion_dtype)

    @property
    def from_models(self) -> bool:
        """True if the attention comes from models beside CLIP."""
        return self.attention in ("diffusion", "prior")

    @property
    def identities(self) -> list[str]:
        """Identities of these models' weights."""
        diffusion = self.diffusion if self.attention == "diffusion" else ()
        encoders = self.prior if self.from_models else ()
        return [weights_identity(source, "diffusion") for source in diffusion] + [
            weights_identity(source, "encoder") for source in encoders
        ]

    @property
    def side(self) -> GridSize | None:
        return None if self.diffusion_size is None else (self.diffusion_size, self.diffusion_size)


class DiffusionAttention(nn.Module):
    """Mean self-attention of several diffusion models, fused with the similarity of image encoders' patches."""

    def __init__(self, config: AttentionConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = nn.ModuleList(
            AttentionSource(
                StableDiffusion.load(source, dtype=config.diffusion_dtype),
                config.diffusion_layers,
                config.side,
                config.timestep,
            )
            for source in (config.diffusion if config.attention == "diffusion" else ())
        )
        self.encoders = nn.ModuleList(PretrainedEncoder.load(source) for source in config.prior)
        for encoder in self.encoders:
            encoder.check_place(config.prior_map)  # type: ignore[operator]
        self.requires_grad_(False)

    @torch.no_grad()
    def forward(
        self, images: Float[Tensor, "b 3 y x"] | Sequence[Float[Tensor, "3 _ _"]], grids: Sequence[GridSize]
    ) -> list[Float[Tensor, "b n n"]]:
        """Computes the attention on each of the grids, of each image independently of the others.

        Diffusion runs once; queries and keys are resized to each grid. `images` is a batch, or images of any sizes.
        """
        read = [
            source.queries_and_keys(images, torch.Generator().manual_seed(self.config.noise_seed))
            for source in self.sources
            if isinstance(source, AttentionSource)
        ]
        seen = [self._features(encoder, images) for encoder in self.encoders if isinstance(encoder, PretrainedEncoder)]
        return [self._on_grid(read, seen, grid) for grid in grids]

    def _on_grid(
        self, read: Sequence[Sequence[QueriesKeys]], seen: Sequence[Float[Tensor, "b _ _ _"]], grid: GridSize
    ) -> Float[Tensor, "b n n"]:
        maps = [torch.stack([mean_attention(layers, grid) for layers in read]).mean(dim=0)] if read else []
        maps += [feature_affinity(resize_half_pixel(features, grid)) for features in seen]
        return fuse_affinities(maps, self.config.prior_fusion)

    def _features(
        self, encoder: PretrainedEncoder, images: Float[Tensor, "b 3 y x"] | Sequence[Float[Tensor, "3 _ _"]]
    ) -> Float[Tensor, "b c h w"]:
        """Returns an encoder's features of images squeezed to one patch for each place of the stored grid."""
        rows, columns = self.config.attention_grid
        size = (rows * encoder.patch, columns * encoder.patch)
        batches = [images] if isinstance(images, Tensor) else [image[None] for image in images]
        squeezed = torch.cat([resize_antialiased(batch, size) for batch in batches])
        features: Tensor = encoder(squeezed, self.config.prior_map)
        return features.float()


def weights_identity(source: str, kind: ModelKind) -> str:
    """Returns the hub id of a model on the hub, which need not be downloaded, or else a hash of its files.

    Raises:
        ValueError: files of a folder, or of a model that comes with seglet, are missing.
    """
    return _hub_name(source) if _is_of_the_hub(source) else find_model(source, kind, _LAYOUTS[kind]).identity()


def _hub_name(source: str) -> str:
    """Returns the hub id that a source names, with the revision if it names one."""
    name, at, revision = source.partition("@")
    entry = known_model(name)
    return f"{name if entry is None else entry.id}{at}{revision}"


def _exact_source(source: str, kind: ModelKind) -> str:
    return exact_source(source, _LAYOUTS[kind]) if _is_of_the_hub(source) else source


def _is_of_the_hub(source: str) -> bool:
    return "/" in _hub_name(source).partition("@")[0] and not expand_home(source).is_dir()


@dataclass(frozen=True)
class AttentionColumn(ColumnProducer):
    """Producer of diffusion attention on whole images, as queries and keys of low rank r: [h, w, 2 r] in half."""

    config: AttentionConfig
    name: str = ATTENTION_COLUMN
    kind: ColumnKind = "grid"
    maker: str = "diclip-attention/1"

    def identity(self) -> str:
        return ", ".join(self._exact.identities)

    def fetch(self) -> None:
        config = self._exact
        diffusion = config.diffusion if config.attention == "diffusion" else ()
        named: list[tuple[str, ModelKind]] = [(source, "diffusion") for source in diffusion]
        named += [(source, "encoder") for source in (config.prior if config.from_models else ())]
        for source, kind in named:
            if _is_of_the_hub(source) and "@" not in source:
                with contextlib.suppress(ValueError):  # it is missing only if there is something to compute
                    find_model(source, kind, _LAYOUTS[kind])

    @property
    def _exact(self) -> AttentionConfig:
        """The config with the commit, of those on this machine, of each model of the hub."""
        diffusion = tuple(_exact_source(source, "diffusion") for source in self.config.diffusion)
        prior = tuple(_exact_source(source, "encoder") for source in self.config.prior)
        return replace(self.config, diffusion=diffusion, prior=prior)

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
            **({"prior_map": config.prior_map, "prior_fusion": config.prior_fusion} if config.prior else {}),
        }

    def load(self, device: torch.device) -> ComputeColumn:
        source = DiffusionAttention(self._exact).to(device)

        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            images = [torch.from_numpy(sample.image).to(device).permute(2, 0, 1).float() / 255 for sample in samples]
            grid = self.config.attention_grid
            compact = low_rank_attention(source(images, [grid])[0], self.config.attention_rank)
            return [np.asarray(maps) for maps in compact.maps(grid).cpu().numpy()]

        return compute


@dataclass(frozen=True)
class RegionsColumn(ColumnProducer):
    """Producer of the true masks, for the oracle control."""

    name: str = REGIONS_COLUMN
    kind: ColumnKind = "image"
    maker: str = "diclip-regions/1"
    reads: ClassVar[tuple[SamplePart, ...]] = ("image", "labels")

    def identity(self) -> str:
        return ""

    def settings(self) -> Mapping[str, Any]:
        return {}

    def load(self, device: torch.device) -> ComputeColumn:
        def compute(samples: Sequence[Sample]) -> list[ColumnValue]:
            return [_labels(sample) for sample in samples]

        return compute


def _labels(sample: Sample) -> np.ndarray:
    if sample.labels is None:
        raise ValueError("oracle attention needs true masks, and this image has none; choose another attention")
    return np.asarray(sample.labels)


def attention_of_views(column: Float[Tensor, "b y x c"], crop: Crop, grid: GridSize) -> Float[Tensor, "b n n"]:
    """Returns the attention among the patches of each view, cropped from that of its whole image."""
    cropped = crop_token_grid(column.permute(0, 3, 1, 2), crop, grid)
    return LowRankAttention.from_maps(cropped.permute(0, 2, 3, 1)).dense()
