"""Configuration of masks by an ImageNet classifier; docs/methods/imagenet.md has the measurements behind defaults."""

from dataclasses import dataclass
from typing import Literal

from seglet.methods.task_loss import TaskLossConfig
from seglet.models.student import AUTO, StudentConfig
from seglet.types import option

PlaceScore = Literal["standard", "logit", "probability"]
"""Scores of ImageNet's classes at a place: logits in deviations from their mean, logits, or their softmax."""


@dataclass(frozen=True)
class Config(TaskLossConfig, StudentConfig):
    """Keys of the classifier and its maps; those of the student matter in training alone."""

    student: str = option("fpn-efficientnet_lite0", "network to train: HEAD-BACKBONE; ours")
    output_stride: int = option(32, "pixels per position of the student's last stage; ours, for EfficientNet-Lite")
    task: tuple[str, ...] = option(("balanced",), "losses against the maps, see supervised; AFA: balanced")
    auxiliary_weight: float = option(0.0, "weight of the auxiliary head's loss, for ResNets; 0: no such head; ours")

    classifier: Literal["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"] = option(
        "efficientnet_lite2", "classifier whose weights make masks; Lite2 is the best of the three"
    )
    classifier_weights: str = option(AUTO, "file of its weights; auto: the installed package of ImageNet's")
    classifier_stride: int = option(
        32, "pixels per place of its last map: 8 or 16 by dilation, or 32 as it was trained, which is faster and better"
    )
    groups: str = option(
        "", "ImageNet classes of each class: voc, or a YAML file; none: those that WordNet has under its name"
    )
    name_encoder: str = option(
        "", "text encoder, such as minilm-l6, that finds similar names for classes that WordNet does not know; ours"
    )
    place_score: PlaceScore = option(
        "standard", "scores compared at a place: logits in deviations from their mean, logits, or their softmax; ours"
    )
    chance_level: float = option(
        1.0, "share subtracted of the standard score that the strongest of a group has by chance; 0: none; ours"
    )
    cam_scales: tuple[float, ...] = option(
        (1.0, 1.5, 2.0), "factors of the image size over which maps are averaged; ours"
    )
    cam_mirror: bool = option(False, "also average the maps of the mirrored image, which doubles the time; ours")
    background_power: float = option(2.5, "exponent of the background map; above 1 it gives way to classes; ours")

    par_steps: int = option(10, "in training: steps of PAR that refine the maps; AFA; 0 leaves them as they are")
    confidence: float = option(
        0.5, "in training: share of the refined maps below which the strongest class is void; ours"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.classifier_stride not in (8, 16, 32):
            raise ValueError(f"classifier_stride: expected 8, 16 or 32, got {self.classifier_stride}")
        if not self.cam_scales or min(self.cam_scales) <= 0:
            raise ValueError(f"cam_scales: expected positive sizes, got {self.cam_scales}")
        if self.background_power <= 0:
            raise ValueError(f"background_power: expected above 0, got {self.background_power}")
        if self.chance_level < 0:
            raise ValueError(f"chance_level: expected 0 or more, got {self.chance_level}")
        if self.par_steps < 0:
            raise ValueError(f"par_steps: expected 0 or more, got {self.par_steps}")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"confidence: expected 0 to 1, got {self.confidence}")
