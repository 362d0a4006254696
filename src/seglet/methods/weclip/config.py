"""Configuration of WeCLIP; docs/methods/weclip.md says where paper and code differ."""

from dataclasses import dataclass

from seglet.methods.clip_cams import ClipCamConfig
from seglet.methods.task_loss import TaskLossConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(ClipCamConfig, TaskLossConfig):
    """Keys of WeCLIP: those of CLIP's class maps, and those of the decoder and of the refinement by it."""

    task: tuple[str, ...] = option(("balanced",), "losses against pseudo labels, see supervised; WeCLIP code: balanced")
    width: float = option(1.0, "factor on the decoder's 256 channels")
    dropout: float = option(0.1, "dropout of whole channels before the decoder's transformer; WeCLIP code")

    refine_start: float = option(
        0.5, "fraction of training after which the decoder rectifies maps (RFM); WeCLIP code: 15 000 of 30 000 steps"
    )
    refine_layers: int = option(6, "number of CLIP's last layers it chooses from; WeCLIP code, 10 on COCO")
    par_steps: int = option(20, "steps of PAR; WeCLIP code")
    affinity_weight: float = option(0.1, "weight of the loss of the decoder's affinity; WeCLIP code")
    affinity_radius: int = option(8, "distance in patches up to which pairs are compared; WeCLIP code")
    test_scales: tuple[float, ...] = option((1.0, 0.75), "image scales of the saved segmenter, in test; WeCLIP code")
    test_mirror: bool = option(True, "the saved segmenter also predicts the mirrored image, in test; WeCLIP code")

    def __post_init__(self) -> None:
        super().__post_init__()
        TaskLossConfig.__post_init__(self)
        if not 0 <= self.refine_start <= 1:
            raise ValueError(f"refine_start: expected 0 to 1, got {self.refine_start}")
        if self.refine_layers < 1:
            raise ValueError(f"refine_layers: expected at least 1, got {self.refine_layers}")
        for name in ("par_steps", "affinity_weight", "affinity_radius"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if not self.test_scales or min(self.test_scales) <= 0:
            raise ValueError(f"test_scales: expected one or more above 0, got {self.test_scales}")
