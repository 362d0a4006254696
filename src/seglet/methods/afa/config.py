"""Configuration of AFA; docs/methods/afa.md says where paper and code differ."""

from dataclasses import dataclass

from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import StudentConfig
from seglet.types import option


@dataclass(frozen=True)
class Config(TaskLossConfig, StudentConfig):
    """Keys of AFA."""

    student: str = option("segformer-mit_b1", "network to train: segformer- with a Mix Transformer; AFA Sec. 4.1")
    auxiliary_weight: float = option(0.0, "weight of an auxiliary head's loss; AFA has no such head")
    last_stride: int = option(
        16, "pixels per position of the last stage, 16 or 8; AFA code: 16, where SegFormer has 32"
    )
    freeze_norms: bool = option(
        False, "keep the backbone's layer norms as they are (AFA code); only with pretrained weights"
    )

    cam_scales: tuple[float, ...] = option(
        (1.0, 0.5, 1.5), "image scales whose class maps are added, each also mirrored; AFA code"
    )
    background_low: float = option(0.35, "weak background: below it a pixel is background; AFA code")
    background_high: float = option(0.55, "strong background: above it a pixel is of its class; AFA code")
    par_steps: int = option(10, "steps of PAR; AFA on VOC, 15 on COCO")
    affinity_radius: int = option(8, "distance in patches up to which pairs are compared and walks go; AFA code")
    walk_power: float = option(2.0, "exponent of affinities before a walk; AFA code")
    walk_steps: int = option(1, "steps of the walk; AFA code")

    task: tuple[str, ...] = option(("balanced",), "losses against pseudo labels, see supervised; AFA code: balanced")
    seg_weight: float = option(0.1, "weight of the loss of the segmentation; AFA code")
    affinity_weight: float = option(0.1, "weight of the loss of the affinity; AFA code")
    label_start: float = option(
        0.1, "fraction of training after which both losses start; AFA code: 2000 of 20 000 steps"
    )
    walk_start: float = option(
        0.3, "fraction after which labels are those of the walk; AFA code: 6000 of 20 000 steps; 1: never"
    )
    test_scales: tuple[float, ...] = option((1.0, 0.5, 0.75), "image scales of the saved segmenter, in test; AFA code")
    test_mirror: bool = option(True, "the saved segmenter also predicts the mirrored image, in test; AFA code")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.auxiliary_weight:
            raise ValueError(f"auxiliary_weight: expected 0, got {self.auxiliary_weight}; AFA trains no such head")
        if self.last_stride not in (8, 16):
            raise ValueError(f"last_stride: expected 8 or 16, got {self.last_stride}")
        for name in ("cam_scales", "test_scales"):
            if not getattr(self, name) or min(getattr(self, name)) <= 0:
                raise ValueError(f"{name}: expected one or more above 0, got {getattr(self, name)}")
        for name in ("background_low", "background_high", "label_start", "walk_start"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: expected 0 to 1, got {getattr(self, name)}")
        for name in ("par_steps", "affinity_radius", "walk_power", "walk_steps", "seg_weight", "affinity_weight"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}: expected 0 or more, got {getattr(self, name)}")
        if self.background_low > self.background_high:
            raise ValueError(f"background_low {self.background_low} is above background_high {self.background_high}")
        if self.freeze_norms and self.student_weights is None and self.pretrained in ("auto", "none"):
            raise ValueError("freeze_norms: expected false without student_weights or pretrained; norms of random "
                             "layers are meaningless")  # fmt: skip
