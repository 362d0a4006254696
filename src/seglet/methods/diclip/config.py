"""What an experiment with DiCLIP can choose; docs/methods/diclip.md says where the paper and its relatives differ."""

from dataclasses import dataclass
from typing import Literal

from seglet.methods.diclip.tsa import TSAConfig
from seglet.methods.diclip.vce import VCEConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(TSAConfig, VCEConfig):
    """With `attention: none` and `cache_from: none` it is the baseline: plain CLIP's maps teach the decoder."""

    clip_model: str = option("clip-b16", "the CLIP: name, hub id or folder; ViT-B/16 in the paper")
    prompts: str = option("", "words of the classes: voc, coco, world, or a file; none: names in CLIP-ES's prompt")
    head: Literal["weclip", "largefield"] = option("weclip", "transformer decoder, or the convolutional one; Table IX")
    width: float = option(1.0, "factor on the decoder's 256 channels")
    dropout: float = option(0.1, "of whole channels, before the decoder's transformer; WeCLIP code")

    cam_weight: float = option(0.1, "λ: of the adapter's loss; Table VI h")
    background: Literal["absence", "between"] = option(
        "absence", "background is where no class is (WeCLIP code), or below a weak threshold, void up to a strong one"
    )
    background_power: float = option(1.0, "of the absence; above 1 the background yields")
    background_low: float = option(0.25, "the weak threshold; logs of DiCLIP")
    background_high: float = option(0.7, "the strong threshold; logs of DiCLIP")
    par_steps: int = option(20, "steps of PAR; WeCLIP and ExCEL code; 0 leaves maps as they are")
    caa: float = option(0.0, "box threshold with which maps first spread along CLIP's attention: 0.79 in ExCEL; 0: not")
    affinity_weight: float = option(0.0, "of a loss that the logs have and the paper has not: 0.1 there")
    affinity_radius: int = option(8, "patches apart that this loss compares; logs")
    cam_scales: tuple[float, ...] = option((1.0,), "sizes at which maps are made for scores; logs: 1, .5, .75, 1.5")

    online_keys: int = option(0, "keys of each class that are learned from confident regions of the user's images")
    online_start: float = option(0.3, "share of training before that begins")
    online_confidence: float = option(0.8, "share of a refined map that a pixel must have to be remembered")

    def __post_init__(self) -> None:
        VCEConfig.__post_init__(self)
        TSAConfig.__post_init__(self)
        for name in (
            "cam_weight",
            "par_steps",
            "affinity_weight",
            "affinity_radius",
            "online_keys",
            "background_power",
        ):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        for name in ("caa", "online_start", "online_confidence", "background_low", "background_high"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        if self.background_low > self.background_high:
            raise ValueError(f"background_low {self.background_low} is above background_high {self.background_high}")
        if not self.cam_scales or min(self.cam_scales) <= 0:
            raise ValueError(f"cam_scales: expected positive sizes, got {self.cam_scales}")
        if self.online_keys and self.cache_from == "none":
            raise ValueError("online_keys: expected 0 without a cache to add to; set cache_from to generated or real")
