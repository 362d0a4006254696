"""Configuration of DiCLIP; docs/methods/diclip.md says where the paper and related work differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.methods.diclip.tsa import TSAConfig
from seglet.methods.diclip.vce import VCEConfig
from seglet.methods.task_loss import TaskLossConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(TSAConfig, VCEConfig, TaskLossConfig):
    """Keys of DiCLIP; `attention: none` and `cache_from: none` is the baseline, pseudo labels of plain CLIP."""

    clip_model: str = option("clip-b16", "CLIP by name, hub id or folder; ViT-B/16 in the paper")
    prompts: str = option(
        "", "phrases for the classes: voc, coco, world, or a file; none: the class names in CLIP-ES's prompt"
    )
    head: Literal["weclip", "largefield"] = option("weclip", "transformer decoder, or the convolutional one; Table IX")
    width: float = option(1.0, "factor on the decoder's 256 channels")
    dropout: float = option(0.1, "dropout of whole channels before the decoder's transformer; WeCLIP code")

    task: tuple[str, ...] = option(("balanced",), "losses against pseudo labels, see supervised; WeCLIP code: balanced")
    cam_weight: float = option(0.1, "λ, weight of the adapter's loss; Table VI h")
    background: Literal["absence", "between"] = option(
        "absence",
        "background where no class is (WeCLIP code), or below a low threshold, and void up to a high one (between)",
    )
    background_power: float = option(1.0, "exponent of the background map; above 1 it gives way to classes")
    background_low: float = option(0.25, "low threshold of `background: between`; DiCLIP's logs")
    background_high: float = option(0.7, "high threshold of `background: between`; DiCLIP's logs")
    par_steps: int = option(20, "steps of PAR; WeCLIP and ExCEL code; 0 leaves maps as they are")
    caa: float = option(
        0.0, "box threshold with which maps are first spread along CLIP's attention; ExCEL: 0.79; 0: not at all"
    )
    affinity_weight: float = option(0.0, "weight of an affinity loss that DiCLIP's logs have (0.1), but not the paper")
    affinity_radius: int = option(8, "distance in patches up to which this loss compares; DiCLIP's logs")
    map_size: int | None = option(
        None, "side in pixels that images are squeezed to for maps that are evaluated or written; ExCEL code: 320; "
        "none: their own size"
    )  # fmt: skip
    cam_scales: tuple[float, ...] = option(
        (1.0,), "factors of this size over which such maps are averaged; DiCLIP's logs: 1, .5, .75, 1.5"
    )

    scored_maps: int = option(
        0, "training images with masks of whose maps every validation reports the mIoU at the best threshold; Fig. 12"
    )

    online_keys: int = option(0, "keys per class that are learned from confident regions of the user's images")
    online_start: float = option(0.3, "fraction of training after which they are learned")
    online_confidence: float = option(0.8, "least share of a refined map at a pixel of such a region")

    def __post_init__(self) -> None:
        VCEConfig.__post_init__(self)
        TSAConfig.__post_init__(self)
        TaskLossConfig.__post_init__(self)
        for name in (
            "cam_weight",
            "par_steps",
            "affinity_weight",
            "affinity_radius",
            "online_keys",
            "scored_maps",
            "background_power",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        for name in ("caa", "online_start", "online_confidence", "background_low", "background_high"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if self.background_low > self.background_high:
            raise ValueError(f"background_low {self.background_low} is above background_high {self.background_high}")
        if self.map_size is not None and self.map_size < 1:
            raise ValueError(f"map_size: expected at least 1, or none, got {self.map_size}")
        if not self.cam_scales or min(self.cam_scales) <= 0:
            raise ValueError(f"cam_scales: expected positive sizes, got {self.cam_scales}")
        if self.online_keys and self.cache_from == "none":
            raise ValueError("online_keys: expected 0 without a cache to add to; choose another cache_from")

    def map_sides(self, size: tuple[int, int]) -> tuple[int, int]:
        """Returns the height and width at which maps of images of this size are made."""
        return size if self.map_size is None else (self.map_size, self.map_size)

    def view_sizes(self, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Returns the height and width of each of the `cam_scales` of images of this size."""
        height, width = self.map_sides(size)
        return [(max(1, round(scale * height)), max(1, round(scale * width))) for scale in self.cam_scales]
